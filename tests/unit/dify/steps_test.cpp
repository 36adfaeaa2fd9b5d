// What the golden streams do not show: repetitions, bounds, odd members.

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "dify/steps.hpp"

namespace opendify {
namespace {

struct Lines : TurnSink {
    void on_event(const TurnEvent &event) override
    {
        EXPECT_EQ(event.kind, TurnEvent::Kind::step);
        lines.emplace_back(event.text);
    }

    std::vector<std::string> lines;
};

struct StepsTest : testing::Test {
    wire::JsonValue parsed(const std::string &json)
    {
        EXPECT_TRUE(doc.parse(json, 64)) << json;
        return doc.root();
    }

    wire::JsonDocument doc;
    Lines              told;
    dify::Steps        steps{64, told};
};

using All = std::vector<std::string>;

TEST_F(StepsTest, ThoughtsFillUp)
{
    for (const char *event : {
             R"({"id":"a","tool":"","tool_input":"","observation":""})",
             R"({"id":"a","tool":"x;y","tool_input":"","observation":null})",
             R"({"id":"a","tool":"x","tool_input":"{\"x\":{}}"})",
             R"({"id":"a","tool":"x;y","tool_input":"{\"x\":{},\"y\":2}"})",
             R"({"id":"a","tool":"x;y","tool_input":"{\"x\":{},\"y\":2}",
                 "observation":"{\"y\":\"two\\nlines\"}"})",
             R"({"id":"a","tool":"x;y","tool_input":"{\"x\":{},\"y\":2}",
                 "observation":"{\"y\":\"two\",\"x\":{\"k\":[1]}}"})",
         }) {
        steps.thought(parsed(event));
    }

    EXPECT_EQ(told.lines,
              (All{"Calling x {}", "Calling y 2", "y: two lines",
                   "x: {\"k\":[1]}"}));
}

TEST_F(StepsTest, ThoughtsOfOtherForms)
{
    steps.thought(parsed(R"({"id":"a","tool":";;","tool_input":"x"})"));
    EXPECT_TRUE(told.lines.empty());

    steps.thought(parsed(R"({"id":"b","tool":"t","tool_input":"plain",
                             "observation":"[1]"})"));
    steps.thought(parsed(R"({"id":"c","tool":"t;u","tool_input":"plain",
                             "observation":"no JSON"})"));
    EXPECT_EQ(told.lines, (All{"Calling t plain", "t: [1]", "Calling t",
                               "Calling u"}));
}

TEST_F(StepsTest, NodesThatOnlyRouteAreSilent)
{
    for (const char *type : {"start", "if-else", "answer", "end", "loop-start",
                             "trigger-webhook", "template-transform"}) {
        const std::string data = R"({"id":"n","title":"T","node_type":")"
                                 + std::string(type) + "\"}";
        steps.node_started(parsed(data));
        steps.node_finished(parsed(data));
    }

    steps.node_started(
        parsed(R"({"id":"i","node_type":"llm","iteration_id":"it"})"));
    EXPECT_TRUE(told.lines.empty());

    steps.node_started(parsed(R"({"id":"d","node_type":"datasource"})"));
    steps.node_started(parsed(R"({"id":"d","node_type":"datasource"})"));
    steps.node_finished(parsed(
        R"({"id":"s","node_type":"start","status":"failed","title":"S"})"));
    EXPECT_EQ(told.lines, (All{"Node \"datasource\" started",
                               "Node \"S\" failed"}));
}

TEST_F(StepsTest, LinesAreBounded)
{
    const std::string much(5000, 'x');
    steps.node_retry(parsed(R"({"title":")" + much + R"(","error":")" + much
                            + "\"}"));
    steps.agent_log(parsed(R"({"id":"a","label":")" + much
                           + R"(","error":")" + much + "\"}"));
    for (const std::string &line : told.lines) {
        EXPECT_LT(line.size(), 500u);
        EXPECT_EQ(line.find('\n'), std::string::npos);
    }

    EXPECT_EQ(told.lines.size(), 2u);
}

TEST_F(StepsTest, RoundsWithoutALength)
{
    steps.rounds_started(parsed(R"({"node_type":"loop","title":"L"})"));
    steps.round_begins(parsed(R"({"node_type":"loop","title":"L","index":1})"));
    steps.round_begins(parsed(R"({"node_type":"loop","title":"L"})"));
    EXPECT_EQ(told.lines,
              (All{"Loop \"L\" started", "Loop \"L\": round 2"}));
}

}  // namespace
}  // namespace opendify
