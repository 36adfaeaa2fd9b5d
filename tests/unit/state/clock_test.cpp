#include "opendify/clock.hpp"

#include <gtest/gtest.h>

namespace opendify {
namespace {

constexpr std::uint32_t kNow = 1800000000;
constexpr std::uint32_t kYear = 365 * 86400;

TEST(Clock, SecondsStandStillAtTheirEnds)
{
    EXPECT_EQ(stored_seconds(-1), 0u);
    EXPECT_EQ(stored_seconds(INT64_MIN), 0u);
    EXPECT_EQ(stored_seconds(kNow), kNow);
    EXPECT_EQ(stored_seconds(0x80000000), 0x80000000u);  // 2038
    EXPECT_EQ(stored_seconds(0xffffffff), UINT32_MAX);
    EXPECT_EQ(stored_seconds(0x100000000), UINT32_MAX);  // 2106
    EXPECT_EQ(stored_seconds(INT64_MAX), UINT32_MAX);
}

TEST(Clock, BirthIsTheSameWhileTheClockRuns)
{
    EXPECT_EQ(birth_seconds(kNow, 0), kNow);
    EXPECT_EQ(birth_seconds(kNow + 100, 100999), kNow);
    EXPECT_EQ(birth_seconds(0, 0), 1u);
    EXPECT_EQ(birth_seconds(5, 7000), 1u);
    EXPECT_EQ(birth_seconds(5, UINT64_MAX), 1u);
    EXPECT_EQ(birth_seconds(UINT32_MAX, 1000), UINT32_MAX - 1);
}

TEST(Clock, OnlyAStepAheadIsALaterBirth)
{
    EXPECT_FALSE(is_later_birth(kNow, kNow));
    EXPECT_FALSE(is_later_birth(kNow, kNow + 2));  // rounding
    EXPECT_TRUE(is_later_birth(kNow, kNow + 3));
    EXPECT_FALSE(is_later_birth(kNow, kNow - kYear));
    EXPECT_FALSE(is_later_birth(0, kNow));
    EXPECT_FALSE(is_later_birth(kNow, 0));
    EXPECT_TRUE(is_later_birth(1, UINT32_MAX));
}

TEST(Clock, WhatWasStoredBeforeAStepAheadGoesAlong)
{
    EXPECT_EQ(on_later_clock(kNow - kYear, kNow - kYear, kNow, kNow), kNow);
    EXPECT_EQ(on_later_clock(kNow - 100, kNow - kYear, kNow, kNow + kYear),
              kNow - 100 + kYear);
    EXPECT_EQ(on_later_clock(0, 1, kNow, kNow), kNow - 1);
}

TEST(Clock, NothingBecomesNewerThanTheNewest)
{
    EXPECT_EQ(on_later_clock(kNow - 10, kNow - kYear, kNow, kNow), kNow);
    EXPECT_EQ(on_later_clock(kNow + 9, kNow - kYear, kNow, kNow), kNow + 9);
    EXPECT_EQ(on_later_clock(UINT32_MAX, 1, UINT32_MAX, UINT32_MAX),
              UINT32_MAX);
    EXPECT_EQ(on_later_clock(UINT32_MAX - 1, 1, UINT32_MAX, UINT32_MAX),
              UINT32_MAX);
}

TEST(Clock, AStepBackChangesNothing)
{
    EXPECT_EQ(on_later_clock(kNow, kNow, kNow - kYear, kNow - kYear), kNow);
    EXPECT_EQ(on_later_clock(kNow, 0, kNow, kNow + kYear), kNow);
}

}  // namespace
}  // namespace opendify
