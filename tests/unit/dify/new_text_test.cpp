#include <gtest/gtest.h>

#include "dify/new_text.hpp"

namespace opendify::dify {
namespace {

std::string_view new_text(std::string_view whole, std::string_view said)
{
    SaidText text;

    for (const char c : said) {
        text.add({&c, 1});
    }

    return text.new_in(whole);
}

TEST(NewText, Repeats)
{
    EXPECT_EQ(new_text("It is 18C.", "It is 18C."), "");
    EXPECT_EQ(new_text("Let me see.\nIt is 18C.\n", "Let me see. It is 18C."),
              "");
    EXPECT_EQ(new_text("It is 18C.", "Let me see. It is 18C. "), "");
    EXPECT_EQ(new_text("It is", "It is 18C."), "");
    EXPECT_EQ(new_text("", "said"), "");
}

TEST(NewText, Adds)
{
    EXPECT_EQ(new_text("It is 18C.", "It is"), " 18C.");
    EXPECT_EQ(new_text("It is 18C.", "It is "), "18C.");
    EXPECT_EQ(new_text("It is 18C.", "It was"), "It is 18C.");
    EXPECT_EQ(new_text("abc", ""), "abc");
}

}  // namespace
}  // namespace opendify::dify
