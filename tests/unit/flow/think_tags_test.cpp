#include "flow/think_tags.hpp"

#include <gtest/gtest.h>

#include <string>

namespace opendify {

namespace {

using Verdict = TagMatch::Verdict;
using Matcher = TagMatch (*)(std::string_view);

// Each beginning of the tag is partial, the tag is full whatever follows.
void expect_tag(Matcher match, const std::string &tag)
{
    for (std::size_t size = 0; size < tag.size(); size++) {
        EXPECT_EQ(match(tag.substr(0, size)).verdict, Verdict::partial)
            << tag.substr(0, size);
    }

    for (std::string rest : {"", "<", ">", "x"}) {
        EXPECT_EQ(match(tag + rest).verdict, Verdict::full) << tag;
        EXPECT_EQ(match(tag + rest).size, tag.size());
    }
}

TagMatch closing(std::string_view bytes)
{
    return match_closing(bytes, "</think");
}

TEST(ThinkTags, AreRecognised)
{
    expect_tag(match_think, "<think>");
    expect_tag(match_think, "<ThInK a=\"b\"\n>");
    expect_tag(match_details, "<details type=\"reasoning\">");
    expect_tag(match_details,
               "<Details open>\n<SUMMARY a> Thinking... </summary >");
    expect_tag(match_details,
               "<details><summary>Thinking\xe2\x80\xa6</summary>");
    expect_tag(closing, "</think>");
    expect_tag(closing, "</THINK \n>");
}

TEST(ThinkTags, AreNotMistaken)
{
    for (std::string text : {"<thinking>", "< think>", "<think<", "</think>",
                             "<think a<b>"})
    {
        EXPECT_EQ(match_think(text).verdict, Verdict::no) << text;
    }

    for (std::string text :
         {"<details>a", "<details><summary>Thoughts", "<detail>",
          "<details><summary>Thinking a", "<details type='reasoning'>a"})
    {
        EXPECT_EQ(match_details(text).verdict, Verdict::no) << text;
    }

    EXPECT_EQ(closing("</think a>").verdict, Verdict::no);
}

TEST(ThinkTags, Entities)
{
    EXPECT_EQ(match_entity("&lt;b").text, "<");
    EXPECT_EQ(match_entity("&lt;b").size, 4u);
    EXPECT_EQ(match_entity("&#x27;").text, "'");
    EXPECT_EQ(match_entity("&#34;").text, "\"");
    EXPECT_EQ(match_entity("&#3").verdict, Verdict::partial);
    EXPECT_EQ(match_entity("&copy;").verdict, Verdict::no);
    EXPECT_EQ(match_entity("& ").verdict, Verdict::no);
}

TEST(ThinkTags, Runs)
{
    EXPECT_EQ(run_of("ab", "abc"), 2u);
    EXPECT_EQ(run_of("ab", "ab"), 2u);
    EXPECT_EQ(run_of("ab", ""), 0u);
}

}  // namespace

}  // namespace opendify
