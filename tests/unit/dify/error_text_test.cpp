#include <string>

#include <gtest/gtest.h>

#include "dify/error_text.hpp"

namespace opendify::dify {
namespace {

TEST(ErrorText, PlainStaysPlain)
{
    const ErrorText text = read_error_text("city is required in input form");
    EXPECT_EQ(text.said, "city is required in input form");
    EXPECT_FALSE(text.from_model);
    EXPECT_EQ(text.model_status, 0);
}

TEST(ErrorText, Wrappings)
{
    const ErrorText text = read_error_text(
        "Run failed: req_id: fc83598cce PluginInvokeError: {\"args\":{},"
        "\"error_type\":\"ChunkedEncodingError\",\"message\":\"Response ended "
        "prematurely\"}");
    EXPECT_EQ(text.said, "Response ended prematurely");
    EXPECT_TRUE(text.from_model);

    // Cut in the middle: shown as it is.
    EXPECT_EQ(read_error_text("PluginInvokeError: {\"args\":{").said,
              "{\"args\":{");
    EXPECT_EQ(read_error_text("").said, "");
    EXPECT_EQ(read_error_text("req_id: ").said, "req_id:");
}

TEST(ErrorText, WrappedAgainAndAgain)
{
    const std::string plugin =
        R"({"args":{"description":"[models] Error: API request failed with )"
        R"(status code 429: {\"error\":{\"message\":\"slow down\"}}"},)"
        R"("error_type":"InvokeError","message":"x"})";
    const std::string said =
        "[models] Error: API request failed with status code 429: slow down";
    const std::string run = " (agent_run_id=d608ac68-b3cb)";

    for (const std::string &raw :
         {"PluginInvokeError: req_id: 83 PluginInvokeError: " + plugin + run,
          "req_id: 83 PluginInvokeError: " + plugin + run,
          "PluginInvokeError: " + plugin,
          "Run failed: PluginInvokeError: req_id: 1 PluginInvokeError: "
          "req_id: 2 PluginInvokeError: " + plugin + run + "\n"}) {
        const ErrorText text = read_error_text(raw);

        EXPECT_EQ(text.said, said) << raw;
        EXPECT_TRUE(text.from_model) << raw;
        EXPECT_EQ(text.model_status, 429) << raw;
    }

    const std::string inner =
        R"({"error_type":"A","message":"PluginInvokeError: {\"error_type\":)"
        R"(\"B\",\"message\":\"Deep.\"}"})";
    EXPECT_EQ(read_error_text("PluginInvokeError: " + inner + run).said,
              "Deep.");
    EXPECT_EQ(read_error_text("It broke." + run).said, "It broke.");
    EXPECT_EQ(read_error_text(run).said, "");
    EXPECT_EQ(read_error_text("(agent_run_id=1) broke").said,
              "(agent_run_id=1) broke");
}

TEST(ErrorText, ModelStatus)
{
    EXPECT_EQ(model_status_in("failed with status code 503: x"), 503);
    EXPECT_EQ(model_status_in("Error code: 401 - {}"), 401);
    EXPECT_EQ(model_status_in("status code 429"), 429);
    EXPECT_EQ(model_status_in("status code 4290"), 0);
    EXPECT_EQ(model_status_in("status code 200"), 0);
    EXPECT_EQ(model_status_in("status code 42"), 0);
    EXPECT_EQ(model_status_in("status code x, status code 500"), 500);
    EXPECT_EQ(model_status_in("[openai] Rate limit reached"), 429);
    EXPECT_EQ(model_status_in("type: rate_limit_error"), 429);
    EXPECT_EQ(model_status_in("status code 500: rate_limit_error"), 500);
    EXPECT_EQ(model_status_in("nothing"), 0);
}

TEST(ErrorText, KeysAreMasked)
{
    EXPECT_EQ(presentable("bad key sk-abcd1234EFGH, go"),
              "bad key sk-***, go");
    EXPECT_EQ(presentable("app-12345678"), "app-***");
    EXPECT_EQ(presentable("\"sk-proj-ab**cd_12\""), "\"sk-***\"");
    EXPECT_EQ(presentable("dataset-12345678"), "dataset-***");
    EXPECT_EQ(presentable("sk-fake"), "sk-fake");
    EXPECT_EQ(presentable("task-management"), "task-management");
}

TEST(ErrorText, BoundedBetweenCharacters)
{
    EXPECT_EQ(presentable(" a \n"), "a");
    EXPECT_EQ(presentable(" \n"), "");
    EXPECT_EQ(presentable(std::string(5000, 'a')), std::string(1024, 'a'));

    std::string euros = "a";
    for (int i = 0; i < 1000; i++) {
        euros += "\xe2\x82\xac";
    }

    EXPECT_EQ(presentable(euros).size(), 1024u);
    EXPECT_EQ(presentable("b" + euros), "b" + euros.substr(0, 1021));

    // A key at the border does not show its beginning.
    const std::string text = std::string(1015, ' ') + "sk-abcdefghijklmnop";
    EXPECT_EQ(presentable("x" + text).find("abcd"), std::string::npos);
}

}  // namespace
}  // namespace opendify::dify
