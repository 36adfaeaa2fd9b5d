#include <map>
#include <random>
#include <string>

#include <gtest/gtest.h>

#include "opendify/backend.hpp"

namespace opendify {
namespace {

struct Part {
    std::map<std::string, std::string> headers;
    std::string                        body;
};

// Strict: RFC 2046 §5.1.1 without preamble, epilogue or blanks. "" or what is
// wrong.
std::string parse(const BackendRequest &request, std::vector<Part> &parts)
{
    const std::string type = "multipart/form-data; boundary=";
    if (request.content_type.compare(0, type.size(), type) != 0) {
        return "content type";
    }

    const std::string boundary = request.content_type.substr(type.size());
    if (boundary.empty() || boundary.size() > 70
        || boundary.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-")
               != std::string::npos) {
        return "boundary";
    }

    const std::string &body = request.body;
    const std::string  line = "--" + boundary;
    if (body.compare(0, line.size(), line) != 0) {
        return "first line";
    }

    for (std::size_t at = line.size();;) {
        if (body.compare(at, std::string::npos, "--\r\n") == 0) {
            return "";
        }

        if (body.compare(at, 2, "\r\n") != 0) {
            return "end of a boundary";
        }

        Part part;
        at += 2;
        for (std::size_t end = body.find("\r\n", at); end != at;
             end = body.find("\r\n", at)) {
            const std::size_t colon = body.find(": ", at);
            if (end == std::string::npos || colon > end) {
                return "header";
            }

            part.headers[body.substr(at, colon - at)] =
                body.substr(colon + 2, end - colon - 2);
            at = end + 2;
        }

        at += 2;
        const std::size_t next = body.find("\r\n" + line, at);
        if (next == std::string::npos) {
            return "no next boundary";
        }

        part.body = body.substr(at, next - at);
        parts.push_back(part);
        at = next + 2 + line.size();
    }
}

Attachment file(const std::string &name, const std::string &bytes,
                const std::string &mime = {})
{
    Attachment out;
    out.name = name;
    out.bytes = bytes;
    out.mime = mime;

    return out;
}

class EncodeUpload : public testing::Test {
protected:
    void encode(const Attachment &attachment, const std::string &user = "u")
    {
        Attachment sent = attachment;
        request_ = encode_upload_call(sent, user);
        EXPECT_EQ(request_.payload, attachment.bytes);
        EXPECT_EQ(sent.bytes, "");
        request_.body += request_.payload + request_.tail;
        parts_.clear();
        ASSERT_EQ(parse(request_, parts_), "");
        ASSERT_EQ(parts_.size(), 2u);
        EXPECT_EQ(parts_[0].headers.size(), 1u);
        EXPECT_EQ(parts_[0].headers["Content-Disposition"],
                  "form-data; name=\"user\"");
        EXPECT_EQ(parts_[1].headers.size(), 2u);
        EXPECT_EQ(parts_[1].body, attachment.bytes);
    }

    std::string name_of(const std::string &name)
    {
        const std::string before = "form-data; name=\"file\"; filename=\"";

        encode(file(name, "x"));
        std::string value = parts_[1].headers["Content-Disposition"];
        EXPECT_EQ(value.substr(0, before.size()), before);
        EXPECT_EQ(value.back(), '"');
        value = value.substr(before.size(),
                             value.size() - before.size() - 1);
        EXPECT_EQ(value.find_first_of("\"/\\\r\n"), std::string::npos);

        return value;
    }

    std::string type_of(const std::string &name, const std::string &mime)
    {
        encode(file(name, "x", mime));

        return parts_[1].headers["Content-Type"];
    }

