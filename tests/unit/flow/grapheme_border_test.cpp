#include "flow/grapheme_border.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace opendify {

namespace {

using namespace std::literals;

// The text with a bar at each place where it may be cut.
std::string cut(std::string_view text)
{
    std::string out;

    for (std::size_t from = 0, to = 0; from < text.size(); from = to) {
        to = grapheme_border(text, from + 1);
        out.append(text.substr(from, to - from)).append("|");
    }

    return out;
}

TEST(GraphemeBorder, BetweenPlainCharacters)
{
    EXPECT_EQ(cut("a b."), "a| |b|.|");
    EXPECT_EQ(cut("中文，好"), "中|文|，|好|");
    EXPECT_EQ(cut("カナかな"), "カ|ナ|か|な|");
    EXPECT_EQ(cut("한국"), "한|국|");
    EXPECT_EQ(cut("Łódź, Ωμ, Ёж"), "Ł|ó|d|ź|,| |Ω|μ|,| |Ё|ж|");
    EXPECT_EQ(cut("“x”—…"), "“|x|”|—|…|");
    EXPECT_EQ(cut("𠀀𠀁"), "𠀀|𠀁|");
}

TEST(GraphemeBorder, WhatMayJoinStaysWithItsNeighbours)
{
    EXPECT_EQ(cut("a\r\nb"), "a\r\nb|");
    EXPECT_EQ(cut("xe\u0301y z"), "x|e\u0301y| |z|");       // an accent
    EXPECT_EQ(cut("か\u3099き"), "か\u3099き|");            // a voice mark
    EXPECT_EQ(cut("a👩‍🚀b c"), "a👩‍🚀b| |c|");  // joined
    EXPECT_EQ(cut("🇩🇪🇫🇷"), "🇩🇪🇫🇷|");                    // flags
    EXPECT_EQ(cut("1\ufe0f\u20e3"), "1\ufe0f\u20e3|");      // a keycap
    EXPECT_EQ(cut("葛\U000e0100城"), "葛\U000e0100城|");    // a variant
    EXPECT_EQ(cut("क्षि"), "क्षि|");
    EXPECT_EQ(cut("각"), "각|");                  // Hangul letters
    EXPECT_EQ(cut("각\u11a8나"), "각\u11a8나|");
}

TEST(GraphemeBorder, BytesThatAreNoCharacter)
{
    EXPECT_EQ(cut("a\x80z"sv), "a\x80z|"sv);
    EXPECT_EQ(cut("a\xe4\xb8z"sv), "a\xe4\xb8z|"sv);
    EXPECT_EQ(cut("\xff\xff"sv), "\xff\xff|"sv);
    EXPECT_EQ(cut("ab\xe4\xb8"sv), "a|b\xe4\xb8|"sv);
    EXPECT_EQ(cut("a\x80"sv), "a\x80|"sv);
}

TEST(GraphemeBorder, FromSomewhereOn)
{
    EXPECT_EQ(grapheme_border("abc", 0), 1u);
    EXPECT_EQ(grapheme_border("abc", 2), 2u);
    EXPECT_EQ(grapheme_border("abc", 3), 3u);
    EXPECT_EQ(grapheme_border("abc", 9), 3u);
    EXPECT_EQ(grapheme_border("中文字", 1), 3u);
    EXPECT_EQ(grapheme_border("中文字", 4), 6u);
    EXPECT_EQ(grapheme_border("", 0), 0u);
}

}  // namespace

}  // namespace opendify
