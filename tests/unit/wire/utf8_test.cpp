#include "wire/utf8.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace opendify::wire {
namespace {

// Also behind and in front of ASCII, so that the fast path meets it.
bool valid_everywhere(std::string_view bytes)
{
    const bool alone = is_utf8(bytes);

    for (std::size_t before = 0; before < 20; before++) {
        std::string text(before, 'x');
        text.append(bytes);
        EXPECT_EQ(is_utf8(text), alone) << before;
        text.append(17, 'y');
        EXPECT_EQ(is_utf8(text), alone) << before;
    }

    return alone;
}

TEST(Utf8, AcceptsEveryLength)
{
    EXPECT_TRUE(valid_everywhere(""));
    EXPECT_TRUE(valid_everywhere("\x7f"));
    EXPECT_TRUE(valid_everywhere("\xc2\x80"));
    EXPECT_TRUE(valid_everywhere("\xdf\xbf"));
    EXPECT_TRUE(valid_everywhere("\xe0\xa0\x80"));
    EXPECT_TRUE(valid_everywhere("\xed\x9f\xbf"));
    EXPECT_TRUE(valid_everywhere("\xee\x80\x80"));
    EXPECT_TRUE(valid_everywhere("\xf0\x90\x80\x80"));
    EXPECT_TRUE(valid_everywhere("\xf4\x8f\xbf\xbf"));
}

TEST(Utf8, RefusesWhatIsNotACharacter)
{
    EXPECT_FALSE(valid_everywhere("\x80"));
    EXPECT_FALSE(valid_everywhere("\xc0\x80"));          // overlong
    EXPECT_FALSE(valid_everywhere("\xc1\xbf"));
    EXPECT_FALSE(valid_everywhere("\xe0\x9f\xbf"));
    EXPECT_FALSE(valid_everywhere("\xf0\x8f\xbf\xbf"));
    EXPECT_FALSE(valid_everywhere("\xed\xa0\x80"));      // a surrogate
    EXPECT_FALSE(valid_everywhere("\xf4\x90\x80\x80"));  // too large
    EXPECT_FALSE(valid_everywhere("\xf5\x80\x80\x80"));
    EXPECT_FALSE(valid_everywhere("\xe4\xbd"));          // cut
    EXPECT_FALSE(valid_everywhere("\xf0\x9f\x98"));
}

TEST(Utf8, MeasuresBrokenBeginnings)
{
    EXPECT_EQ(utf8_unit("\xf0\x9f\x98z", 0).size, 3u);
    EXPECT_EQ(utf8_unit("\xf0\x9f", 0).size, 2u);
    EXPECT_EQ(utf8_unit("\xed\xa0\x80", 0).size, 1u);
    EXPECT_EQ(utf8_unit("a\xff", 1).size, 1u);
    EXPECT_FALSE(utf8_unit("a\xff", 1).valid);
    EXPECT_TRUE(utf8_unit("a\xc3\xa4", 1).valid);
}

}  // namespace
}  // namespace opendify::wire
