#include "flow/answer_writer.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "opendify/human_form.hpp"
#include "pipeline_play.hpp"

namespace opendify {

namespace {

using namespace pipeline_test;
using Kind = TurnEvent::Kind;

struct Part {
    Kind        kind;
    std::string text;
};

using Parts = std::vector<Part>;

// What a client would see; its text must have the digest that the writer says.
struct Shown {
    std::string text;
    std::string thoughts;
};

// The texts of one member in the chunks of a stream, unescaped.
std::string member(const std::string &sent, const std::string &name)
{
    const std::string begin = "\"" + name + "\":\"";
    std::string       all;

    for (std::size_t at = sent.find(begin); at != std::string::npos;
         at = sent.find(begin, at))
    {
        for (at += begin.size(); sent[at] != '"'; at++) {
            if (sent[at] != '\\') {
                all.push_back(sent[at]);
                continue;
            }

            at++;
            all.push_back(sent[at] == 'n' ? '\n' : sent[at]);
        }
    }

    return all;
}

Shown show_cut(const AnswerOptions &options, const Parts &parts,
               const std::function<std::size_t()> &cut)
{
    AnswerHead   head{"c", 1, "m", true, false};
    Fingerprint  history = asked();
    std::string  out;
    AnswerWriter writer(head, options, history, Limits{}, out);

    for (const Part &part : parts) {
        bool        whole = part.kind != Kind::text
                     && part.kind != Kind::reasoning;
        std::size_t at = 0;

        while (at < part.text.size()) {
            std::size_t size = whole ? part.text.size() : cut();
            writer.on_release(part.kind, part.text.substr(at, size));
            at += size;
        }
    }

    writer.close(true);
    EXPECT_EQ(writer.started(), !out.empty());

    Shown shown{member(out, "content"), member(out, "reasoning_content")};
    EXPECT_EQ(writer.digest(), answered(shown.text));
    return shown;
}

void expect_shown(const AnswerOptions &options, const Parts &parts,
                  const std::string &text, const std::string &thoughts)
{
    std::mt19937 random(3);

    for (int round = 0; round < 20; round++) {
        Shown shown = show_cut(options, parts, [&]() -> std::size_t {
            return round == 0 ? 1000 : round == 1 ? 1 : random() % 7 + 1;
        });

        EXPECT_EQ(shown.text, text);
        EXPECT_EQ(shown.thoughts, thoughts);
    }
}

AnswerOptions with(ReasoningMode mode, bool steps = false)
{
    AnswerOptions options;
    options.reasoning = mode;
    options.steps = steps;
    return options;
}

std::string file(const std::string &name, const std::string &url,
                 bool image = false)
{
    return AnswerWriter::file_piece({name, url, image});
}

const Parts kTagged = {
    {Kind::text, "<think>\nhm\n</think>\n\nIt is.\n<think>so</think>\nYes."}};
const Parts kChunks = {{Kind::reasoning, "hm"}, {Kind::text, "It is. "},
                       {Kind::reasoning, "so"}, {Kind::text, "Yes."}};

TEST(AnswerWriter, ThoughtsApart)
{
    AnswerOptions options = with(ReasoningMode::content);

    expect_shown(options, kTagged, "It is.\n\nYes.", "hm\n\nso");
    expect_shown(options, kChunks, "It is. Yes.", "hm\n\nso");
    expect_shown(options, {{Kind::text, "<think>a</think><think>b"}}, "",
                 "a\n\nb");
    expect_shown(options, {{Kind::text, "a < b <"}}, "a < b <", "");
}

TEST(AnswerWriter, ThoughtsDropped)
{
    AnswerOptions options = with(ReasoningMode::off);

    expect_shown(options, kTagged, "It is.\n\nYes.", "");
    expect_shown(options, kChunks, "It is. Yes.", "");
    expect_shown(options, {{Kind::reasoning, "a"}}, "", "");
}

TEST(AnswerWriter, ThoughtsInTheText)
{
    AnswerOptions options = with(ReasoningMode::inline_, true);

    expect_shown(options, kTagged, kTagged[0].text, "");
    expect_shown(options, kChunks,
                 "<think>\nhm\n</think>\n\nIt is. "
                 "<think>\nso\n</think>\n\nYes.", "");
    expect_shown(options,
                 {{Kind::reasoning, "a"}, {Kind::step, "b"},
                  {Kind::reasoning, "c"}},
                 "<think>\na\n\nb\n\nc\n</think>\n\n", "");
}

// What clients send back of an answer with thoughts in its text.
TEST(AnswerWriter, ThoughtsAreNoPartOfTheConversation)
{
    AnswerHead    head{"c", 1, "m", true, false};
    AnswerOptions options = with(ReasoningMode::inline_);
    Fingerprint   history = asked();
    std::string   out;
    AnswerWriter  writer(head, options, history, Limits{}, out);

    writer.on_release(Kind::reasoning, "hm");
    EXPECT_EQ(writer.digest(), answered(""));
    EXPECT_EQ(writer.text_bytes(), 0u);
    writer.on_release(Kind::text, "It is.");
    EXPECT_EQ(writer.digest(), answered("It is."));
    EXPECT_EQ(writer.text_bytes(), 6u);
}

TEST(AnswerWriter, StepsAreLines)
{
    Parts parts = {{Kind::step, "one"}, {Kind::step, "two"},
                   {Kind::reasoning, "hm"}, {Kind::step, "three\nlines"},
                   {Kind::text, "It is."}, {Kind::step, "four"},
                   {Kind::text, "<think>so</think> Yes."}};
    std::string text = "It is. Yes.";

    expect_shown(with(ReasoningMode::content, true), parts, text,
                 "one\ntwo\n\nhm\n\nthree\nlines\nfour\n\nso");
    expect_shown(with(ReasoningMode::content), parts, text, "hm\n\nso");
    expect_shown(with(ReasoningMode::off, true), parts, text,
                 "one\ntwo\nthree\nlines\nfour");
}

TEST(AnswerWriter, AStepEndsWhatIsHeld)
{
    expect_shown(with(ReasoningMode::content),
                 {{Kind::text, "a <thi"}, {Kind::step, "s"},
                  {Kind::text, "nk>"}},
                 "a <think>", "");
}

TEST(AnswerWriter, FilesAreParagraphs)
{
    AnswerOptions options;
    options.files_origin = "https://d.example";

    const std::string image = "![cat.png](https://d.example/f/cat.png)";
    const std::string link = "[a b](https://other/a%20b)";

    expect_shown(options, {{Kind::file, file("cat.png", "/f/cat.png", true)}},
                 image, "");
    expect_shown(options,
                 {{Kind::text, "Here:"},
                  {Kind::file, file("cat.png", "/f/cat.png", true)},
                  {Kind::file, file("a b", "https://other/a b")},
                  {Kind::text, "Done."}},
                 "Here:\n\n" + image + "\n\n" + link + "\n\nDone.", "");
    expect_shown(options,
                 {{Kind::text, "Here:\n"},
                  {Kind::file, file("cat.png", "/f/cat.png", true)},
                  {Kind::text, "\nDone."}},
                 "Here:\n\n" + image + "\nDone.", "");
}

TEST(AnswerWriter, EachFileOnce)
{
    AnswerOptions options;
    options.files_origin = "https://d.example";

    expect_shown(options,
                 {{Kind::file, file("a", "/a")}, {Kind::file, file("b", "/a")},
                  {Kind::file, file("c", "https://d.example/a")}},
                 "[a](https://d.example/a)", "");
    expect_shown(options,
                 {{Kind::text, "![](/a) <https://d.example/b> /cc"},
                  {Kind::file, file("a", "/a")}, {Kind::file, file("b", "/b")},
                  {Kind::file, file("c", "/c")},
                  {Kind::file, file("d", "data:x")}},
                 "![](/a) <https://d.example/b> /cc"
                 "\n\n[c](https://d.example/c)", "");
}

TEST(AnswerWriter, AFormIsNoPartOfTheConversation)
{
    HumanForm form;
    form.title = "Approve";
    form.token = "t";
    form.run_id = "r";
    const FormKey  key = form_key("app-key");
    const FormSeal seal{&key, "c", "u"};
    std::string    text = form_text(form, seal);

    expect_shown({}, {{Kind::text, "Wait."}, {Kind::form, text}},
                 "Wait." + text, "");
    expect_shown({}, {{Kind::form, text}}, text, "");
    EXPECT_EQ(answered("Wait." + text), answered("Wait."));

    form.token.clear();
    text = form_text(form, seal);
    expect_shown({}, {{Kind::text, "Wait."}, {Kind::form, text}},
                 "Wait.\n\n" + text, "");
}

TEST(AnswerWriter, SourcesAreNoPartOfTheConversation)
{
    AnswerHead    head{"c", 1, "m", true, false};
    AnswerOptions options;
    Fingerprint   history = asked();
    std::string   out;

    options.footnotes = true;
    AnswerWriter writer(head, options, history, Limits{}, out);

    writer.on_release(Kind::text, "It is <");
    writer.citation({"https://a.example", "A book", ""});
    writer.close(true);

    std::string text = member(out, "content");
    EXPECT_EQ(text.substr(0, 7), "It is <");
    EXPECT_EQ(text.substr(7, kOurBlock.size()), kOurBlock);
    EXPECT_NE(text.find("A book"), std::string::npos);
    EXPECT_EQ(writer.digest(), answered("It is <"));
    EXPECT_EQ(answered(text), answered("It is <"));
    EXPECT_EQ(writer.text_bytes(), 7u);
}

TEST(AnswerWriter, TakesBack)
{
    AnswerHead   head{"c", 1, "m", true, false};
    Fingerprint  history = asked();
    std::string  out;
    AnswerOptions options;
    AnswerWriter writer(head, options, history, Limits{}, out);

    writer.on_release(Kind::reasoning, "bad");
    writer.on_release(Kind::file, file("a", "/a"));
    writer.on_release(Kind::text, "bad <thi");
    writer.take_back();
    EXPECT_EQ(writer.text_bytes(), 0u);
    writer.on_release(Kind::text, "good");
    writer.on_release(Kind::file, file("a", "/a"));
    writer.close(true);

    EXPECT_EQ(member(out, "content"), "good\n\n[a](/a)");
    EXPECT_EQ(member(out, "reasoning_content"), "");
    EXPECT_EQ(writer.digest(), answered("good\n\n[a](/a)"));
}

}  // namespace

}  // namespace opendify
