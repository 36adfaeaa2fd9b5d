#include "flow/file_link.hpp"

#include <gtest/gtest.h>

namespace opendify {

namespace {

const std::string kOrigin = "https://dify.example.com";

TEST(FileLink, JoinsRelativeAddresses)
{
    EXPECT_EQ(file_address("/files/a.png?sign=1:2", kOrigin),
              "https://dify.example.com/files/a.png?sign=1:2");
    EXPECT_EQ(file_address("files/a.png", kOrigin + "/"),
              "https://dify.example.com/files/a.png");
    EXPECT_EQ(file_address("http://other/a", kOrigin), "http://other/a");
    EXPECT_EQ(file_address("//other/a", kOrigin), "//other/a");
    EXPECT_EQ(file_address("/a", ""), "/a");
    EXPECT_EQ(file_address("", kOrigin), "");
}

TEST(FileLink, KnowsHttpOnly)
{
    for (std::string url : {"javascript:alert(1)", "data:image/png;base64,AA",
                            "file:///etc/passwd", "HTTPX://a"})
    {
        EXPECT_EQ(file_address(url, kOrigin), "") << url;
    }
}

TEST(FileLink, Escapes)
{
    EXPECT_EQ(file_address("/a (1)[2]<3>\n\"\\\x7f`", ""),
              "/a%20%281%29%5B2%5D%3C3%3E%0A%22%5C%7F%60");
    EXPECT_EQ(file_link("cat [1](2)\n*_`\\!<think>.png", "/a", true),
              "![cat \\[1\\]\\(2\\) \\*\\_\\`\\\\\\!&lt;think>.png](/a)");
    EXPECT_EQ(file_link("", "/a", false), "[file](/a)");
}

}  // namespace

}  // namespace opendify
