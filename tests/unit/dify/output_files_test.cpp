// What the golden streams do not show: bounds, odd members.

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "dify/output_files.hpp"

namespace opendify {
namespace {

struct Shown : TurnSink {
    void on_event(const TurnEvent &event) override
    {
        urls.push_back(event.file->url);
    }

    std::vector<std::string> urls;
};

struct OutputFilesTest : testing::Test {
    wire::JsonValue parsed(const std::string &json)
    {
        EXPECT_TRUE(doc.parse(json, 64)) << json;
        return doc.root();
    }

    wire::JsonDocument doc;
    Shown              shown;
    dify::OutputFiles  files;
};

TEST_F(OutputFilesTest, OncePerAddress)
{
    files.keep(parsed(R"([{"url":"/a?sign=1"},{"url":"/a?sign=2"},
                          {"url":"/b?v=1"},{"url":"/b?v=2"},
                          {"url":"//"},{"url":7},"x"])"),
               false);
    files.show(shown);
    files.show(shown);
    EXPECT_EQ(shown.urls, (std::vector<std::string>{"/a?sign=1", "/b?v=1",
                                                    "/b?v=2", "//"}));
}

TEST_F(OutputFilesTest, MembersThatAreFiles)
{
    files.keep_members(parsed(
        R"({"a":{"dify_model_identity":"__dify__file__","url":"/a"},
            "b":[{"transfer_method":"tool_file","url":"/b"}],
            "c":{"url":"/c"},
            "d":[{"transfer_method":"tool_file","url":"/d"},1]})"));
    files.show(shown);
    EXPECT_EQ(shown.urls, (std::vector<std::string>{"/a", "/b"}));
}

TEST_F(OutputFilesTest, NotWhatTheTextLinksTo)
{
    files.said("see ![x](https://a.example.com/f?sign=1)");
    files.keep(parsed(R"([{"url":"https://a.example.com/f?sign=2"}])"), false);
    files.show(shown);
    EXPECT_TRUE(shown.urls.empty());
}

TEST_F(OutputFilesTest, Bounded)
{
    std::string many = "[";
    for (int i = 0; i < 500; i++) {
        many += "{\"url\":\"/" + std::to_string(i) + "\"},";
    }

    files.keep(parsed(many + "0]"), false);
    files.show(shown);
    EXPECT_EQ(shown.urls.size(), 100u);
}

}  // namespace
}  // namespace opendify
