#include <gtest/gtest.h>

#include "openai/chat_encoder.hpp"

namespace opendify::openai {

namespace {

const std::string kHead =
    "{\"id\":\"cmpl-A1\",\"object\":\"text_completion\","
    "\"created\":1790000000,\"model\":\"writer\",\"choices\":[";
const std::string kUsageText =
    "\"usage\":{\"prompt_tokens\":2,\"completion_tokens\":1,"
    "\"total_tokens\":3}}";
const std::string kDone = "data: [DONE]\n\n";
const Usage       kUsage{2, 1, 3};

std::string choice(const std::string &text, const std::string &finish)
{
    return "{\"text\":\"" + text + "\",\"index\":0,\"logprobs\":null,"
           "\"finish_reason\":" + finish + "}";
}

std::string chunk(const std::string &text, const std::string &finish)
{
    return "data: " + kHead + choice(text, finish) + "]}\n\n";
}

std::unique_ptr<ChatEncoder> stream(bool include_usage)
{
    return make_completion_stream_encoder(AnswerHead{
        "cmpl-A1", 1790000000, "writer", true, include_usage, true});
}

std::unique_ptr<ChatEncoder> reply(std::size_t max_answer_bytes = 1 << 20)
{
    Limits limits;
    limits.max_answer_bytes = max_answer_bytes;

    return make_completion_reply_encoder(
        AnswerHead{"cmpl-A1", 1790000000, "writer", false, false, true},
        limits);
}

TEST(EncodeCompletion, StreamsAPlainTextOfAnySizeLikeAnother)
{
    auto        encoder = stream(false);
    std::string out, expected;

    for (std::size_t size : {1, 200, 63, 64, 65, 2, 64}) {
        const std::string text(size, static_cast<char>('a' + size % 26));

        encoder->plain(text, out);
        encoder->text(text, out);
        expected += chunk(text, "null") + chunk(text, "null");
    }

    EXPECT_EQ(out, expected);
}

TEST(EncodeCompletion, StreamsTheText)
{
    auto        encoder = stream(true);
    std::string out;

    encoder->text("Bon", out);
    EXPECT_EQ(out, chunk("Bon", "null"));

    encoder->text("", out);
    encoder->text("\"jour\"\n", out);
    encoder->end(FinishReason::stop, &kUsage, out);

    EXPECT_EQ(out, chunk("Bon", "null") + chunk("\\\"jour\\\"\\n", "null")
                       + chunk("", "\"stop\"") + "data: " + kHead + "],"
                       + kUsageText + "\n\n" + kDone);
}

TEST(EncodeCompletion, TellsUsageOnlyIfAskedForAndKnown)
{
    std::string not_asked;
    std::string not_known;

    stream(false)->end(FinishReason::length, &kUsage, not_asked);
    stream(true)->end(FinishReason::length, nullptr, not_known);

    EXPECT_EQ(not_asked, chunk("", "\"length\"") + kDone);
    EXPECT_EQ(not_known, not_asked);
}

TEST(EncodeCompletion, HasNoPlaceForThoughtsAndSources)
{
    std::string streamed;
    std::string folded;

    for (bool is_stream : {true, false}) {
        auto         encoder = is_stream ? stream(false) : reply(1);
        std::string &out = is_stream ? streamed : folded;

        encoder->reasoning("hm, that is a lot", out);
        encoder->citation({"https://x", "t", ""});
        encoder->text("a", out);
        EXPECT_FALSE(encoder->full());
        encoder->end(FinishReason::stop, nullptr, out);
    }

    EXPECT_EQ(streamed, chunk("a", "null") + chunk("", "\"stop\"") + kDone);
    EXPECT_EQ(folded, kHead + choice("a", "\"stop\"") + "]}");
}

TEST(EncodeCompletion, FoldsTheText)
{
    auto        encoder = reply();
    std::string out;

    encoder->text("Bon", out);
    encoder->text("jour\n", out);
    EXPECT_EQ(out, "");

    encoder->end(FinishReason::stop, &kUsage, out);
    EXPECT_EQ(out, kHead + choice("Bonjour\\n", "\"stop\"") + "],"
                       + kUsageText);
}

TEST(EncodeCompletion, ReplaceBeginsAnew)
{
    std::string streamed;
    std::string folded;
    auto        encoder = stream(false);

    encoder->text("bad", streamed);
    encoder->replace("good", streamed);
    encoder->end(FinishReason::content_filter, nullptr, streamed);
    EXPECT_EQ(streamed, chunk("good", "null")
                            + chunk("", "\"content_filter\"") + kDone);

    encoder = reply(4);
    encoder->text("bad", folded);
    encoder->replace("good", folded);
    EXPECT_FALSE(encoder->full());
    encoder->end(FinishReason::content_filter, nullptr, folded);
    EXPECT_EQ(folded, kHead + choice("good", "\"content_filter\"") + "]}");
}

TEST(EncodeCompletion, IsFullAboveTheLimit)
{
    auto        encoder = reply(3);
    std::string out;

    encoder->text("abc", out);
    EXPECT_FALSE(encoder->full());
    encoder->text("d", out);
    EXPECT_TRUE(encoder->full());
}

TEST(EncodeCompletion, ErrorsAreThoseOfAChat)
{
    std::string streamed;
    std::string folded;
    Failure     failure{Errc::backend_closed, "It broke", {}, {}};

    stream(true)->error(failure, streamed);
    reply()->error(failure, folded);

    EXPECT_EQ(streamed, "data: {\"error\":{\"message\":\"It broke\","
                        "\"type\":\"invalid_request_error\",\"param\":null,"
                        "\"code\":\"backend_closed\"}}\n\n" + kDone);
    EXPECT_EQ(folded, "");
}

}  // namespace

}  // namespace opendify::openai
