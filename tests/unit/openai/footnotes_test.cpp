#include <gtest/gtest.h>

#include "openai/annotations.hpp"
#include "openai/chat_encoder.hpp"

namespace opendify::openai {

namespace {

const std::string kBegin = "\n\n[//]: # (opendify:sources)\n";

std::string line(const std::string &url, const std::string &title)
{
    std::string whole = footnotes({{url, title, "passage"}});

    EXPECT_EQ(whole.find(kBegin + "1. "), 0u) << whole;
    return whole.substr(kBegin.size() + 3);
}

TEST(Footnotes, ListTheSources)
{
    EXPECT_EQ(footnotes({}), "");
    EXPECT_EQ(footnotes({{"https://kb/1", "Hours", ""},
                         {"dify:segment/7", "tarifs.pdf", ""},
                         {"https://kb/2", "Prices", ""}}),
              kBegin + "1. [Hours](https://kb/1)\n2. tarifs.pdf\n"
                       "3. [Prices](https://kb/2)");
    EXPECT_EQ(footnotes({{"", "", ""}}), "");
}

// A block that does not begin that way would not be known again.
TEST(Footnotes, AreABlockOfOurs)
{
    EXPECT_EQ(footnotes({{"https://x", "t", ""}}).find(kOurBlock), 0u);
}

TEST(Footnotes, NameWhatIsSeenOnce)
{
    EXPECT_EQ(footnotes({{"dify:segment/1", "a.pdf", ""},
                         {"dify:segment/2", "a.pdf", ""},
                         {"https://x", "a.pdf", ""},
                         {"https://x", "a.pdf", ""}}),
              kBegin + "1. a.pdf\n2. [a.pdf](https://x)");
}

TEST(Footnotes, EscapeTitles)
{
    EXPECT_EQ(line("dify:x", "a_b*c`d\\e"), "a\\_b\\*c\\`d\\\\e");
    EXPECT_EQ(line("dify:x", "[x](javascript:y)"),
              "\\[x\\](javascript:y)");
    EXPECT_EQ(line("dify:x", "<b>&amp;!|~$"), "\\<b\\>\\&amp;\\!\\|\\~\\$");
    EXPECT_EQ(line("dify:x", " two\r\n lines\t"), "two   lines");
    EXPECT_EQ(line("dify:x", "# head"), "\\# head");
    EXPECT_EQ(line("dify:x", "- item"), "\\- item");
    EXPECT_EQ(line("dify:x", "2024. Report"), "2024\\. Report");
    EXPECT_EQ(line("dify:x", "2024-05 Report"), "2024-05 Report");
    EXPECT_EQ(line("dify:x", "2024"), "2024");
    EXPECT_EQ(line("https://x", "a]b"), "[a\\]b](https://x)");
}

TEST(Footnotes, EscapeAddresses)
{
    EXPECT_EQ(line("https://x/a b(c)\n", "t"),
              "[t](https://x/a%20b%28c%29%0A)");
    EXPECT_EQ(line("https://x/?a=1&b=%20#c", "t"),
              "[t](https://x/?a=1&b=%20#c)");
    EXPECT_EQ(line("https://x/\xc3\xa9", "t"), "[t](https://x/\xc3\xa9)");
}

TEST(Footnotes, LinkToTheWebOnly)
{
    EXPECT_EQ(line("javascript:alert(1)", "t"), "t");
    EXPECT_EQ(line("data:text/html,x", "t"), "t");
    EXPECT_EQ(line("HTTP://x", "t"), "[t](HTTP://x)");
    EXPECT_EQ(line("https://x", ""), "[https://x](https://x)");
    EXPECT_EQ(line("https://" + std::string(kMaxUrlBytes, 'x'), "t"), "t");
}

TEST(Footnotes, AreBounded)
{
    std::vector<Citation> many;

    for (std::size_t i = 0; i < 2 * kMaxCitations; i++) {
        many.push_back({"https://x/" + std::to_string(i),
                        std::string(1000, 't'), ""});
    }

    std::string whole = footnotes(many);

    EXPECT_NE(whole.find("\n64. "), std::string::npos);
    EXPECT_EQ(whole.find("\n65. "), std::string::npos);
    EXPECT_LT(whole.size(), 64 * 300u);
}

}  // namespace

}  // namespace opendify::openai
