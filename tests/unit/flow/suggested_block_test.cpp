#include <gtest/gtest.h>

#include "opendify/pipeline.hpp"

namespace opendify {
namespace {

TEST(SuggestedBlock, is_a_list_that_is_known_again)
{
    EXPECT_EQ(suggested_block({"Where?", "And\nwhen?"}),
              "\n\n[//]: # (opendify:suggested)\n\n- Where?\n- And when?");
}

TEST(SuggestedBlock, is_empty_without_questions)
{
    EXPECT_EQ(suggested_block({}), "");
}

}  // namespace
}  // namespace opendify
