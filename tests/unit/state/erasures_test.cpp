#include "opendify/erasures.hpp"

#include <gtest/gtest.h>

#include <string>

namespace opendify {
namespace {

constexpr std::uint32_t kNow = 1000000000;

ConversationOwner owner(std::string_view user, std::string_view app = "app")
{
    return ConversationOwner::of(user, digest_of({ app }));
}

ConversationId id(std::string_view text)
{
    ConversationId made;
    EXPECT_TRUE(made.assign(text));
    return made;
}

ConversationFilter of_user(std::string_view user)
{
    ConversationFilter filter;
    filter.user = owner(user).user;
    return filter;
}

TEST(Erasures, WhatBeganBeforeIsForbidden)
{
    Erasures erasures;
    const auto before = erasures.number();
    EXPECT_FALSE(erasures.forbid(before, owner("u"), id("a"), kNow));

    erasures.note(of_user("u"), kNow);
    EXPECT_TRUE(erasures.forbid(before, owner("u"), id("a"), kNow));
    EXPECT_FALSE(erasures.forbid(before, owner("v"), id("a"), kNow));
    EXPECT_FALSE(
        erasures.forbid(erasures.number(), owner("u"), id("a"), kNow));
}

TEST(Erasures, EveryPartOfAFilterCounts)
{
    Erasures erasures;
    ConversationFilter filter = of_user("u");
    filter.app = owner("u", "app").app;
    filter.id = id("a");
    filter.used_until_s = kNow;
    erasures.note(filter, kNow);

    EXPECT_TRUE(erasures.forbid(0, owner("u"), id("a"), kNow));
    EXPECT_FALSE(erasures.forbid(0, owner("u", "other"), id("a"), kNow));
    EXPECT_FALSE(erasures.forbid(0, owner("u"), id("b"), kNow));
    EXPECT_FALSE(erasures.forbid(0, owner("u"), id("a"), kNow + 1));
}

TEST(Erasures, TheSameOneIsKeptOnce)
{
    Erasures erasures;
    erasures.note(of_user("u"), kNow);

    for (std::size_t i = 0; i < 3 * Erasures::kKept; i++) {
        erasures.note(of_user("v"), kNow);
    }

    // A later note of the same counts for what began between.
    const auto between = erasures.number();
    erasures.note(of_user("u"), kNow);
    EXPECT_TRUE(erasures.forbid(between, owner("u"), id("a"), kNow));
    EXPECT_FALSE(erasures.forbid(0, owner("w"), id("a"), kNow));
}

TEST(Erasures, OfTooManyTheOldestStandForAll)
{
    Erasures erasures;

    for (std::size_t i = 0; i < Erasures::kKept; i++) {
        erasures.note(of_user(std::to_string(i)), kNow);
    }

    EXPECT_FALSE(erasures.forbid(0, owner("w"), id("a"), kNow));
    erasures.note(of_user("one more"), kNow);
    EXPECT_TRUE(erasures.forbid(0, owner("w"), id("a"), kNow));
    EXPECT_FALSE(erasures.forbid(1, owner("w"), id("a"), kNow));
    EXPECT_TRUE(erasures.forbid(1, owner("7"), id("a"), kNow));
}

TEST(Erasures, OfAnUnknownTurn)
{
    Erasures erasures;
    EXPECT_FALSE(erasures.has(owner("u"), id("a"), kNow));
    erasures.note(of_user("u"), kNow);
    EXPECT_TRUE(erasures.has(owner("u"), id("a"), kNow + 3600));
    EXPECT_FALSE(erasures.has(owner("u"), id("a"), kNow + 3601));
    EXPECT_FALSE(erasures.has(owner("v"), id("a"), kNow));
}

}  // namespace
}  // namespace opendify
