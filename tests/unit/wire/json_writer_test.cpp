#include "wire/json_writer.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

namespace opendify::wire {
namespace {

std::string written(std::string_view text)
{
    std::string out = "<";
    write_string(out, text);
    return out;
}

std::string lossy(std::string_view bytes)
{
    std::string out = "<";
    write_lossy_string(out, bytes);
    return out;
}

std::string integer(std::int64_t value)
{
    std::string out = "<";
    write_integer(out, value);
    return out;
}

TEST(JsonWriter, WritesPlainTextAsItIs)
{
    EXPECT_EQ(written(""), R"(<"")");
    EXPECT_EQ(written("a/b 'c'"), R"(<"a/b 'c'")");
    EXPECT_EQ(written("\xc3\xa4\xe4\xbd\xa0\xf0\x9f\x98\x80\x7f"),
              "<\"\xc3\xa4\xe4\xbd\xa0\xf0\x9f\x98\x80\x7f\"");
}

TEST(JsonWriter, EscapesWhatItMust)
{
    EXPECT_EQ(written("\"\\\b\f\n\r\t"), R"(<"\"\\\b\f\n\r\t")");
    EXPECT_EQ(written(std::string_view("\0\x01\x1f", 3)),
              R"(<"\u0000\u0001\u001f")");
    EXPECT_EQ(written("a\nb\n"), R"(<"a\nb\n")");
}

TEST(JsonWriter, EscapedHasNoQuotes)
{
    std::string out;
    write_escaped(out, "say \"hi\"");
    EXPECT_EQ(out, R"(say \"hi\")");
}

TEST(JsonWriter, ReplacesWhatIsNotUtf8)
{
    EXPECT_EQ(lossy("gr\xc3\xbc\xc3\x9f\"e"), "<\"gr\xc3\xbc\xc3\x9f\\\"e\"");
    EXPECT_EQ(lossy("a\xff\nz"), "<\"a\xef\xbf\xbd\\nz\"");
    EXPECT_EQ(lossy("\xe4\xbd"), "<\"\xef\xbf\xbd\"");
    EXPECT_EQ(lossy("\xe4\xbdz"), "<\"\xef\xbf\xbdz\"");
    EXPECT_EQ(lossy("\xc0\x80"), "<\"\xef\xbf\xbd\xef\xbf\xbd\"");
    EXPECT_EQ(lossy("\xff\xfe"), "<\"\xef\xbf\xbd\xef\xbf\xbd\"");
}

TEST(JsonWriter, WritesIntegers)
{
    EXPECT_EQ(integer(0), "<0");
    EXPECT_EQ(integer(-42), "<-42");
    EXPECT_EQ(integer(std::numeric_limits<std::int64_t>::min()),
              "<-9223372036854775808");
    EXPECT_EQ(integer(std::numeric_limits<std::int64_t>::max()),
              "<9223372036854775807");
}

}  // namespace
}  // namespace opendify::wire
