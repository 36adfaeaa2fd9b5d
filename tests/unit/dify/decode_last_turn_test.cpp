#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "opendify/backend.hpp"

namespace opendify {
namespace {

using Said = std::vector<std::pair<Role, std::string>>;

Turn turn_of(const Said &said)
{
    Turn turn;

    for (const auto &[role, text] : said) {
        Message message;
        message.role = role;
        message.text = text;
        turn.messages.push_back(message);
    }

    return turn;
}

bool shows(const Said &said, std::string_view data)
{
    return shows_last_turn(turn_of(said),
                           "{\"limit\":1,\"data\":[" + std::string(data)
                               + "]}");
}

const Said kSaid = { { Role::system, "Be kind." },
                     { Role::user, "one" },
                     { Role::assistant, "first" },
                     { Role::user, "two" },
                     { Role::assistant, "second" },
                     { Role::user, "three" } };

constexpr std::string_view kFirst = R"({"query":"one","answer":"first"})";
constexpr std::string_view kSecond = R"({"query":"two","answer":"second"})";

TEST(ShowsLastTurn, TheNewestOfThoseToldIsTheLastOfTheHistory)
{
    EXPECT_TRUE(shows(kSaid, kSecond));
    EXPECT_TRUE(shows(kSaid, std::string(kFirst) + "," + std::string(kSecond)));
    EXPECT_FALSE(shows(kSaid, kFirst));
    EXPECT_FALSE(
        shows(kSaid, std::string(kSecond) + "," + std::string(kFirst)));
    EXPECT_FALSE(shows(kSaid, R"({"query":"two","answer":"other"})"));
    EXPECT_FALSE(shows(kSaid, R"({"query":"TWO","answer":"second"})"));
}

TEST(ShowsLastTurn, WhatDoesNotCountInAHistoryDoesNotCountHere)
{
    EXPECT_TRUE(shows(kSaid, R"({"query":" two\n","answer":")"
                             R"(<think>hm</think>second\n"})"));

    auto cut = kSaid;
    cut[4].second = "sec";
    cut.insert(cut.begin() + 5, { Role::assistant, "ond" });
    EXPECT_TRUE(shows(cut, kSecond));

    auto told = kSaid;
    told.insert(told.begin() + 4, { Role::system, "It is 10:00." });
    EXPECT_TRUE(shows(told, kSecond));
}

TEST(ShowsLastTurn, WithoutAHistoryOrAnAnswer)
{
    EXPECT_FALSE(shows({ { Role::user, "two" } }, kSecond));
    EXPECT_FALSE(shows({ { Role::assistant, "second" } }, kSecond));
    EXPECT_FALSE(shows({}, kSecond));
    EXPECT_FALSE(shows(kSaid, ""));

    for (const char *body : { "", "[]", "{}", "<html>", "{\"data\":7}",
                              "{\"data\":[7]}", "{\"data\":{}}" })
    {
        EXPECT_FALSE(shows_last_turn(turn_of(kSaid), body)) << body;
    }
}

}  // namespace
}  // namespace opendify
