#include <string>

#include <gtest/gtest.h>

#include "dify/query_text.hpp"

namespace opendify {
namespace {

TEST(QueryText, FilesWithoutAWord)
{
    Turn turn;
    turn.messages = {{Role::user, " "}};
    EXPECT_FALSE(asks_something(turn));

    turn.messages[0].files.resize(1);
    ASSERT_TRUE(asks_something(turn));
    EXPECT_EQ(new_turn_text(turn), "");

    ChatCall call;
    call.turn = &turn;
    EXPECT_EQ(dify::query_text(call), "Please look at what is attached.");

    // Files alone are a question of their own, whatever stands before them.
    turn.messages.insert(turn.messages.begin(), {Role::system, "Be brief."});
    EXPECT_EQ(dify::query_text(call),
              "Be brief.\n\nUser: Please look at what is attached.");

    call.conversation_id = "c";
    EXPECT_EQ(dify::query_text(call), "Please look at what is attached.");

    // Those of an earlier message ask nothing any more.
    turn.messages.push_back({Role::assistant, "A cat."});
    turn.messages.push_back({Role::user, ""});
    EXPECT_FALSE(asks_something(turn));
}

TEST(QueryText, InstructionsAfterTheLastAnswer)
{
    Turn turn;
    turn.messages = {{Role::system, "Be brief."},
                     {Role::user, "Hi"},
                     {Role::assistant, "Hello"},
                     {Role::system, "Summarize this."}};
    ASSERT_TRUE(asks_something(turn));
    EXPECT_EQ(new_turn_text(turn), "Summarize this.");

    ChatCall call;
    call.turn = &turn;
    EXPECT_EQ(dify::query_text(call),
              "Be brief.\n\nConversation so far:\nUser: Hi\n"
              "Assistant: Hello\n\nUser: Summarize this.");

    call.conversation_id = "c";
    EXPECT_EQ(dify::query_text(call), "Summarize this.");

    // With a word of the user's they are instructions again.
    turn.messages.push_back({Role::user, "Go on"});
    EXPECT_EQ(dify::query_text(call), "Go on");

    turn.messages.pop_back();
    turn.messages.back().text = " ";
    EXPECT_FALSE(asks_something(turn));
}

TEST(NothingAsked, FittingWords)
{
    Turn turn;
    turn.messages = {{Role::user, ""}};

    Failure failure = nothing_asked(turn);
    EXPECT_EQ(failure.errc, Errc::empty_query);
    EXPECT_EQ(failure.param, "messages");
    EXPECT_EQ(failure.message, "There is no text to answer in 'messages'.");

    turn.messages.insert(turn.messages.begin(), {Role::assistant, "1"});
    failure = nothing_asked(turn);
    EXPECT_EQ(failure.errc, Errc::empty_query);
    EXPECT_EQ(failure.message, "There is no question after the last answer.");

    turn.messages = {{Role::user, " "}};
    turn.asked_in = "prompt";
    failure = nothing_asked(turn);
    EXPECT_EQ(failure.param, "prompt");
    EXPECT_EQ(failure.message, "There is no text to answer in 'prompt'.");
}

}  // namespace
}  // namespace opendify
