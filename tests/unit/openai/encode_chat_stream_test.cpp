#include <gtest/gtest.h>

#include "openai/chat_encoder.hpp"

namespace opendify::openai {

namespace {

#define OPENDIFY_CHUNK                                                      \
    "data: {\"id\":\"chatcmpl-A1\",\"object\":\"chat.completion.chunk\","   \
    "\"created\":1790000000,\"model\":\"support-bot\",\"choices\":["

const std::string kChunk = OPENDIFY_CHUNK;
const std::string kRoleChunk = OPENDIFY_CHUNK
    "{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},"
    "\"finish_reason\":null}]}\n\n";
const std::string kDone = "data: [DONE]\n\n";

#undef OPENDIFY_CHUNK

std::string piece(const std::string &member, const std::string &escaped)
{
    return kChunk + "{\"index\":0,\"delta\":{\"" + member + "\":\"" + escaped
           + "\"},\"finish_reason\":null}]}\n\n";
}

std::string finish(const std::string &reason)
{
    return kChunk + "{\"index\":0,\"delta\":{},\"finish_reason\":\"" + reason
           + "\"}]}\n\n";
}

std::unique_ptr<ChatEncoder> encoder(bool include_usage)
{
    return make_chat_stream_encoder(AnswerHead{
        "chatcmpl-A1", 1790000000, "support-bot", true, include_usage});
}

const Usage kUsage{31, 9, 40};

TEST(EncodeChatStream, WritesTheCanonicalSequence)
{
    auto        stream = encoder(true);
    std::string out;

    stream->text("Nous ou", out);
    stream->text("vrons.", out);
    stream->end(FinishReason::stop, &kUsage, out);

    EXPECT_EQ(out, kRoleChunk + piece("content", "Nous ou")
                       + piece("content", "vrons.") + finish("stop") + kChunk
                       + "],\"usage\":{\"prompt_tokens\":31,"
                         "\"completion_tokens\":9,\"total_tokens\":40}}\n\n"
                       + kDone);
}

TEST(EncodeChatStream, WritesAPlainPieceOfAnySizeLikeAnother)
{
    auto        stream = encoder(false);
    std::string out, expected = kRoleChunk;

    for (std::size_t size : {1, 200, 63, 64, 65, 2, 64}) {
        const std::string text(size, static_cast<char>('a' + size % 26));

        stream->plain(text, out);
        stream->text(text, out);
        expected += piece("content", text) + piece("content", text);
    }

    EXPECT_EQ(out, expected);
}

TEST(EncodeChatStream, TellsUsageOnlyIfAskedForAndKnown)
{
    std::string expected = kRoleChunk + finish("length") + kDone;
    std::string not_asked;
    std::string not_known;

    encoder(false)->end(FinishReason::length, &kUsage, not_asked);
    encoder(true)->end(FinishReason::length, nullptr, not_known);

    EXPECT_EQ(not_asked, expected);
    EXPECT_EQ(not_known, expected);
}

TEST(EncodeChatStream, SaysTheRoleOnceBeforeThoughts)
{
    auto        stream = encoder(false);
    std::string out;

    stream->reasoning("hm", out);
    stream->text("a", out);

    EXPECT_EQ(out, kRoleChunk + piece("reasoning_content", "hm")
                       + piece("content", "a"));
}

TEST(EncodeChatStream, EmptyPiecesWriteNothing)
{
    auto        stream = encoder(false);
    std::string out;

    stream->text("", out);
    stream->reasoning("", out);

    EXPECT_EQ(out, "");
}

TEST(EncodeChatStream, EscapesWhatJsonDemands)
{
    auto        stream = encoder(false);
    std::string out;

    stream->text("\"\\\n\r\x01\xc3\xa9", out);

    EXPECT_EQ(out, kRoleChunk
                       + piece("content", "\\\"\\\\\\n\\r\\u0001\xc3\xa9"));
}

TEST(EncodeChatStream, EscapesIdAndModel)
{
    auto stream = make_chat_stream_encoder(
        AnswerHead{"a\"b", -1, "\xff", true, false});
    std::string out;

    stream->text("x", out);

    EXPECT_EQ(out.find("data: {\"id\":\"a\\\"b\",\"object\":"
                       "\"chat.completion.chunk\",\"created\":-1,"
                       "\"model\":\"\xef\xbf\xbd\",\"choices\":["), 0u);
}

TEST(EncodeChatStream, ReplaceBeginsAnew)
{
    auto        stream = encoder(false);
    std::string out;

    stream->reasoning("bad thought", out);
    stream->text("bad", out);
    stream->replace("good", out);

    EXPECT_EQ(out, kRoleChunk + piece("content", "good"));
}

TEST(EncodeChatStream, NamesTheSourcesInTheFinishChunk)
{
    auto        stream = encoder(true);
    std::string out;

    stream->text("a", out);
    stream->citation({"https://kb/1", "Hours", "9 to 18"});
    stream->citation({"dify:segment/7", "a.pdf", ""});
    stream->citation({"https://kb/1", "Hours", "9 to 18"});
    EXPECT_EQ(out, kRoleChunk + piece("content", "a"));

    out.clear();
    stream->end(FinishReason::stop, nullptr, out);
    EXPECT_EQ(out, kChunk
        + "{\"index\":0,\"delta\":{\"annotations\":["
          "{\"type\":\"url_citation\",\"url_citation\":{\"start_index\":0,"
          "\"end_index\":0,\"url\":\"https://kb/1\",\"title\":\"Hours\"}},"
          "{\"type\":\"url_citation\",\"url_citation\":{\"start_index\":0,"
          "\"end_index\":0,\"url\":\"dify:segment/7\","
          "\"title\":\"a.pdf\"}}]},\"finish_reason\":\"stop\"}]}\n\n"
        + kDone);
}

TEST(EncodeChatStream, ReplaceForgetsTheSourcesSoFar)
{
    auto        stream = encoder(false);
    std::string out;

    stream->citation({"https://kb/bad", "Bad", ""});
    stream->replace("good", out);
    stream->end(FinishReason::content_filter, nullptr, out);

    EXPECT_EQ(out, kRoleChunk + piece("content", "good")
                       + finish("content_filter") + kDone);
}

TEST(EncodeChatStream, AnErrorIsOneEventAndDone)
{
    auto        stream = encoder(true);
    std::string out;

    stream->text("a", out);
    out.clear();
    stream->error(Failure{Errc::backend_closed, "It\nbroke", {}, {}}, out);

    EXPECT_EQ(out, "data: {\"error\":{\"message\":\"It\\nbroke\","
                   "\"type\":\"server_error\",\"param\":null,"
                   "\"code\":\"backend_closed\"}}\n\n" + kDone);
}

TEST(EncodeChatStream, AnErrorBeforeAnyTextIsNotRepeated)
{
    auto        stream = encoder(true);
    std::string out;

    stream->reasoning("hm", out);
    out.clear();
    stream->error(Failure{Errc::backend_closed, "It broke", {}, {}}, out);

    EXPECT_EQ(out, "data: {\"error\":{\"message\":\"It broke\","
                   "\"type\":\"invalid_request_error\",\"param\":null,"
                   "\"code\":\"backend_closed\"}}\n\n" + kDone);
}

TEST(EncodeChatStream, KnowsTheFinishReasons)
{
    EXPECT_EQ(finish_name(FinishReason::stop), "stop");
    EXPECT_EQ(finish_name(FinishReason::length), "length");
    EXPECT_EQ(finish_name(FinishReason::content_filter), "content_filter");
}

}  // namespace

}  // namespace opendify::openai