    BackendRequest    request_;
    std::vector<Part> parts_;
};

TEST_F(EncodeUpload, Request)
{
    encode(file("cat.png", "\x89PNG\r\n", "image/png"), "ana");
    EXPECT_TRUE(request_.post);
    EXPECT_EQ(request_.path, "/files/upload");
    EXPECT_EQ(request_.args, "");
    EXPECT_EQ(parts_[0].body, "ana");
    EXPECT_EQ(parts_[1].headers["Content-Disposition"],
              "form-data; name=\"file\"; filename=\"cat.png\"");
    EXPECT_EQ(parts_[1].headers["Content-Type"], "image/png");
}

TEST_F(EncodeUpload, Names)
{
    EXPECT_EQ(name_of("a b.png"), "a b.png");
    EXPECT_EQ(name_of("\xc3\xbc.png"), "\xc3\xbc.png");
    EXPECT_EQ(name_of("..\\a/b\"c\r\nX: y\x7f.png"), ".._a_b_c__X: y_.png");
    EXPECT_EQ(name_of("a\xff.png"), "a\xef\xbf\xbd.png");
    EXPECT_EQ(name_of(""), "file");
    EXPECT_EQ(name_of(".."), "file");

    const std::string cut = name_of(std::string(300, 'x') + ".PNG");
    EXPECT_EQ(cut, std::string(196, 'x') + ".png");

    std::string umlauts = "x";
    for (int i = 0; i < 200; i++) {
        umlauts += "\xc3\xbc";
    }

    EXPECT_EQ(name_of(umlauts).size(), 199u);
}

TEST_F(EncodeUpload, NoByteOfANameLeavesIt)
{
    for (int byte = 0; byte < 256; byte++) {
        const std::string odd(1, static_cast<char>(byte));

        for (const std::string &name :
             {odd, "a" + odd + "b.png", "a." + odd + "\"x",
              std::string(300, 'x') + ".p" + odd + "\r\nX: 1\"",
              std::string(300, 'x') + ".p\xc2" + odd})
        {
            for (const char c : name_of(name)) {
                EXPECT_TRUE(static_cast<unsigned char>(c) >= 0x20
                            && c != 0x7f)
                    << byte;
            }

            EXPECT_EQ(parts_.size(), 2u) << byte;
            EXPECT_EQ(parts_[1].headers.size(), 2u) << byte;
        }

        EXPECT_EQ(type_of("a", "a" + odd + "\r\nX: 1/b"),
                  "application/octet-stream");
    }

    EXPECT_EQ(name_of("a\xc2\x85" "b\xe2\x80\xa8.png"), "a_b_.png");
}

TEST_F(EncodeUpload, Types)
{
    EXPECT_EQ(type_of("a", "text/plain; charset=utf-8"), "text/plain");
    EXPECT_EQ(type_of("a", "text/plain ;x"), "text/plain");
    EXPECT_EQ(type_of("a.pdf", ""), "application/pdf");

    for (const char *bad : {"", "text", "/x", "x/", "a/b/c", "a/b\r\nX: y",
                            "a b/c", "\xc3\xbc/x"}) {
        EXPECT_EQ(type_of("a", bad), "application/octet-stream") << bad;
    }
}

TEST_F(EncodeUpload, UserAsInJson)
{
    encode(file("a", "x"), "a\r\nb\xff\xc3\xbc");
    EXPECT_EQ(parts_[0].body, "a\r\nb\xef\xbf\xbd\xc3\xbc");
}

TEST_F(EncodeUpload, BoundaryOccursInNothing)
{
    const Attachment attachment = file("a", "x");
    encode(attachment);

    const std::string boundary =
        request_.content_type.substr(request_.content_type.find('=') + 1);
    const std::string user = "\r\n--" + boundary + "--\r\n";
    encode(attachment, user);
    EXPECT_EQ(parts_[0].body, user);
    EXPECT_EQ(request_.content_type.find(boundary), std::string::npos);
}

TEST_F(EncodeUpload, AnyBytes)
{
    std::mt19937 random(7);

    for (int i = 0; i < 200; i++) {
        std::string bytes(random() % 300, '\0');
        for (char &c : bytes) {
            c = "\r\n-\0o\xff"[random() % 6];
        }

        encode(file("a.bin", bytes), bytes.substr(0, 20));
    }
}

std::string refused(int status, const std::string &body, Errc errc)
{
    const auto id = decode_upload_reply(status, body);
    if (id) {
        return "taken: " + *id;
    }

    EXPECT_EQ(id.failure().errc, errc) << status << body;
    EXPECT_EQ(id.failure().param, "");

    return id.failure().message;
}

TEST(DecodeUploadReply, Id)
{
    const std::string body =
        R"({"id":"b13ebde4-de9a-405f-be3d-f19f07ca68ee","name":"cat.png",)"
        R"("size":98,"extension":"png","mime_type":"image\/png",)"
        R"("created_at":1795231612,"preview_url":null})";

    for (const int status : {200, 201}) {
        const auto id = decode_upload_reply(status, body);
        ASSERT_TRUE(id);
        EXPECT_EQ(*id, "b13ebde4-de9a-405f-be3d-f19f07ca68ee");
    }

    for (std::size_t i = 0; i < body.size(); i++) {
        EXPECT_FALSE(decode_upload_reply(201, body.substr(0, i)));
    }

    EXPECT_TRUE(decode_upload_reply(
        201, "{\"id\":\"" + std::string(128, 'a') + "\"}"));
}

TEST(DecodeUploadReply, NoId)
{
    for (const std::string bad :
         {R"({"id":""})", R"({"id":7})", R"({"id":"a b"})", R"({"id":"../x"})",
          R"({"id":null})", "{}", "[]", "", "<html>"}) {
        EXPECT_NE(refused(201, bad, Errc::backend_misconfigured), "");
    }

    refused(201, "{\"id\":\"" + std::string(129, 'a') + "\"}",
            Errc::backend_misconfigured);
}

TEST(DecodeUploadReply, Refusals)
{
    EXPECT_EQ(refused(413,
                      R"({"code":"file_too_large","message":"File size )"
                      R"(exceeded. {message}","status":413})",
                      Errc::bad_value),
              "The file is larger than the backend allows.");
    EXPECT_EQ(refused(413, "<html>", Errc::bad_value),
              "The file is larger than the backend allows.");
    EXPECT_EQ(refused(415,
                      R"({"code":"unsupported_file_type","message":"File )"
                      R"(type not allowed.","status":415})",
                      Errc::bad_value),
              "The backend does not take files of this type.");
    EXPECT_EQ(refused(400,
                      R"({"code":"invalid_param","message":"File extension )"
                      R"('.exe' is not allowed","status":400})",
                      Errc::bad_value),
              "File extension '.exe' is not allowed");
    EXPECT_EQ(refused(400,
                      R"({"code":"no_file_uploaded","message":"Please upload )"
                      R"(your file.","status":400})",
                      Errc::bad_value),
              "Please upload your file.");

    refused(401, R"({"code":"unauthorized","message":"x","status":401})",
            Errc::backend_credentials);
    refused(400, R"({"code":"invalid_param","message":"Too many requests."})",
            Errc::backend_rate_limited);
    refused(500, "", Errc::backend_failed);
}

}  // namespace
}  // namespace opendify
