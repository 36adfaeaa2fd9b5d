// Bodies at random: nothing that the JSON parser refuses is a request, and
// nothing else makes trouble.

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "opendify/endpoint.hpp"
#include "wire/json_reader.hpp"

namespace opendify {

namespace {

const std::vector<std::string> kWhole = {
    R"({"model":"m","stream":true,"stream_options":{"include_usage":true},)"
    R"("messages":[{"role":"user","content":[{"type":"text","text":"a"},)"
    R"({"type":"image_url","image_url":{"url":"data:image/png;base64,aGk="}},)"
    R"({"type":"image_url","image_url":"https://x/y.png"},)"
    R"({"type":"input_audio","input_audio":{"data":"aGk=","format":"mp3"}},)"
    R"({"type":"file","file":{"filename":"a/b.c","file_data":"aGk="}},)"
    R"({"type":"file","file":{"file_data":"data:text/plain;x,a%20b"}}]},)"
    R"({"role":"assistant","content":null}],"n":1,"user":{"id":"u"},)"
    R"("inputs":{"a":[1,{"b":"\u00e9"}]},"metadata":{"inputs.c":"d"}})",

    R"({"model":"m","prompt":["a"],"n":1,"best_of":1,"logprobs":null,)"
    R"("suffix":"","echo":false,"user":7,"inputs":{"a":1.50},)"
    R"("metadata":{"user_id":"u","inputs.b":"c"},"stream":false})",
};

// Bits of a body, so that changes also make sense of a kind.
const std::vector<std::string> kBits = {
    "null", "true", "7", "-1e999", "\"\"", "[]", "{}", "\"a\"", "[[[[[[",
    ",", ":", "{", "}", "[", "]", "\"", "\\", "\\u0000", "\\ud800", "\xff",
    "\xc3\xa9", "data:", ";base64,", "%", "=", "====", "http://", "/", ".",
    "\"type\":\"file\"", "\"file_id\":\"x\"", "\"url\":",
};

std::string changed(std::string body, std::mt19937 &random)
{
    for (unsigned rounds = random() % 6; rounds > 0; rounds--) {
        std::size_t at = random() % (body.size() + 1);
        std::size_t size = random() % 8;

        switch (random() % 4) {
        case 0:
            body.insert(at, kBits[random() % kBits.size()]);
            break;

        case 1:
            body.replace(at, size, kBits[random() % kBits.size()]);
            break;

        case 2:
            body.erase(at, size);
            break;

        case 3:
            if (at < body.size()) {
                body[at] = static_cast<char>(random());
            }
            break;
        }
    }

    return body;
}

std::size_t seen = 0;
std::size_t accepted = 0;

void expect_sound(const Result<Turn> &turn, const std::string &body)
{
    Limits             limits;
    wire::JsonDocument json;
    bool               is_json = json.parse(body, limits.max_json_depth);

    seen++;

    if (!turn) {
        EXPECT_FALSE(turn.failure().message.empty()) << body;
        EXPECT_EQ(encode_error(turn.failure()).find("{\"error\":{"), 0u);
        return;
    }

    accepted++;
    EXPECT_TRUE(is_json) << body;
    EXPECT_FALSE(turn->messages.empty()) << body;

    for (const Message &message : turn->messages) {
        for (const Attachment &file : message.files) {
            EXPECT_NE(file.url.empty(), file.bytes.empty()) << body;
            EXPECT_EQ(file.name.find_first_of("/\\\r\n"), std::string::npos);
            EXPECT_FALSE(file.param.empty());
        }
    }

    for (const Input &input : turn->inputs) {
        EXPECT_TRUE(json.parse(input.json, limits.max_json_depth)) << body;
    }
}

TEST(RequestReader, SurvivesRandomBodies)
{
    std::mt19937 random(20);

    seen = accepted = 0;

    for (int i = 0; i < 20000; i++) {
        std::string body = changed(kWhole[random() % kWhole.size()], random);

        expect_sound(decode_chat_request(body, Limits{}), body);
        expect_sound(decode_completion_request(body, Limits{}), body);
    }

    // Neither everything nor nothing came through.
    EXPECT_GT(accepted, seen / 20);
    EXPECT_LT(accepted, seen / 2);
}

TEST(RequestReader, SurvivesEveryBeginning)
{
    for (const std::string &whole : kWhole) {
        for (std::size_t size = 0; size < whole.size(); size++) {
            std::string body = whole.substr(0, size);

            EXPECT_FALSE(decode_chat_request(body, Limits{})) << body;
            EXPECT_FALSE(decode_completion_request(body, Limits{})) << body;
        }
    }

    EXPECT_TRUE(decode_chat_request(kWhole[0], Limits{}));
    EXPECT_TRUE(decode_completion_request(kWhole[1], Limits{}));
}

}  // namespace

}  // namespace opendify
