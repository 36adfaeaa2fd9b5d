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

}  // namespace

}  // namespace opendify::wire
