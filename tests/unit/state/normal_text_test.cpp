#include "state/normal_text.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace opendify::state {
namespace {

const std::string kSources =
    "<source id=\"1\" name=\"a.txt\">Open at ten.\n</source>\n"
    "<source id=\"2\" name=\"b.txt\">On <source id=\"3\"> as well.</source>\n";

const std::string kFiles =
    "<attached_files>\n<file type=\"file\" id=\"1\" name=\"a.txt\"/>\n"
    "</attached_files>\n\n";

const std::string kTask =
    "### Task:\nAnswer with the <context> below.\n\n### Output:\nShort.\n\n";

std::string in_context(const std::string &inner)
{
    return "<context>\n" + inner + "</context>\n\n";
}

std::string asked(const std::string &text)
{
    return std::string(asked_text(text));
}

// However it was sent, it is the text that comes back one turn later.
void expect_asks(const std::string &text, const std::string &question)
{
    std::string rest = asked(text);
    rest.erase(0, rest.find_first_not_of(" \r\n"));
    EXPECT_EQ(rest, question) << text;
}

TEST(AskedText, IsBehindTheSources)
{
    for (const std::string question :
         { "When?", "When?\n\nAnd where?  ", "Is <context> a tag?",
           "<b>When?</b>" })
    {
        expect_asks(kTask + in_context(kSources) + question, question);
        expect_asks(kTask + in_context(kSources) + kFiles + question,
                    question);
        expect_asks(kTask + in_context("No tags here.\n") + question,
                    question);
    }
}

TEST(AskedText, KnowsOtherTemplates)
{
    for (const std::string &template_text : std::vector<std::string>
         { "### Aufgabe:\nAntworte kurz.\n\n" + in_context(kSources),
           "\xe5\x9b\x9e\xe7\xad\x94\n" + in_context(kSources),
           "Antworte kurz.\n<quellen>\n<alle>\n" + kSources
               + "</alle> \n</quellen>\r\n",
           "Antworte kurz.\n" + kSources, kSources,
           kTask + in_context(kSources)
               + "<user_query>\nWhen?\n</user_query>\n" })
    {
        expect_asks(template_text + "\nWhen?", "When?");
        expect_asks(template_text + "\n" + kFiles + "When?", "When?");
        EXPECT_TRUE(is_wrapped(template_text + "When?"));
    }

    expect_asks(kTask + in_context(kSources)
                    + "<user_query>\nWhen?\n</user_query>",
                "<user_query>\nWhen?\n</user_query>");
}

// Of a message with an image each text part is wrapped.
TEST(AskedText, KnowsAWrapperOfEachPart)
{
    const std::string wrapper = kTask + in_context(kSources);

    expect_asks(wrapper + kFiles + "\n" + wrapper + "When?", "When?");
}

TEST(AskedText, IsWithoutListsOfFiles)
{
    expect_asks(kFiles + "When?", "When?");
    expect_asks("\n" + kFiles + kFiles + "\nWhen?", "When?");
    expect_asks(kFiles, "");
    expect_asks("See " + kFiles + "When?", "See " + kFiles + "When?");
    expect_asks("<attached_files> is a tag", "<attached_files> is a tag");
}

TEST(AskedText, IsOtherwiseTheText)
{
    for (const std::string &text : std::vector<std::string>
         { std::string(), std::string("When?"), std::string("<context>"),
           kTask + "When?",
           // A person's own: no heading, no sources.
           "Sum up:\n" + in_context("A letter.\n") + "In French.",
           // Nothing follows.
           kTask + in_context(kSources), "Sum up:\n" + kSources,
           // Not lines of their own.
           kTask + "a <context> b </context> When?",
           kTask + "<context>\na </context>\nWhen?",
           std::string("x <source id=\"1\">a</source>\nWhen?"),
           std::string("<source>\n1.8</source>\nWhen?"),
           kTask + "</context>\n<context>\nWhen?" })
    {
        EXPECT_EQ(asked(text), text);
        EXPECT_FALSE(is_wrapped(text)) << text;
    }
}

}  // namespace
}  // namespace opendify::state
