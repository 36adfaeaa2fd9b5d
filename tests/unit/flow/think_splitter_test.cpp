#include "flow/think_splitter.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <string_view>

namespace opendify {

namespace {

using Tags = ThinkSplitter::Tags;

// "text{thought}text{"; a brace closes where the thoughts are said to end.
struct Transcript : ThinkSink {
    void on_text(std::string_view piece) override
    {
        EXPECT_FALSE(piece.empty());
        leave();
        all.append(piece);
    }

    void on_thought(std::string_view piece) override
    {
        EXPECT_FALSE(piece.empty());
        all.append(inside ? "" : "{").append(piece);
        inside = true;
    }

    void on_thought_end() override { leave(); }

    void leave()
    {
        all.append(inside ? "}" : "");
        inside = false;
    }

    std::string all;
    bool        inside = false;
};

// "\x01" in the text is a round of tools.
std::string split_cut(std::string_view text, Tags tags,
                      const std::function<std::size_t()> &cut)
{
    ThinkSplitter splitter(tags);
    Transcript    sink;

    while (!text.empty()) {
        if (text[0] == '\x01') {
            splitter.new_round(sink);
            text.remove_prefix(1);
            continue;
        }

        std::size_t size =
            std::min({cut(), text.size(), text.find('\x01')});

        // Copied, so that a sanitizer sees every byte read beside it.
        auto copy = std::make_unique<char[]>(size);
        std::copy_n(text.begin(), size, copy.get());
        splitter.feed({copy.get(), size}, sink);
        text.remove_prefix(size);
    }

    splitter.finish(sink);
    return sink.all;
}

std::string split(std::string_view text, Tags tags = Tags::placed)
{
    std::string  whole = split_cut(text, tags, [&] { return text.size(); });
    std::mt19937 random(7);

    EXPECT_EQ(split_cut(text, tags, [] { return 1; }), whole) << text;

    for (int round = 0; round < 50; round++) {
        EXPECT_EQ(split_cut(text, tags, [&] { return random() % 9 + 1; }),
                  whole)
            << text;
    }

    return whole;
}

TEST(ThinkSplitter, TagsOfModelsAndPlugins)
{
    EXPECT_EQ(split("<think>\nThe user asks.\n</think>\n\nThe answer."),
              "{The user asks.}The answer.");
    EXPECT_EQ(split("<think>\nFirst, consider\n</think>The answer."),
              "{First, consider}The answer.");
    EXPECT_EQ(split("<THINK level=\"2\" >a</Think >\r\n \nb"), "{a}b");
    EXPECT_EQ(split("<think\n>a</think\n>b"), "{a}b");
    EXPECT_EQ(split(" \n<think> a\n\nb\n\n</think>\n    code"),
              "{a\n\nb}    code");
    EXPECT_EQ(split("<think></think>\n\na"), "a");
    EXPECT_EQ(split("<think>\n\n</think>\n"), "");
    EXPECT_EQ(split("<think>a < b </thin > </thinking></think>c"),
              "{a < b </thin > </thinking>}c");
}

TEST(ThinkSplitter, SeveralBlocks)
{
    EXPECT_EQ(split("<think>a</think>\n<think>b</think>\nc"), "{a}{b}c");
    EXPECT_EQ(split("<think>a</think>b\n<think>c</think>\n\nd"),
              "{a}b\n{c}\n\nd");
    EXPECT_EQ(split("Look.<think>\nagain\n</think>It is."),
              "Look.{again}It is.");
    EXPECT_EQ(split("Look.\x01<think>again</think>It is."),
              "Look.{again}It is.");
    EXPECT_EQ(split("Look.<thi\x01nk>"), "Look.<think>");
    EXPECT_EQ(split("<think>a\n\x01" "b</think>c"), "{a\nb}c");
}

TEST(ThinkSplitter, WithoutAnEnd)
{
    EXPECT_EQ(split("<think>a\nb"), "{a\nb}");
    EXPECT_EQ(split("<think>a\n</thin"), "{a\n</thin}");
    EXPECT_EQ(split("<think>"), "");
    EXPECT_EQ(split("a</think>\nb"), "a</think>\nb");
}

TEST(ThinkSplitter, DetailsOfOldServers)
{
    const std::string open =
        "<details style=\"color:gray;background-color: #f8f8f8;padding: 8px;"
        "border-radius: 4px;\" open> <summary> Thinking... </summary>";

    EXPECT_EQ(split(open + "\nhm\n</details>\n\nIt is."), "{hm}It is.");
    EXPECT_EQ(split("So: " + open + "hm</details>It is."),
              "So: {hm}It is.");
    EXPECT_EQ(split(open + "<think></think></details>a"),
              "{<think></think>}a");
    EXPECT_EQ(split("<details type=\"reasoning\" done=\"true\">\nhm\n"
                    "</details>\na"),
              "{hm}a");
}

TEST(ThinkSplitter, OtherDetailsAreText)
{
    for (std::string text :
         {"<details>\n<summary>More</summary>\ntext</details>",
          "<details><summary>Thinking about it</summary>a</details>",
          "<details>", "<details open", "<detailsx>a", "<details <p>"})
    {
        EXPECT_EQ(split(text), text);
    }
}

TEST(ThinkSplitter, QuotationsOfOldServers)
{
    EXPECT_EQ(split("> 💭 The user\n> asks.\n\n> So\n>x\n\nThe answer."),
              "{The user\nasks.\n\nSo\nx}The answer.");
    EXPECT_EQ(split("> 💭 a\n> 💭 b\n\nc"), "{a\nb}c");
    EXPECT_EQ(split("a\n> 💭 b\n\nc"), "a\n{b}\n\nc");
    EXPECT_EQ(split("> 💭 a\n"), "{a}");
    EXPECT_EQ(split("> quote\n> 💡 more\na > 💭 b\n> \xf0\x9f"),
              "> quote\n> 💡 more\na > 💭 b\n> \xf0\x9f");
    EXPECT_EQ(split("> 💭 a\x01" "b"), "{a}b");
}

TEST(ThinkSplitter, TheMarkerOfDeepSeek)
{
    EXPECT_EQ(split("<think>\n<!--dify-deepseek-reasoning-->a &lt;b&gt; &amp;"
                    "&quot;&#39;&#x27; &copy; &\n</think>c &lt;"),
              "{a <b> &\"'' &copy; &}c &lt;");
    EXPECT_EQ(split("<think>a &lt; b</think>c"), "{a &lt; b}c");
    EXPECT_EQ(split("<think><!--dify-deepseek-reasoning-->&l"), "{&l}");
    EXPECT_EQ(split("<think><!-- other --></think>"), "{<!-- other -->}");
    EXPECT_EQ(split("<think><!--dify-deepseek-reasoning-->&lt;</think>"
                    "<think>&lt;</think>"),
              "{<}{&lt;}");
}

TEST(ThinkSplitter, AnAnswerMaySpeakAboutTags)
{
    for (std::string text :
         {"Models put <think> and </think> around it.", "`<think>`\nis a tag",
          "Use `<think>\n`", "```\n<think>\na\n</think>\n```\nb",
          "~~~ xml\n```\n<think>\n~~~", "a < b > c <= d << e", "<thinking>a",
          "<", "<<", "<think", "a <think>", "<think a <b>", "2<t"})
    {
        EXPECT_EQ(split(text), text);
    }

    EXPECT_EQ(split("```\n<think>\n```\n<think>a</think>b"),
              "```\n<think>\n```\n{a}b");
    EXPECT_EQ(split("```\n\x01<think>a</think>b"), "```\n{a}b");
    EXPECT_EQ(split("a <<think>\nb</think>"), "a <{b}");
}

TEST(ThinkSplitter, Anywhere)
{
    EXPECT_EQ(split("a <think>b</think> `<think>c</think>`", Tags::anywhere),
              "a {b} `{c}`");
    EXPECT_EQ(split("```\n<think>b</think>\n```", Tags::anywhere),
              "```\n{b}\n```");
}

TEST(ThinkSplitter, BlanksOfAnAnswerStay)
{
    EXPECT_EQ(split(" \n a\n\n b \n"), " \n a\n\n b \n");
    EXPECT_EQ(split(" \n\n"), " \n\n");

    std::string blanks(ThinkSplitter::kMaxBlanks, '\n');
    EXPECT_EQ(split(blanks + "<think>a</think>"), blanks + "{a}");
    EXPECT_EQ(split("<think>a" + blanks + "</think>b"),
              "{a\n}b");
}

TEST(ThinkSplitter, LongTagsAreText)
{
    std::string fits(ThinkSplitter::kMaxTag - 8, 'x');

    EXPECT_EQ(split("<think " + fits + ">a"), "{a}");
    EXPECT_EQ(split("<think x" + fits + ">a"), "<think x" + fits + ">a");
}

TEST(ThinkSplitter, PlainTextIsNotDelayed)
{
    for (std::string text : {"a", "if a < b", "a <b", "x->y", "> q", "a <",
                             "1 <2\n", "- `<`", "caf\xc3\xa9"})
    {
        ThinkSplitter splitter;
        Transcript    sink;
        bool          open = text.back() == '<';

        splitter.feed(text, sink);
        EXPECT_EQ(sink.all, open ? text.substr(0, text.size() - 1) : text);
    }
}

TEST(ThinkSplitter, PlainTextIsNotCopied)
{
    struct SameView : ThinkSink {
        void on_text(std::string_view piece) override
        {
            EXPECT_EQ(piece.data(), text.data());
            EXPECT_EQ(piece.size(), text.size());
            pieces++;
        }

        void on_thought(std::string_view) override { FAIL(); }
        void on_thought_end() override { FAIL(); }

        std::string text = "The answer `is`\n forty-two.";
        int         pieces = 0;
    };

    ThinkSplitter splitter;
    SameView      sink;

    splitter.feed(sink.text, sink);
    splitter.feed(sink.text, sink);
    splitter.finish(sink);
    EXPECT_EQ(sink.pieces, 2);
}

TEST(ThinkSplitter, StartsAnew)
{
    ThinkSplitter splitter;
    Transcript    sink;

    splitter.feed("<think>a", sink);
    splitter.finish(sink);
    splitter.feed("b<", sink);
    splitter.reset();
    splitter.feed("c", sink);
    splitter.finish(sink);
    EXPECT_EQ(sink.all, "{a}bc");
}

// Thoughts about the tags, as about any other word.
TEST(ThinkSplitter, AClosingTagBetweenMarksIsAWord)
{
    for (Tags tags : {Tags::placed, Tags::anywhere}) {
        EXPECT_EQ(split("<think>end with `</think>`, then</think>a", tags),
                  "{end with `</think>`, then}a");
        EXPECT_EQ(split("<think>`</THINK >` and `</think>`</think>a", tags),
                  "{`</THINK >` and `</think>`}a");
        EXPECT_EQ(split("<think>`</think>", tags), "{`}");
        EXPECT_EQ(split("<think>if `x = \"</think>\"`, so</think>a", tags),
                  "{if `x = \"</think>\"`, so}a");
        EXPECT_EQ(split("<think>`x</think>`a`", tags), "{`x}`a`");
        EXPECT_EQ(split("<think>`x`</think>`a` b", tags), "{`x`}`a` b");
    }
}

TEST(ThinkSplitter, AClosingTagWithinAFenceIsAWord)
{
    for (const char *mark : {"```", "~~~", "```html"}) {
        const std::string fence = std::string(mark).substr(0, 3);
        const std::string code = std::string("See:\n") + mark
                                 + "\n</think>\n<p>`</think >\n" + fence
                                 + "\nso";

        for (Tags tags : {Tags::placed, Tags::anywhere}) {
            EXPECT_EQ(split("<think>" + code + "</think>a", tags),
                      "{" + code + "}a");
            EXPECT_EQ(split("<think>" + code + "\n</think>\n\nb", tags),
                      "{" + code + "}b");
        }
    }
}

// Its author forgot to close the code.
TEST(ThinkSplitter, CodeThatIsNotClosedHidesNoAnswer)
{
    const std::string answer = "It is:\n```\nx y\n```\nBye.";
    const std::string second = "a\n<think>z</think>b";
    const std::string large(2 * ThinkSplitter::kMaxDoubt, 'w');

    EXPECT_EQ(split("<think>```\nx\n</think>" + answer),
              "{```\nx}" + answer);
    EXPECT_EQ(split("<think>don`t</think>" + answer), "{don`t}" + answer);
    EXPECT_EQ(split("<think>```\nx</think>" + second),
              "{```\nx}a\n{z}b");
    EXPECT_EQ(split("<think>`x</think>" + large + "</think>"),
              "{`x}" + large + "</think>");

    // Not in doubt a second time.
    EXPECT_EQ(split("<think>`x</think>" + large
                    + "\n<think>`y</think>\n</think>"),
              "{`x}" + large + "\n{`y}\n</think>");
}

}  // namespace

}  // namespace opendify
