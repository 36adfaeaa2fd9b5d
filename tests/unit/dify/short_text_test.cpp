#include <string>

#include <gtest/gtest.h>

#include "dify/short_text.hpp"

namespace opendify {
namespace {

using dify::first_bytes;
using dify::is_address;
using dify::is_id;
using dify::is_web_address;
using dify::one_line;

TEST(ShortText, WholeCharacters)
{
    EXPECT_EQ(first_bytes("aé🙂", 100), "aé🙂");
    EXPECT_EQ(first_bytes("aé🙂", 7), "aé🙂");
    EXPECT_EQ(first_bytes("aé🙂", 6), "aé");
    EXPECT_EQ(first_bytes("aé🙂", 2), "a");
    EXPECT_EQ(first_bytes("é", 1), "");
    EXPECT_EQ(first_bytes("", 0), "");
}

TEST(ShortText, OneLine)
{
    EXPECT_EQ(one_line(" a \r\n\t b\x01", 10), "a b");
    EXPECT_EQ(one_line("éééé", 4), "éééé");
    EXPECT_EQ(one_line("ééééé", 4), "éééé…");
    EXPECT_EQ(one_line("abc d", 4), "abc…");
    EXPECT_EQ(one_line("abcd   ", 4), "abcd");
    EXPECT_EQ(one_line("", 4), "");
}

TEST(ShortText, Addresses)
{
    EXPECT_TRUE(is_web_address("https://a.example.com/x?y=%20"));
    EXPECT_TRUE(is_web_address("http://a"));
    EXPECT_TRUE(is_address("/files/a.png"));

    for (const char *url : {"", "/", "http://", "javascript:alert(1)", "ftp://a",
                            "https://a b", "https://a\nb", "https://a\"b",
                            "HTTPS", "data:image/png;base64,AA", "files/a"}) {
        EXPECT_FALSE(is_address(url)) << url;
    }

    EXPECT_FALSE(is_web_address("/files/a.png"));
    EXPECT_FALSE(is_address("https://" + std::string(5000, 'a')));
}

TEST(ShortText, Ids)
{
    EXPECT_TRUE(is_id("aZ-0_9"));
    EXPECT_TRUE(is_id(std::string(64, 'a')));
    EXPECT_FALSE(is_id(""));
    EXPECT_FALSE(is_id(std::string(65, 'a')));
    EXPECT_FALSE(is_id("a/b"));
    EXPECT_FALSE(is_id("é"));

    std::string good;

    for (int c = 0; c < 256; c++) {
        const std::string byte(1, static_cast<char>(c));
        good += is_id(byte) ? byte : "";
    }

    EXPECT_EQ(good, "-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_"
                    "abcdefghijklmnopqrstuvwxyz");
}

}  // namespace
}  // namespace opendify
