#include <string>

#include <gtest/gtest.h>

#include "dify/output_text.hpp"

namespace opendify {
namespace {

std::string text_of(const std::string &outputs, const std::string &name = {})
{
    wire::JsonDocument doc;
    EXPECT_TRUE(doc.parse(outputs, 64));

    return dify::output_text(doc.root(), name);
}

const char kFile[] = R"({"transfer_method":"tool_file","url":"/a.png"})";

TEST(OutputText, Named)
{
    EXPECT_EQ(text_of(R"({"a":"x","b":"y"})", "b"), "y");
    EXPECT_EQ(text_of(R"({"a":"x","b": [1, 2.0]})", "b"), "[1,2.0]");
    EXPECT_EQ(text_of(R"({"a":"x","b":false})", "b"), "false");
    EXPECT_EQ(text_of(R"({"a":"x","b":null})", "b"), "");
    EXPECT_EQ(text_of(R"({"a":"x","b":)" + std::string(kFile) + "}", "b"), "");
    EXPECT_EQ(text_of(R"({"a":"x"})", "b"), "x");
}

TEST(OutputText, TheOnlyText)
{
    EXPECT_EQ(text_of(R"({"n":1,"a":"x","o":{"s":"y"}})"), "x");
    EXPECT_EQ(text_of(R"({"a":""})"), "");
}

TEST(OutputText, AllAsJson)
{
    EXPECT_EQ(text_of(R"({"a": "x", "b": "y"})"), R"({"a":"x","b":"y"})");
    EXPECT_EQ(text_of(R"({"n": 1.50, "u": "é", "v": ""})"),
              R"({"n":1.50,"u":"é","v":""})");
    EXPECT_EQ(text_of(R"({"n":0})"), R"({"n":0})");
}

TEST(OutputText, Nothing)
{
    for (const char *outputs :
         {"{}", "null", "[]", "\"x\"", R"({"a":null,"b":[]})"}) {
        EXPECT_EQ(text_of(outputs), "") << outputs;
    }

    EXPECT_EQ(text_of("{\"f\":" + std::string(kFile) + ",\"l\":["
                      + std::string(kFile) + "],\"n\":null}"),
              "");
}

}  // namespace
}  // namespace opendify
