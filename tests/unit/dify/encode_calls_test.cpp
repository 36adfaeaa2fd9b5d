#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "opendify/app_form.hpp"
#include "opendify/backend.hpp"

namespace opendify {
namespace {

TEST(EncodeCalls, Stop)
{
    const auto chat = encode_stop_call(AppMode::chat, "t-1", "ana \"x\"");
    EXPECT_TRUE(chat.post);
    EXPECT_EQ(chat.path, "/chat-messages/t-1/stop");
    EXPECT_EQ(chat.args, "");
    EXPECT_EQ(chat.body, "{\"user\":\"ana \\\"x\\\"\"}");

    for (const AppMode mode : {AppMode::unknown, AppMode::agent_chat,
                               AppMode::chatflow, AppMode::agent}) {
        EXPECT_EQ(encode_stop_call(mode, "t", "u").path,
                  "/chat-messages/t/stop");
    }

    EXPECT_EQ(encode_stop_call(AppMode::completion, "t", "u").path,
              "/completion-messages/t/stop");
    EXPECT_EQ(encode_stop_call(AppMode::workflow, "t", "u").path,
              "/workflows/tasks/t/stop");
    EXPECT_EQ(encode_stop_call(AppMode::chat, "../x", "u").path,
              "/chat-messages/..%2Fx/stop");
}

TEST(EncodeCalls, Gets)
{
    const auto info = encode_info_call();
    EXPECT_FALSE(info.post);
    EXPECT_EQ(info.path, "/info");
    EXPECT_EQ(info.args, "");
    EXPECT_EQ(info.body, "");

    const auto mode = encode_mode_probe();
    EXPECT_FALSE(mode.post);
    EXPECT_EQ(mode.path, "/conversations");
    EXPECT_EQ(mode.args, "user=probe&limit=1");

    const auto probe = encode_conversation_probe("c-1", "a&b=c \xc3\xbc");
    EXPECT_FALSE(probe.post);
    EXPECT_EQ(probe.path, "/messages");
    EXPECT_EQ(probe.args,
              "conversation_id=c-1&user=a%26b%3Dc%20%C3%BC&limit=1");
    EXPECT_EQ(probe.body, "");
}

TEST(EncodeCalls, GetsOfOneThing)
{
    const struct {
        BackendRequest request;
        const char    *path;
        const char    *args;
    } kCases[] = {
        {encode_parameters_call("a b"), "/parameters", "user=a%20b"},
        {encode_suggested_call("m/1", "a&b"), "/messages/m%2F1/suggested",
         "user=a%26b"},
        {encode_form_call("t?1"), "/form/human_input/t%3F1", ""},
        {encode_events_call("r 1", "a=b"), "/workflow/r%201/events",
         "user=a%3Db&include_state_snapshot=false&continue_on_pause=false"},
    };

    for (const auto &item : kCases) {
        EXPECT_FALSE(item.request.post);
        EXPECT_EQ(item.request.path, item.path);
        EXPECT_EQ(item.request.args, item.args);
        EXPECT_EQ(item.request.body, "");
    }
}

TEST(EncodeCalls, DeleteAConversation)
{
    const auto request = encode_conversation_delete("a/b", "u\"1");
    EXPECT_TRUE(request.removes);
    EXPECT_FALSE(request.post);
    EXPECT_EQ(request.path, "/conversations/a%2Fb");
    EXPECT_EQ(request.args, "");
    EXPECT_EQ(request.body, "{\"user\":\"u\\\"1\"}");
}

TEST(DecodeDelete, GoneOrNot)
{
    EXPECT_TRUE(decode_conversation_delete(204, ""));
    EXPECT_TRUE(decode_conversation_delete(200, "{\"result\":\"success\"}\n"));
    EXPECT_TRUE(decode_conversation_delete(
        404, "{\"code\":\"not_found\",\"message\":\"Conversation Not "
             "Exists. You have requested this URI\",\"status\":404}"));

    EXPECT_FALSE(decode_conversation_delete(200, ""));
    EXPECT_FALSE(decode_conversation_delete(200, "<html>"));
    EXPECT_FALSE(decode_conversation_delete(200, "{\"result\":\"failed\"}"));
    EXPECT_FALSE(decode_conversation_delete(404, "<html>404 Not Found"));
    EXPECT_FALSE(decode_conversation_delete(
        404, "{\"code\":\"not_found\",\"message\":\"x\"}"));
    EXPECT_EQ(decode_conversation_delete(
                  401, "{\"code\":\"unauthorized\",\"message\":\"x\"}")
                  .failure()
                  .errc,
              Errc::backend_credentials);
    EXPECT_FALSE(decode_conversation_delete(500, ""));
}

// What a request line may hold, and what JSON may.
void expect_inert(const BackendRequest &request, int byte)
{
    for (const std::string &part : {request.path, request.args}) {
        for (const char c : part) {
            EXPECT_TRUE(c > 0x20 && c < 0x7f && c != '#' && c != '?')
                << byte << ": " << part;
        }
    }

    EXPECT_EQ(request.path.find("/../"), std::string::npos);
    EXPECT_EQ(request.path.find("/./"), std::string::npos);

    for (const char c : request.body) {
        EXPECT_GE(static_cast<unsigned char>(c), 0x20) << byte;
    }
}

TEST(EncodeCalls, NoByteOfATextIsMoreThanText)
{
    for (int byte = 0; byte < 256; byte++) {
        const std::string text =
            std::string("a") + static_cast<char>(byte) + "\r\nX: 1";
        const std::string other(1, static_cast<char>(byte));

        for (const std::string &id : {text, other, std::string("..")}) {
            for (const auto &request :
                 {encode_stop_call(AppMode::chat, id, text),
                  encode_stop_call(AppMode::completion, id, text),
                  encode_stop_call(AppMode::workflow, id, text),
                  encode_conversation_probe(id, text),
                  encode_conversation_delete(id, text),
                  encode_parameters_call(text),
                  encode_suggested_call(id, text), encode_form_call(id),
                  encode_events_call(id, text), encode_run_call(id)})
            {
                expect_inert(request, byte);
            }

            const std::string run = encode_run_call(id).path;
            EXPECT_EQ(std::count(run.begin(), run.end(), '/'), 3) << run;
        }
    }
}

}  // namespace
}  // namespace opendify
