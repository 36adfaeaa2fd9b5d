#include "dify/node_usage.hpp"

#include <gtest/gtest.h>

#include <string>

namespace opendify::dify {
namespace {

std::string usage_of(const std::string &json)
{
    wire::JsonDocument doc;
    Usage              usage;

    EXPECT_TRUE(doc.parse_python(json, 8)) << json;
    if (!read_usage(doc.root(), usage)) {
        return "none";
    }

    return std::to_string(usage.prompt_tokens) + "+"
           + std::to_string(usage.completion_tokens) + "="
           + std::to_string(usage.total_tokens);
}

TEST(NodeUsage, NumbersAreReadAsTheyAreWritten)
{
    EXPECT_EQ(usage_of(R"({"prompt_tokens":31,"completion_tokens":9,)"
                       R"("total_tokens":40})"), "31+9=40");
    EXPECT_EQ(usage_of(R"({"prompt_tokens":"31","completion_tokens":"9",)"
                       R"("total_tokens":"40"})"), "31+9=40");
    EXPECT_EQ(usage_of(R"({"prompt_tokens":31.0,"completion_tokens":9.7})"),
              "31+9=40");
    EXPECT_EQ(usage_of(R"({"prompt_tokens":"31.0","completion_tokens":3e1})"),
              "31+30=61");
}

TEST(NodeUsage, WhatIsMissingFollowsFromTheRest)
{
    EXPECT_EQ(usage_of(R"({"prompt_tokens":31})"), "31+0=31");
    EXPECT_EQ(usage_of(R"({"completion_tokens":9})"), "0+9=9");
    EXPECT_EQ(usage_of(R"({"total_tokens":40})"), "40+0=40");
    EXPECT_EQ(usage_of(R"({"completion_tokens":9,"total_tokens":40})"),
              "31+9=40");
    EXPECT_EQ(usage_of(R"({"prompt_tokens":null,"completion_tokens":NaN,)"
                       R"("total_tokens":"7"})"), "7+0=7");
    EXPECT_EQ(usage_of(R"({"prompt_tokens":-1,"completion_tokens":9,)"
                       R"("total_tokens":-5})"), "0+9=9");
    EXPECT_EQ(usage_of(R"({"prompt_tokens":31,"completion_tokens":9,)"
                       R"("total_tokens":2})"), "31+9=40");
    EXPECT_EQ(usage_of(R"({"prompt_tokens":31,"completion_tokens":9,)"
                       R"("total_tokens":1e300})"), "31+9=40");
}

TEST(NodeUsage, WhatCannotBeBelievedIsNone)
{
    for (const char *json : {
             "{}", "[]", "null", R"("31")", R"({"prompt_tokens":"many"})",
             R"({"prompt_tokens":"","completion_tokens":[]})",
             R"({"prompt_tokens":true})", R"({"prompt_tokens":"-3"})",
             R"({"prompt_tokens":"1 000"})",
             R"({"prompt_tokens":99999999999999999999999})",
             R"({"prompt_tokens":"9999999999999999999999","total_tokens":1})",
         }) {
        EXPECT_EQ(usage_of(json), "none") << json;
    }
}

}  // namespace
}  // namespace opendify::dify
