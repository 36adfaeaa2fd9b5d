#include "opendify/line_text.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "wire/percent.hpp"
#include "wire/utf8.hpp"

namespace opendify {

namespace {

std::string bytes(std::initializer_list<int> list)
{
    std::string out;
    for (const int byte : list) {
        out.push_back(static_cast<char>(byte));
    }

    return out;
}

TEST(LineText, EveryByteAlone)
{
    for (int byte = 0; byte < 256; byte++) {
        const std::string text = bytes({'a', byte, 'b'});
        const bool        fits = byte >= 0x20 && byte < 0x7f;

        EXPECT_EQ(is_line_text(text), fits) << byte;
        EXPECT_EQ(line_text(text) == text, fits) << byte;
        EXPECT_EQ(wire::percent_decoded(line_text(text)), text) << byte;

        for (const char c : line_text(text)) {
            EXPECT_TRUE(c >= 0x20 && c < 0x7f) << byte;
        }
    }
}

TEST(LineText, EveryPairOfBytes)
{
    std::set<std::string> seen;

    for (int pair = 0; pair < 0x10000; pair++) {
        const std::string text = bytes({pair >> 8, pair & 255});
        const std::string line = line_text(text);

        EXPECT_EQ(line.find_first_of(std::string("\r\n\0\t\x1b\x7f", 6)),
                  std::string::npos);
        EXPECT_TRUE(wire::is_utf8(line)) << pair;
        EXPECT_EQ(wire::percent_decoded(line), text) << pair;
        EXPECT_EQ(is_line_text(text), line == text) << pair;
        EXPECT_TRUE(seen.insert(line).second) << pair;
    }
}

TEST(LineText, KeepsWhatIsReadable)
{
    for (const std::string text :
         {"", "bob", "bob@example.com", "Jos\xc3\xa9 \xe6\x9d\x8e \"q\" \\",
          "\xf0\x9f\x98\x80", "\xc2\xa0", "\xe2\x80\xa7", "100%", "50% off",
          "%", "%4", "%zz", "a%%b", "<&;=,>"})
    {
        EXPECT_TRUE(is_line_text(text)) << text;
        EXPECT_EQ(line_text(text), text);
    }
}

TEST(LineText, EncodesWhatEndsALine)
{
    EXPECT_EQ(line_text("a\r\nSet-Cookie: x"), "a%0D%0ASet-Cookie: x");
    EXPECT_EQ(line_text(std::string("a\0b", 3)), "a%00b");
    EXPECT_EQ(line_text("\t\x7f\x1b"), "%09%7F%1B");
    EXPECT_EQ(line_text("\xc2\x85|\xc2\x80|\xc2\x9f"),  // C1, NEL among them
              "%C2%85|%C2%80|%C2%9F");
    EXPECT_EQ(line_text("\xe2\x80\xa8\xe2\x80\xa9"), "%E2%80%A8%E2%80%A9");
    EXPECT_EQ(line_text("\xed\xa0\x80"), "%ED%A0%80");  // half of a pair
    EXPECT_EQ(line_text("\xc0\x8d\xc0\x8a"), "%C0%8D%C0%8A");  // overlong
    EXPECT_EQ(line_text("\xf0\x9f\x98"), "%F0%9F%98");
    EXPECT_EQ(line_text("\xff\xfe"), "%FF%FE");
}

TEST(LineText, TellsItsOwnEscapesFromOthers)
{
    EXPECT_EQ(line_text("a%0d%0Ab"), "a%250d%250Ab");
    EXPECT_EQ(line_text("%25"), "%2525");
    EXPECT_EQ(line_text("%2\n"), "%2%0A");
    EXPECT_NE(line_text("%0A"), line_text("\n"));
}

}  // namespace

}  // namespace opendify
