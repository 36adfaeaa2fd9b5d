#include <gtest/gtest.h>

#include <random>
#include <string>

#include "opendify/endpoint.hpp"
#include "opendify/fingerprint.hpp"
#include "opendify/request_decoder.hpp"
#include "wire/json_reader.hpp"

namespace opendify {
namespace {

constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

std::string base64_of(std::size_t size, unsigned seed)
{
    std::mt19937 random(seed);
    std::string  out;

    while (out.size() < size) {
        out += kAlphabet[random() % kAlphabet.size()];
    }

    return out;
}

std::string with_files(const std::vector<std::string> &urls)
{
    std::string out = R"({"model":"m","messages":[{"role":"user","content":[)"
                      R"({"type":"text","text":"caf\u00e9 \ud83d\ude00 \n"})";

    for (const std::string &url : urls) {
        out += R"(,{"type":"image_url","image_url":{"url":")" + url + "\"}}";
    }

    return out + R"(]}],"x":{"a":[1,{"b":null}]},"user":"u"})";
}

Result<Turn> decode(const std::string &body, std::size_t slice,
                    std::size_t *files = nullptr)
{
    RequestDecoder decoder(RequestKind::chat, std::string(body), Limits{});
    bool           over = false;

    while (!over) {
        over = decoder.step(slice);

        if (files != nullptr && decoder.large_file() != nullptr) {
            ++*files;
        }
    }

    return decoder.take();
}

TEST(RequestDecoder, SlicesDoNotMatter)
{
    const std::string body =
        with_files({"data:image/png;base64,iVBORw0KGgo=", "http://h/a.png"});
    const auto whole = decode(body, body.size());
    ASSERT_TRUE(whole);

    for (std::size_t slice = 1; slice < 40; slice++) {
        const auto turn = decode(body, slice);

        ASSERT_TRUE(turn) << slice;
        EXPECT_EQ(turn->user, "u");
        EXPECT_EQ(turn->messages[0].text, whole->messages[0].text);
        EXPECT_EQ(turn->messages[0].text, "caf\u00e9 \U0001f600 \n");
        EXPECT_EQ(turn_fingerprint(*turn).digest(),
                  turn_fingerprint(*whole).digest());
    }
}

TEST(RequestDecoder, LargeFilesAreDecodedAndHashedInSlices)
{
    const std::string a = base64_of(400000, 1);
    const std::string b = base64_of(300000, 2);
    const std::string body = with_files({"data:image/png;base64," + a,
                                         "data:image/gif;base64," + b});

    for (const std::size_t slice : {1000u, 4097u, 65536u, 1000000u}) {
        std::size_t files = 0;
        const auto  turn = decode(body, slice, &files);

        ASSERT_TRUE(turn);
        EXPECT_EQ(files, 2u);
        ASSERT_EQ(turn->messages[0].files.size(), 2u);

        for (const Attachment &file : turn->messages[0].files) {
            ASSERT_TRUE(file.content);
            EXPECT_EQ(*file.content, digest_of({file.bytes}));
        }

        EXPECT_EQ(turn->messages[0].files[0].bytes.size(), a.size() / 4 * 3);
        EXPECT_EQ(turn->messages[0].files[1].mime, "image/gif");
    }
}

TEST(RequestDecoder, LargeFilesMayBeInLines)
{
    const std::string plain = base64_of(400003, 4);

    for (std::size_t length : {76u, 61u, 4u}) {
        std::string lines;

        for (std::size_t at = 0; at < plain.size(); at += length) {
            lines += plain.substr(at, length) + "\\r\\n";
        }

        const auto whole =
            decode(with_files({"data:image/png;base64," + plain}), 5000);
        const auto turn =
            decode(with_files({"data:image/png;base64," + lines}), 4999);

        ASSERT_TRUE(whole);
        ASSERT_TRUE(turn) << length;
        EXPECT_EQ(turn->messages[0].files[0].bytes,
                  whole->messages[0].files[0].bytes);
        EXPECT_EQ(turn_fingerprint(*turn).digest(),
                  turn_fingerprint(*whole).digest());
    }
}

TEST(RequestDecoder, WhatIsWrongWithALargeFileIsSaid)
{
    for (const char *end : {"%%%%", "!", "A", "=AAA", "A===", "AA==\\nA"}) {
        const auto turn = decode(
            with_files({"data:image/png;base64," + base64_of(400000, 3) + end}),
            5000);

        ASSERT_FALSE(turn) << end;
        EXPECT_EQ(turn.failure().errc, Errc::bad_value);
        EXPECT_EQ(turn.failure().param,
                  "messages[0].content[1].image_url.url");
    }
}

TEST(RequestDecoder, AByteOrderMarkIsPassedOver)
{
    const std::string body = with_files({});

    for (std::size_t slice = 1; slice < 9; slice++) {
        ASSERT_TRUE(decode("\xef\xbb\xbf" + body, slice));
    }
}

TEST(RequestDecoder, CodingsOfABody)
{
    for (std::string_view codings : {"", "identity", "Identity", " IDENTITY\t",
                                     "identity, identity", ",", ", identity"})
    {
        EXPECT_FALSE(refuse_coding(codings)) << codings;
    }

    for (std::string_view codings : {"gzip", "deflate", "br", "zstd", "x-gzip",
                                     "identity, gzip", "gzip,identity",
                                     "identit", "identity2", "\x01"})
    {
        auto failure = refuse_coding(codings);

        ASSERT_TRUE(failure) << codings;
        EXPECT_EQ(failure->errc, Errc::unsupported_coding);
    }
}

TEST(RequestDecoder, WideEncodingsAreNamed)
{
    const std::string bodies[] = {
        std::string("\xff\xfe{\0}\0", 6),
        std::string("\xfe\xff\0{\0}", 6),
        std::string("{\0}\0", 4),
        std::string("\0{\0}", 4),
        std::string("\xff\xfe\0\0{\0\0\0}\0\0\0", 12),
        std::string("\0\0\xfe\xff\0\0\0{\0\0\0}", 12),
        std::string("\0\0\0{\0\0\0}", 8),
    };

    for (const std::string &body : bodies) {
        auto turn = decode_chat_request(body, Limits{});

        ASSERT_FALSE(turn);
        EXPECT_EQ(turn.failure().errc, Errc::bad_json);
        EXPECT_NE(turn.failure().message.find("UTF-16"), std::string::npos);
    }
}

TEST(RequestDecoder, NotJsonInAnySlices)
{
    for (const char *body : {"", "{", "{\"model\":\"m", "[1,2", "{\"a\" 1}",
                             "{\"a\":1}}", "nul", "\"\\ud8", "{,}",
                             "{\"a\":NaN}", "[-Infinity]", "Infinity",
                             "\xef\xbb\xbf", "\xef\xbb", "{\xef\xbb\xbf}",
                             "\xef\xbb\xbf\xef\xbb\xbf{}"})
    {
        for (std::size_t slice = 1; slice < 9; slice++) {
            const auto turn = decode(body, slice);

            ASSERT_FALSE(turn) << body;
            EXPECT_EQ(turn.failure().errc, Errc::bad_json) << body;
        }
    }
}

std::string with_member(const std::string &member)
{
    return R"({"model":"m","messages":[{"role":"user","content":"q"}],)"
           + member + "}";
}

std::string zeros(std::size_t count)
{
    std::string out = "[0";

    while (--count > 0) {
        out += ",0";
    }

    return out + "]";
}

// However many values it has, in whatever depth, what nobody reads is legal.
TEST(RequestDecoder, WhatNobodyReadsIsNotCounted)
{
    const std::string many = zeros(600000);

    for (const std::string &member :
         {"\"x\":" + many, "\"tools\":[{\"a\":" + many + "},{}]",
          "\"y\":{\"a\":[[" + many + ",{\"b\":\"c\"}]],\"d\":1}"})
    {
        const auto turn = decode(with_member(member + ",\"user\":\"u\""), 997);

        ASSERT_TRUE(turn);
        EXPECT_EQ(turn->user, "u");
        EXPECT_EQ(turn->has_tools, member.find("tools") == 1);
    }

    EXPECT_FALSE(decode(with_member("\"x\":[" + many + "}"), 997));
    EXPECT_FALSE(decode(with_member("\"x\":[" + many + ",]"), 997));
}

TEST(RequestDecoder, BoundsNameTheirDirectives)
{
    const auto values =
        decode(with_member("\"metadata\":{\"a\":" + zeros(600000) + "}"), 9999);
    ASSERT_FALSE(values);
    EXPECT_EQ(values.failure().errc, Errc::body_too_large);
    EXPECT_NE(values.failure().message.find("opendify_max_json_values"),
              std::string::npos);

    const auto text = decode(R"({"model":"m","messages":[{"role":"user",)"
                             R"("content":")"
                                 + std::string((4 << 20) + 1, 'a') + "\"}]}",
                             100000);
    ASSERT_FALSE(text);
    EXPECT_EQ(text.failure().errc, Errc::body_too_large);
    EXPECT_NE(text.failure().message.find("opendify_max_text"),
              std::string::npos);
}

TEST(RequestDecoder, AMemberThatIsNotReadKeepsItsSize)
{
    constexpr std::string_view kNames[] = {"read"};

    wire::JsonBounds   bounds;
    wire::JsonDocument document;

    bounds.large = kNames;
    bounds.large_count = 1;
    document.begin("{\"a\":[" + zeros(5000) + ",[],{}],\"read\":"
                       + zeros(5000) + ",\"b\":[1,2]}",
                   bounds);

    while (!document.go_on(100)) {
    }

    const auto root = document.root();

    EXPECT_EQ(root["a"].size(), 3u);
    EXPECT_FALSE(root["a"].first());
    EXPECT_EQ(root["read"].size(), 5000u);
    EXPECT_TRUE(root["read"].first());
    EXPECT_EQ(root["b"].first().integer(0), 1);
}

}  // namespace
}  // namespace opendify
