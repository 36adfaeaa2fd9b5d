#include "flow/stop_finder.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace opendify {

namespace {

using Words = std::vector<std::string>;

// Of the whole text: what stands before the first of the words.
std::string before_first(const Words &words, const std::string &text)
{
    std::size_t first = std::string::npos;

    for (const std::string &word : words) {
        first = std::min(first, text.find(word));
    }

    return first == std::string::npos ? text : text.substr(0, first) + "|";
}

// With that many bytes a piece; nothing is ever shown that is taken back.
std::string shown(const Words &words, const std::string &text,
                  std::size_t step)
{
    StopFinder        finder(words);
    std::string       out;
    const std::string all = before_first(words, text);

    for (std::size_t at = 0; at < text.size(); at += step) {
        finder.feed(std::string_view(text).substr(at, step), out);
        EXPECT_EQ(all.substr(0, out.size()), out);
    }

    finder.flush(out);
    return out + (finder.found() ? "|" : "");
}

void expect_shown(const Words &words, const std::string &text,
                  const std::string &expected)
{
    for (std::size_t step = 1; step <= text.size(); step++) {
        EXPECT_EQ(shown(words, text, step), expected)
            << text << " by " << step;
    }
}

TEST(StopFinder, CutsBeforeTheFirst)
{
    expect_shown({"END"}, "one END two END", "one |");
    expect_shown({"END", "two"}, "one two END", "one |");
    expect_shown({"END"}, "ENEND", "EN|");
    expect_shown({"END"}, "ENEN", "ENEN");
    expect_shown({"aab"}, "aaaab", "aa|");
    expect_shown({"abcabd"}, "abcabcabd", "abc|");
    expect_shown({"END"}, "END", "|");
    expect_shown({"\n\n", "User:"}, "a\nb\nUser:", "a\nb\n|");
    expect_shown({"\xf0\x9f\x98\x80"}, "a\xf0\x9f\x98\x81\xf0\x9f\x98\x80",
                 "a\xf0\x9f\x98\x81|");
    EXPECT_TRUE(StopFinder({}).idle());
    EXPECT_FALSE(StopFinder({"a"}).idle());
}

// One that is over earlier waits for one that has begun earlier.
TEST(StopFinder, TheOneThatBeginsFirstIsTheFirst)
{
    expect_shown({"b", "abc"}, "xabc", "x|");
    expect_shown({"b", "abc"}, "xabd", "xa|");
    expect_shown({"b", "abc"}, "xab", "xa|");
    expect_shown({"bc", "abc"}, "xabc", "x|");
    expect_shown({"abcd", "bc"}, "abce", "a|");
    expect_shown({"abcde", "bcdx", "c"}, "abcdx", "a|");
    expect_shown({"ab", "abc"}, "xabcab", "x|");
}

// Against the plainest way.
TEST(StopFinder, AsASearchDoes)
{
    std::mt19937 random(7);

    for (int round = 0; round < 5000; round++) {
        Words       words(1 + random() % 4);
        std::string text;

        for (std::string &word : words) {
            for (std::size_t n = 1 + random() % 5; n > 0; n--) {
                word += static_cast<char>('a' + random() % 2);
            }
        }

        for (std::size_t n = random() % 20; n > 0; n--) {
            text += static_cast<char>('a' + random() % 16 / 7);
        }

        expect_shown(words, text, before_first(words, text));
    }
}

TEST(StopFinder, HoldsNoMoreThanASequence)
{
    const Words words{std::string(1000, 'a') + "b", "aaa c"};
    StopFinder  finder(words);
    std::string out;

    finder.feed(std::string(300000, 'a'), out);
    EXPECT_EQ(out.size(), 299000u);
    finder.feed("b", out);
    EXPECT_TRUE(finder.found());
    finder.feed("more", out);
    finder.flush(out);
    EXPECT_EQ(out.size(), 299000u);
    EXPECT_TRUE(finder.found());

    finder.reset();
    EXPECT_FALSE(finder.found());
    finder.feed("x", out);
    EXPECT_EQ(out.back(), 'x');
}

TEST(StopFinder, FlushedTextBeginsNoSequence)
{
    const Words words{"END"};
    StopFinder  finder(words);
    std::string out;

    finder.feed("one EN", out);
    EXPECT_EQ(out, "one ");
    finder.flush(out);
    EXPECT_EQ(out, "one EN");
    finder.feed("D", out);
    EXPECT_EQ(out, "one END");
    EXPECT_FALSE(finder.found());
}

}  // namespace

}  // namespace opendify
