#include <gtest/gtest.h>

#include <string>

#include "opendify/endpoint.hpp"

namespace opendify {

namespace {

Result<Turn> decode(const std::string &members)
{
    return decode_completion_request(R"({"model":"writer",)" + members + "}",
                                     Limits{});
}

void expect_refused(const std::string &members, Errc errc,
                    const std::string &param)
{
    auto turn = decode(members);

    ASSERT_FALSE(turn) << members;
    EXPECT_EQ(turn.failure().errc, errc) << members;
    EXPECT_EQ(turn.failure().param, param) << members;
    EXPECT_NE(turn.failure().message.find("'" + param + "'"),
              std::string::npos)
        << turn.failure().message;
}

TEST(DecodeCompletionRequest, ReadsThePrompt)
{
    for (std::string prompt : {R"("Once ")", R"(["Once "])"}) {
        auto turn = decode(R"("prompt":)" + prompt);

        ASSERT_TRUE(turn) << prompt;
        EXPECT_EQ(turn->model, "writer");
        ASSERT_EQ(turn->messages.size(), 1u);
        EXPECT_EQ(turn->messages[0].role, Role::user);
        EXPECT_EQ(turn->messages[0].text, "Once ");
        EXPECT_EQ(turn->asked_in, "prompt");
        EXPECT_FALSE(turn->stream);
        EXPECT_FALSE(turn->include_usage);
    }
}

TEST(DecodeCompletionRequest, ReadsTheRest)
{
    auto turn = decode(
        R"("prompt":"p","stream":true,"user":"u","n":1,"best_of":1,)"
        R"("stream_options":{"include_usage":true},"echo":false,)"
        R"("suffix":"","logprobs":null,"max_tokens":16,"stop":["\n"],)"
        R"("inputs":{"a":1},"conversation_id":"c",)"
        R"("metadata":{"chat_id":"h","inputs.b":"x"},"odd":{})");

    ASSERT_TRUE(turn);
    EXPECT_TRUE(turn->stream);
    EXPECT_TRUE(turn->include_usage);
    EXPECT_EQ(turn->user, "u");
    EXPECT_EQ(turn->chat_id, "h");
    EXPECT_EQ(turn->conversation_id, "c");
    ASSERT_EQ(turn->inputs.size(), 2u);
    EXPECT_EQ(turn->inputs[0].name, "b");
    EXPECT_EQ(turn->inputs[1].name, "a");

    EXPECT_TRUE(decode(R"("prompt":"p","n":null,"best_of":null,"echo":null,)"
                       R"("suffix":null,"stream":null,"logprobs":false)"));
}

TEST(DecodeCompletionRequest, DemandsOnePrompt)
{
    const Errc no = Errc::unsupported_value;

    expect_refused(R"("n":1)", Errc::missing_field, "prompt");
    expect_refused(R"("prompt":null)", Errc::missing_field, "prompt");
    expect_refused(R"("prompt":7)", Errc::bad_value, "prompt");
    expect_refused(R"("prompt":{})", Errc::bad_value, "prompt");
    expect_refused(R"("prompt":[])", Errc::bad_value, "prompt");
    expect_refused(R"("prompt":["a","b"])", no, "prompt");
    expect_refused(R"("prompt":[1,2,3])", no, "prompt");
    expect_refused(R"("prompt":[1])", no, "prompt");
    expect_refused(R"("prompt":[[1,2]])", no, "prompt");
}

TEST(DecodeCompletionRequest, RefusesWhatChangesTheAnswersShape)
{
    const Errc no = Errc::unsupported_value;

    expect_refused(R"("prompt":"p","n":2)", no, "n");
    expect_refused(R"("prompt":"p","best_of":2)", no, "best_of");
    expect_refused(R"("prompt":"p","echo":true)", no, "echo");
    expect_refused(R"("prompt":"p","suffix":"s")", no, "suffix");
    expect_refused(R"("prompt":"p","logprobs":3)", no, "logprobs");
    expect_refused(R"("prompt":"p","logprobs":0)", no, "logprobs");
    expect_refused(R"("prompt":"p","n":0)", Errc::bad_value, "n");
    expect_refused(R"("prompt":"p","stream":1)", Errc::bad_value, "stream");
    expect_refused(R"("prompt":"p","inputs":1)", Errc::bad_value, "inputs");
}

TEST(DecodeCompletionRequest, RefusesWhatIsNotAJsonObject)
{
    for (std::string body : {"", "{", "[]", "null", "\"x\""}) {
        auto turn = decode_completion_request(body, Limits{});

        ASSERT_FALSE(turn) << body;
        EXPECT_EQ(turn.failure().errc, Errc::bad_json);
    }

    auto turn = decode_completion_request(R"({"prompt":"p"})", Limits{});
    ASSERT_FALSE(turn);
    EXPECT_EQ(turn.failure().param, "model");
}

}  // namespace

}  // namespace opendify
