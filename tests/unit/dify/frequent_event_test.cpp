#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "dify/frequent_event.hpp"
#include "wire/json_reader.hpp"

namespace opendify::dify {
namespace {

using Kind = FrequentEvent::Kind;

FrequentEvent learnt(std::string_view event)
{
    wire::JsonDocument document;
    FrequentEvent      frequent;

    EXPECT_TRUE(document.parse(event, 9));
    frequent.learn(Kind::message, event,
                   document.root()["answer"].closing_quote());

    return frequent;
}

TEST(FrequentEvent, IsKnownAgain)
{
    FrequentEvent frequent =
        learnt(R"({"event":"message","answer":"Hi","id":"7"})");

    const std::string_view next =
        R"({"event":"message","answer":" \"there\"\n","id":"7"})";
    const auto found = frequent.read(next);

    EXPECT_EQ(found.kind, Kind::message);
    EXPECT_EQ(found.text, " \"there\"\n");
    EXPECT_FALSE(found.plain);
    EXPECT_EQ(found.size, next.size());
    EXPECT_EQ(frequent.read(std::string(next) + "{").kind, Kind::none);
}

TEST(FrequentEvent, IsKnownAgainInItsFrame)
{
    FrequentEvent frequent =
        learnt(R"({"event":"message","answer":"Hi","id":"7"})");

    const std::string event =
        R"(data: {"event":"message","answer":" there","id":"7"})";
    const std::string next = event + "\n\ndata: more";
    const auto        found = frequent.read_framed(next);

    EXPECT_EQ(found.kind, Kind::message);
    EXPECT_EQ(found.text, " there");
    EXPECT_TRUE(found.plain);
    EXPECT_EQ(next.substr(found.size), "data: more");

    for (const std::string &other : {
             event, event + "\n", event + "\r\n\r\n", event + "\ndata: 1\n\n",
             event.substr(6) + "\n\n", " " + event + "\n\n"})
    {
        EXPECT_EQ(frequent.read_framed(other).kind, Kind::none) << other;
    }
}

TEST(FrequentEvent, IsNoOther)
{
    FrequentEvent frequent =
        learnt(R"({"event":"message","answer":"Hi","id":"7"})");

    for (std::string_view other : {
             R"({"event":"message","answer":"Hi","id":"8"})",
             R"({"event":"message","answer":"Hi","id":"7")",
             R"({"event":"message","answer":"Hi)",
             R"({"event":"message","answer":"H\x","id":"7"})",
             R"({"event":"message","answer":"","answer":"Hi","id":"7"})",
             R"({"event":"message","answer":)", "", })
    {
        EXPECT_EQ(frequent.read(other).kind, Kind::none) << other;
    }
}

TEST(FrequentEvent, IsLearntWhereverTheTextStands)
{
    for (std::string_view event : {
             R"({"answer":""})", R"({"answer":"\\"})", R"({"answer":"\\\""})",
             R"({"answer":"\"a\"b\\"})", R"( { "answer" : "\n" } )",
             R"({"answer":"not this","x":"\\","answer":"\"this"})",
             R"({"a":{"answer":"nor this"},"\u0061nswer":"this"})",
             R"({"a":"\ud800","answer":"\ud83d\ude00"})", })
    {
        wire::JsonDocument document;
        ASSERT_TRUE(document.parse(event, 9));

        FrequentEvent frequent = learnt(event);
        const auto    found = frequent.read(event);

        EXPECT_EQ(found.size, event.size()) << event;
        EXPECT_EQ(found.text, document.root()["answer"].string()) << event;
    }
}

TEST(FrequentEvent, KeepsNoMoreThanTheUsual)
{
    const std::string event =
        R"({"answer":"Hi","padding":")" + std::string(4096, 'x') + "\"}";

    EXPECT_EQ(learnt(event).read(event).kind, Kind::none);
}

}  // namespace
}  // namespace opendify::dify
