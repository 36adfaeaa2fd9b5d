// Replies of servers that are not Dify: what is told of them, and when to
// come again.

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "opendify/backend.hpp"
#include "opendify/endpoint.hpp"

namespace opendify {
namespace {

bool has(const std::string &text, const std::string &part)
{
    return text.find(part) != std::string::npos;
}

Failure at_head(int status, const ReplyHead &head,
                const std::string &body = "<html>x</html>")
{
    return decode_error_reply(status, body, head);
}

TEST(ForeignReply, ASuccessThatIsNotDifysNamesTheDirective)
{
    const struct {
        int         status;
        const char *type;
        const char *body;
        const char *what;
    } kCases[] = {
        {200, "text/html", "<html>Login</html>", "a web page"},
        {200, "TEXT/HTML; charset=utf-8", "<html>", "a web page"},
        {200, "", "\n<!DOCTYPE html>", "a web page"},
        {204, "", "", "nothing"},
        {200, "text/plain", "  \r\n", "nothing"},
        {200, "text/plain", "It works!", "something else"},
        {200, "application/json", "{\"ok\":true}", "JSON"},
        {201, "application/json", "[1]", "JSON"},
    };

    for (const auto &item : kCases) {
        ReplyHead head;
        head.content_type = item.type;
        const Failure failure = at_head(item.status, head, item.body);

        EXPECT_EQ(failure.errc, Errc::backend_misconfigured) << item.body;
        EXPECT_TRUE(has(failure.message, item.what)) << failure.message;
        EXPECT_TRUE(has(failure.message, "proxy_pass")) << failure.message;
        EXPECT_TRUE(has(failure.message, std::to_string(item.status)));
    }
}

TEST(ForeignReply, ARedirectTellsWhereToButNoSecrets)
{
    for (int status : {301, 302, 303, 307, 308}) {
        ReplyHead head;
        head.location = "https://dify.example.com/v1/info?token=secret#x";
        const Failure failure = at_head(status, head);

        EXPECT_EQ(failure.errc, Errc::backend_misconfigured);
        EXPECT_TRUE(has(failure.message, "https://dify.example.com/v1/info "))
            << failure.message;
        EXPECT_TRUE(has(failure.message, "proxy_pass https://"));
        EXPECT_FALSE(has(failure.message, "secret"));
    }

    for (const std::string &location : {
             std::string("http://user:pw@h/\r\nX: y"),
             std::string("//user:pw@h/a@b"), std::string("/login?pw=1"),
             "http://h/" + std::string(5000, 'x'), std::string(),
             std::string("http://h/\xff\"<>"), std::string("@"),
         }) {
        ReplyHead head;
        head.location = location;
        const Failure failure = at_head(302, head);

        EXPECT_FALSE(has(failure.message, "pw")) << failure.message;
        EXPECT_LT(failure.message.size(), 500u);
        EXPECT_EQ(failure.message.find_first_of("\r\n\"\xff"),
                  std::string::npos);
        EXPECT_TRUE(has(failure.message, "proxy_pass"));
    }
}

TEST(ForeignReply, ErrorsOfAServerInFrontOfDify)
{
    const struct {
        int         status;
        Errc        errc;
        const char *what;
    } kCases[] = {
        {401, Errc::backend_credentials, "in front of Dify"},
        {403, Errc::backend_misconfigured, "in front of Dify"},
        {404, Errc::backend_misconfigured, "proxy_pass"},
        {413, Errc::backend_rejected, "client_max_body_size"},
        {502, Errc::backend_failed, "in front of Dify"},
        {503, Errc::backend_failed, "in front of Dify"},
        {504, Errc::backend_timeout, "in time"},
        {500, Errc::backend_failed, "status 500"},
    };

    for (const auto &item : kCases) {
        for (const char *body : {"<html>", "", "{\"detail\":\"No.\"}"}) {
            const Failure failure = at_head(item.status, {}, body);

            EXPECT_EQ(failure.errc, item.errc) << item.status;
            EXPECT_TRUE(has(failure.message, item.what)) << failure.message;
        }
    }
}

TEST(ForeignReply, DifysOwnWordsStay)
{
    ReplyHead head;
    head.content_type = "application/json";
    const Failure failure = at_head(
        404, head,
        R"({"code":"not_found","message":"No such app.","status":404})");

    EXPECT_EQ(failure.message, "No such app.");
}

TEST(ForeignReply, ACompressedAnswerIsNamed)
{
    for (const char *encoding : {"gzip", "br", "deflate", "zstd",
                                 "gzip,identity"}) {
        ReplyHead head;
        head.content_type = "text/event-stream";
        head.content_encoding = encoding;
        const Failure failure = at_head(200, head, "\x1f\x8b");

        EXPECT_TRUE(has(failure.message, encoding)) << failure.message;
        EXPECT_TRUE(has(failure.message, "Accept-Encoding"));
    }

    ReplyHead head;
    head.content_encoding = "Identity";
    EXPECT_FALSE(has(at_head(200, head).message, "compressed"));
}

int seconds_of(int status, const std::string &text,
               std::optional<std::int64_t> date = {})
{
    ReplyHead head;
    head.retry_after = text;
    head.retry_date_in_s = date;

    return at_head(status, head).retry_after_s;
}

TEST(RetryAfter, IsPassedOnWhereOneMayComeAgain)
{
    EXPECT_EQ(seconds_of(429, "37"), 37);
    EXPECT_EQ(seconds_of(503, " 120 "), 120);
    EXPECT_EQ(seconds_of(503, "Wed, 21 Oct 2099 07:28:00 GMT", 90), 90);
    EXPECT_EQ(seconds_of(429, "Wed, 21 Oct 2015 07:28:00 GMT", -90), 1);
    EXPECT_EQ(seconds_of(429, "0"), 1);
    EXPECT_EQ(seconds_of(429, "86401"), 86400);
    EXPECT_EQ(seconds_of(429, std::string(400, '9')), 86400);

    for (const char *garbage : {"", " ", "-1", "soon", "1.5", "3 0", "0x10",
                                "1e3", "\r\n", "12;"}) {
        EXPECT_EQ(seconds_of(429, garbage), 0) << garbage;
    }

    for (int status : {400, 401, 404, 500, 502, 504}) {
        EXPECT_EQ(seconds_of(status, "37"), 0) << status;
    }
}

TEST(RetryAfter, MakesABusyServerOfA503)
{
    ReplyHead head;
    head.retry_after = "5";
    EXPECT_EQ(at_head(503, head).errc, Errc::backend_overloaded);
    EXPECT_EQ(error_head(Errc::backend_overloaded).status, 503);

    head.retry_after = "later";
    EXPECT_EQ(at_head(503, head).errc, Errc::backend_overloaded);
    EXPECT_EQ(at_head(503, head).retry_after_s, 0);

    head.retry_after = "";
    EXPECT_EQ(at_head(503, head).errc, Errc::backend_failed);
}

TEST(EventStream, IsKnownByItsBeginning)
{
    for (const char *body : {"data: {", "data:{", "event: ping\n", "id: 1\n",
                             "retry: 1\n", ": hello\n", "\xef\xbb\xbf" "data:"})
    {
        EXPECT_TRUE(begins_event_stream(body)) << body;
    }

    for (const char *body : {"", "dat", "{\"data:", "<html>data:", "datax:",
                             " data:", "\xef\xbb\xbf{"})
    {
        EXPECT_FALSE(begins_event_stream(body)) << body;
    }
}

}  // namespace
}  // namespace opendify
