#include <gtest/gtest.h>

#include "openai/chat_encoder.hpp"

namespace opendify::openai {

namespace {

const std::string kBegin =
    "{\"id\":\"chatcmpl-A1\",\"object\":\"chat.completion\","
    "\"created\":1790000000,\"model\":\"support-bot\",\"choices\":[{"
    "\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"";
const std::string kMiddle =
    "\"refusal\":null,\"annotations\":[]},\"logprobs\":null,"
    "\"finish_reason\":\"";

std::unique_ptr<ChatEncoder> encoder(std::size_t max_answer_bytes = 1 << 20)
{
    Limits limits;
    limits.max_answer_bytes = max_answer_bytes;

    return make_chat_reply_encoder(
        AnswerHead{"chatcmpl-A1", 1790000000, "support-bot", false, false},
        limits);
}

TEST(EncodeChatReply, WritesOneObjectAtTheEnd)
{
    auto        reply = encoder();
    std::string out;
    Usage       usage{31, 9, 40};

    reply->text("Nous ", out);
    reply->text("\"ouvrons\"\n", out);
    EXPECT_EQ(out, "");

    reply->end(FinishReason::stop, &usage, out);
    EXPECT_EQ(out, kBegin + "Nous \\\"ouvrons\\\"\\n\"," + kMiddle
                       + "stop\"}],\"usage\":{\"prompt_tokens\":31,"
                         "\"completion_tokens\":9,\"total_tokens\":40}}");
}

TEST(EncodeChatReply, AnEmptyAnswerIsAString)
{
    std::string out;

    encoder()->end(FinishReason::length, nullptr, out);
    EXPECT_EQ(out, kBegin + "\"," + kMiddle + "length\"}]}");
}

TEST(EncodeChatReply, KeepsThoughtsApart)
{
    auto        reply = encoder();
    std::string out;

    reply->reasoning("h", out);
    reply->text("a", out);
    reply->reasoning("m", out);
    reply->end(FinishReason::stop, nullptr, out);

    EXPECT_EQ(out, kBegin + "a\",\"reasoning_content\":\"hm\"," + kMiddle
                       + "stop\"}]}");
}

TEST(EncodeChatReply, ReplaceForgetsTheTextSoFar)
{
    auto        reply = encoder();
    std::string out;

    reply->reasoning("bad thought", out);
    reply->text("bad", out);
    reply->replace("go", out);
    reply->text("od", out);
    reply->end(FinishReason::content_filter, nullptr, out);

    EXPECT_EQ(out, kBegin + "good\"," + kMiddle + "content_filter\"}]}");
}

TEST(EncodeChatReply, NamesTheSources)
{
    auto        reply = encoder();
    std::string out;

    reply->citation({"https://kb/1", "Hours", "9 to 18"});
    reply->text("a", out);
    reply->citation({"https://kb/1", "Hours", ""});
    reply->end(FinishReason::stop, nullptr, out);

    EXPECT_EQ(out, kBegin + "a\",\"refusal\":null,\"annotations\":["
        "{\"type\":\"url_citation\",\"url_citation\":{\"start_index\":0,"
        "\"end_index\":0,\"url\":\"https://kb/1\",\"title\":\"Hours\"}}"
        "]},\"logprobs\":null,\"finish_reason\":\"stop\"}]}");
}

TEST(EncodeChatReply, ReplaceMakesRoom)
{
    auto        reply = encoder(10);
    std::string out;

    reply->citation({"https://kb/bad", "Bad", ""});
    reply->reasoning("12345", out);
    reply->text("67890", out);
    reply->replace("1234567890", out);
    EXPECT_FALSE(reply->full());

    reply->end(FinishReason::stop, nullptr, out);
    EXPECT_EQ(out, kBegin + "1234567890\"," + kMiddle + "stop\"}]}");
}

TEST(EncodeChatReply, IsFullAboveTheLimit)
{
    auto        reply = encoder(10);
    std::string out;

    reply->text("12345", out);
    reply->reasoning("67890", out);
    EXPECT_FALSE(reply->full());

    reply->text("x", out);
    EXPECT_TRUE(reply->full());
}

TEST(EncodeChatReply, EscapesCountAsWritten)
{
    auto        reply = encoder(10);
    std::string out;

    reply->text("\x01\x02", out);
    EXPECT_TRUE(reply->full());

    reply->text("a", out);
    EXPECT_TRUE(reply->full());
}

TEST(EncodeChatReply, LeavesErrorsToTheStatus)
{
    std::string out;

    encoder()->error(Failure{Errc::run_failed, "x", {}, {}}, out);
    EXPECT_EQ(out, "");
}

}  // namespace

}  // namespace opendify::openai
