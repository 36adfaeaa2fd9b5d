#include "opendify/auxiliary.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace opendify {
namespace {

const std::string kTalk = "USER: Hello\nASSISTANT: Hi\n";
const std::string kBlock = "<chat_history>\n" + kTalk + "</chat_history>";

Turn turn_of(std::vector<Message> messages)
{
    Turn turn;
    turn.messages = std::move(messages);
    return turn;
}

Turn asks(const std::string &text)
{
    return turn_of({ { Role::user, text } });
}

bool is_auxiliary(const Turn &turn)
{
    return is_auxiliary(turn, {});
}

TEST(Auxiliary, KnowsTemplates)
{
    for (const std::string &text : std::vector<std::string>
         { "### Task:\nName it.\n{ \"title\": \"a\" }\n" + kBlock,
           "### Task:\nNext?\n{\"follow_ups\" : []}\n" + kBlock + "\n",
           "### Task:\nWords.\n{ \"tags\": [] }\n" + kBlock,
           "### Task:\nSearch.\n{ \"queries\": [] }\n<chat_history>\n"
           "USER: Hello\n</chat_history>\n",
           "### Task:\nPaint.\n{ \"prompt\": \"\" }\n" + kBlock,
           std::string("### Task:\nGo on.\n{ \"text\": \"\" }\n"
                       "<chat_history>\n\n</chat_history>\n"
                       "<text>How do</text>\n#### Output:\n"),
           // Translated, and before the first answer.
           std::string("Ein Titel als {\"title\": \"\"}:\nUSER: Hallo\n"
                       "ASSISTANT: "),
           std::string("{\"queries\": []}\xef\xbc\x9a\nUSER: \xe4\xbd\xa0\n"),
           "Kurz:\n" + kTalk,
           // Compaction.
           "### Task:\nShort.\n\n### Before:\n\n### Now:\n" + kTalk
               + "\n### Later:\nUSER: Bye" })
    {
        Turn turn = asks(text);
        EXPECT_TRUE(is_auxiliary(turn)) << text;

        // The model's own instructions may come first.
        Turn led = turn_of({ { Role::system, "Be kind." },
                             { Role::user, text } });
        EXPECT_TRUE(is_auxiliary(led)) << text;

        turn.stream = true;
        EXPECT_FALSE(is_auxiliary(turn)) << text;

        led.has_tools = true;
        EXPECT_FALSE(is_auxiliary(led)) << text;
    }
}

TEST(Auxiliary, KnowsPeople)
{
    for (const std::string &text : std::vector<std::string>
         { std::string(), std::string("Hello"), std::string("### Task:\nGo"),
           std::string("What does USER: mean, and ASSISTANT: ?"),
           std::string("A \"title\": for this"),
           std::string("USER: Hello"),
           // Quoted.
           "Why so?\n```\n{ \"title\": \"\" }\n" + kBlock + "\n```\nTell me.",
           std::string("> { \"title\": \"\" }\n> <chat_history>\n> USER: a\n"
                       "> ASSISTANT: b\n> </chat_history>\nWhy?"),
           std::string("Why?\n    USER: a\n    ASSISTANT: b\n"),
           std::string("<chat_history>\nUSER: a\n</chat_history>\nWhy?"),
           // Over documents, of which one is a transcript.
           "### Task:\nAnswer.\n<context>\n<source id=\"1\">\n" + kTalk
               + "</source>\n</context>\n\nWho speaks?" })
    {
        EXPECT_FALSE(is_auxiliary(asks(text))) << text;
    }
}

TEST(Auxiliary, HasNoHistoryAndNoFiles)
{
    const std::string text = "{ \"title\": \"\" }\n" + kBlock;

    EXPECT_TRUE(is_auxiliary(asks(text)));
    EXPECT_FALSE(is_auxiliary(turn_of({ { Role::user, "Hello" },
                                        { Role::assistant, "Hi" },
                                        { Role::user, text } })));
    EXPECT_FALSE(is_auxiliary(turn_of({ { Role::user, "Hello" },
                                        { Role::user, text } })));
    EXPECT_FALSE(is_auxiliary(turn_of({ { Role::user, text },
                                        { Role::tool, "1" } })));
    EXPECT_FALSE(is_auxiliary(turn_of({ { Role::system, text } })));
    EXPECT_FALSE(is_auxiliary(turn_of({})));

    Turn turn = asks(text);
    turn.messages[0].files.emplace_back();
    EXPECT_FALSE(is_auxiliary(turn));
}

TEST(Auxiliary, KnowsMerges)
{
    const std::string merge =
        "You have been provided with a set of responses to \"Hi\"\n\n"
        "\"\"\"One\"\"\"\n\n\"\"\"Two\"\"\"";

    for (bool stream : { true, false }) {
        Turn turn = asks(merge + "\n");
        turn.stream = stream;
        EXPECT_TRUE(is_auxiliary(turn));

        turn.messages[0].text = merge + "\n\nWhat does this prompt do?";
        EXPECT_FALSE(is_auxiliary(turn));

        turn.messages[0].text = "Explain: " + merge;
        EXPECT_FALSE(is_auxiliary(turn));

        turn.messages[0].text = merge;
        turn.has_tools = true;
        EXPECT_FALSE(is_auxiliary(turn));
    }
}

TEST(Auxiliary, KnowsFirstWords)
{
    const Message question = { Role::user, "Hello" };
    const Message answer = { Role::assistant, "Hi" };
    const Message review = {
        Role::system, "You are Open WebUI's private memory reviewer. JSON."
    };
    const Message titles = { Role::system, "You are a title generator." };
    const Message name = {
        Role::user, "Please generate a four to five word title for it."
    };
    const Message sum_up = {
        Role::system, "Summarize the discussion briefly in 200 words or less."
    };
    const Message analyze = {
        Role::user, "Analyze this conversation and provide:\n1. A title"
    };

    EXPECT_TRUE(is_auxiliary(turn_of({ review, question })));
    EXPECT_TRUE(is_auxiliary(turn_of({ titles, question, question })));
    EXPECT_TRUE(is_auxiliary(turn_of({ analyze })));
    EXPECT_TRUE(is_auxiliary(turn_of({ question, answer, name })));
    EXPECT_TRUE(is_auxiliary(turn_of({ question, answer, sum_up })));

    EXPECT_FALSE(is_auxiliary(turn_of({ titles, question, answer,
                                        question })));
    EXPECT_FALSE(is_auxiliary(turn_of({ sum_up, question })));
    EXPECT_FALSE(is_auxiliary(turn_of({ question, answer, analyze })));
    EXPECT_FALSE(is_auxiliary(turn_of({ name, answer, question })));

    Turn streamed = turn_of({ titles, question });
    streamed.stream = true;
    EXPECT_TRUE(is_auxiliary(streamed));

    for (const Turn &turn : { turn_of({ review, question }),
                              turn_of({ analyze }),
                              turn_of({ question, answer, name }) })
    {
        streamed = turn;
        streamed.stream = true;
        EXPECT_FALSE(is_auxiliary(streamed));
    }
}

TEST(Auxiliary, BelievesHints)
{
    Turn question = asks("Hello");
    question.stream = question.has_tools = true;

    EXPECT_TRUE(is_auxiliary(question, { "title_generation", "" }));
    EXPECT_FALSE(is_auxiliary(question, { "", "id" }));
    EXPECT_FALSE(is_auxiliary(question, { "{{TASK}}", "{{MESSAGE_ID}}" }));

    const Turn title = asks("{ \"title\": \"\" }\n" + kBlock);

    EXPECT_FALSE(is_auxiliary(title, { "", "id" }));
    EXPECT_TRUE(is_auxiliary(title, { "{{TASK}}", "{{MESSAGE_ID}}" }));
    EXPECT_TRUE(is_auxiliary(title, { "title_generation", "id" }));
}

}  // namespace
}  // namespace opendify
