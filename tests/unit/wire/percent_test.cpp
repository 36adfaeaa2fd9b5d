#include <gtest/gtest.h>

#include "wire/percent.hpp"

namespace opendify::wire {

namespace {

TEST(Percent, Decodes)
{
    EXPECT_EQ(percent_decoded(""), "");
    EXPECT_EQ(percent_decoded("a+b"), "a+b");
    EXPECT_EQ(percent_decoded("a%20b%2Fc%2f"), "a b/c/");
    EXPECT_EQ(percent_decoded("%00"), std::string(1, '\0'));
    EXPECT_EQ(percent_decoded("%2525"), "%25");
}

TEST(Percent, KeepsWhatIsNoEscape)
{
    EXPECT_EQ(percent_decoded("100%"), "100%");
    EXPECT_EQ(percent_decoded("%4"), "%4");
    EXPECT_EQ(percent_decoded("%zz%4g"), "%zz%4g");
}

TEST(Percent, EncodesAllButUnreservedBytes)
{
    for (int byte = 0; byte < 256; byte++) {
        const std::string text(1, static_cast<char>(byte));
        const bool plain = (byte >= '0' && byte <= '9')
                           || (byte >= 'A' && byte <= 'Z')
                           || (byte >= 'a' && byte <= 'z') || byte == '-'
                           || byte == '_' || byte == '~';

        EXPECT_EQ(percent_encoded(text).size(), plain ? 1u : 3u) << byte;
        EXPECT_EQ(percent_decoded(percent_encoded(text)), text) << byte;
        EXPECT_EQ(percent_decoded(percent_encoded("a" + text)), "a" + text);
    }
}

TEST(Percent, LeavesNoSegmentOfDots)
{
    EXPECT_EQ(percent_encoded("."), "%2E");
    EXPECT_EQ(percent_encoded(".."), "%2E%2E");
    EXPECT_EQ(percent_encoded("..."), "...");
    EXPECT_EQ(percent_encoded("a.b"), "a.b");
}

}  // namespace

}  // namespace opendify::wire
