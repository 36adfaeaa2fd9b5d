#include <string>

#include <gtest/gtest.h>

#include "opendify/backend.hpp"

namespace opendify {
namespace {

std::string query_body(const std::string &query)
{
    return "{\"query\":\"" + query
           + "\",\"inputs\":{},\"user\":\"u-42\",\"response_mode\":"
             "\"streaming\",\"conversation_id\":\"\","
             "\"auto_generate_name\":false}";
}

class EncodeChatCall : public testing::Test {
protected:
    EncodeChatCall()
    {
        call_.turn = &turn_;
        call_.user = "u-42";
    }

    void say(Role role, const std::string &text)
    {
        turn_.messages.push_back({role, text});
    }

    std::string body()
    {
        const auto request = encode_chat_call(call_);
        if (!request) {
            return "failed: " + request.failure().message;
        }

        EXPECT_TRUE(request->post);
        EXPECT_EQ(request->path, "/chat-messages");
        EXPECT_EQ(request->args, "");

        return request->body;
    }

    bool refused_as_empty()
    {
        const auto request = encode_chat_call(call_);
        return !request && request.failure().errc == Errc::empty_query
               && request.failure().param == "messages";
    }

    Turn     turn_;
    ChatCall call_;
};

TEST_F(EncodeChatCall, AloneAsItIs)
{
    say(Role::user, " Weather in \"Porto\"?\n");
    EXPECT_EQ(body(), query_body(" Weather in \\\"Porto\\\"?\\n"));
}

TEST_F(EncodeChatCall, ReplaysHistory)
{
    say(Role::system, "Be brief.");
    say(Role::user, "One?");
    say(Role::assistant, "1");
    say(Role::assistant, "");
    say(Role::system, "Be polite.");
    say(Role::user, "Two?");
    EXPECT_EQ(body(), query_body("Be brief.\\n\\nBe polite.\\n\\n"
                                 "Conversation so far:\\nUser: One?\\n"
                                 "Assistant: 1\\n\\nUser: Two?"));
}

TEST_F(EncodeChatCall, SystemWithoutHistory)
{
    say(Role::system, "Be brief.");
    say(Role::user, "One?");
    EXPECT_EQ(body(), query_body("Be brief.\\n\\nUser: One?"));
}

TEST_F(EncodeChatCall, SystemAlone)
{
    say(Role::system, "Tell a joke.");
    EXPECT_EQ(body(), query_body("Tell a joke."));
}

TEST_F(EncodeChatCall, ConversationGetsTheNewTurnOnly)
{
    call_.conversation_id = "c-1";
    say(Role::system, "Be brief.");
    say(Role::user, "One?");
    say(Role::assistant, "1");
    say(Role::user, "Two?");
    say(Role::user, "  ");
    say(Role::user, "Three?");
    EXPECT_EQ(body(),
              "{\"query\":\"Two?\\n\\nThree?\",\"inputs\":{},\"user\":\"u-42\","
              "\"response_mode\":\"streaming\",\"conversation_id\":\"c-1\","
              "\"auto_generate_name\":false}");
}

TEST_F(EncodeChatCall, EndsWithAssistant)
{
    call_.conversation_id = "c-1";
    say(Role::user, "Count.");
    say(Role::assistant, "1 2");
    EXPECT_NE(body().find("{\"query\":\"Continue.\""), std::string::npos);

    call_.conversation_id = {};
    EXPECT_EQ(body(), query_body("Conversation so far:\\nUser: Count.\\n"
                                 "Assistant: 1 2\\n\\nUser: Continue."));

    call_.continue_text = "Go on.";
    EXPECT_EQ(body(), query_body("Conversation so far:\\nUser: Count.\\n"
                                 "Assistant: 1 2\\n\\nUser: Go on."));

    call_.conversation_id = "c-1";
    EXPECT_NE(body().find("{\"query\":\"Go on.\""), std::string::npos);

    // A blank question after the answer is none, instructions are one.
    say(Role::user, " ");
    EXPECT_TRUE(refused_as_empty());
    say(Role::system, "Sum up.");
    EXPECT_NE(body().find("{\"query\":\"Sum up.\""), std::string::npos);
}

TEST_F(EncodeChatCall, NothingToAsk)
{
    EXPECT_TRUE(refused_as_empty());

    say(Role::user, std::string(" \t\r\n\0", 5));
    EXPECT_TRUE(refused_as_empty());

    turn_.messages.clear();
    say(Role::user, "One?");
    say(Role::assistant, "1");
    say(Role::user, " ");
    EXPECT_TRUE(refused_as_empty());

    say(Role::user, ".");
    EXPECT_FALSE(refused_as_empty());
}

TEST_F(EncodeChatCall, InputsOfTheCallWin)
{
    turn_.inputs = {{"a", "1"}, {"b", "\"x\""}, {"b", "\"y\""}};
    call_.inputs = {{"a", "[2]"}, {"c\"", "null"}};
    say(Role::user, "q");
    EXPECT_NE(body().find("\"inputs\":{\"b\":\"y\",\"a\":[2],\"c\\\"\":null},"),
              std::string::npos)
        << body();
}

TEST_F(EncodeChatCall, ChatKinds)
{
    say(Role::user, "q");
    for (const AppMode mode : {AppMode::unknown, AppMode::agent_chat,
                               AppMode::chatflow, AppMode::agent}) {
        call_.mode = mode;
        EXPECT_EQ(body(), query_body("q"));
    }
}

TEST_F(EncodeChatCall, Completion)
{
    call_.mode = AppMode::completion;
    call_.query_input = "query";
    turn_.inputs = {{"query", "\"theirs\""}, {"tone", "\"dry\""}};
    say(Role::system, "Be brief.");
    say(Role::user, "Cats");

    auto request = encode_chat_call(call_);
    ASSERT_TRUE(request);
    EXPECT_TRUE(request->post);
    EXPECT_EQ(request->path, "/completion-messages");
    EXPECT_EQ(request->content_type, "");
    EXPECT_EQ(request->body,
              R"({"inputs":{"tone":"dry","query":"Be brief.\n\nUser: Cats"},)"
              R"("user":"u-42","response_mode":"streaming"})");

    // Nothing takes it: the query is left.
    call_.query_input = {};
    turn_.inputs.clear();
    request = encode_chat_call(call_);
    ASSERT_TRUE(request);
    EXPECT_EQ(request->body,
              R"({"query":"Be brief.\n\nUser: Cats","inputs":{},)"
              R"("user":"u-42","response_mode":"streaming"})");
}

TEST_F(EncodeChatCall, Workflow)
{
    call_.mode = AppMode::workflow;
    call_.query_input = "text";
    call_.system_input = "rules";
    call_.inputs = {{"n", "3"}};
    say(Role::system, "Be \"brief\".");
    say(Role::user, "One?");
    say(Role::assistant, "1");
    say(Role::user, "Two?");

    auto request = encode_chat_call(call_);
    ASSERT_TRUE(request);
    EXPECT_TRUE(request->post);
    EXPECT_EQ(request->path, "/workflows/run");
    EXPECT_EQ(request->body,
              R"({"inputs":{"n":3,"rules":"Be \"brief\".",)"
              R"("text":"Conversation so far:\nUser: One?\nAssistant: 1\n\n)"
              R"(User: Two?"},"user":"u-42","response_mode":"streaming"})");

    // An app that takes no text runs all the same.
    call_.query_input = {};
    request = encode_chat_call(call_);
    ASSERT_TRUE(request);
    EXPECT_EQ(request->body,
              R"({"inputs":{"n":3,"rules":"Be \"brief\"."},"user":"u-42",)"
              R"("response_mode":"streaming"})");
}

TEST_F(EncodeChatCall, SystemInput)
{
    call_.system_input = "rules";
    turn_.inputs = {{"rules", "\"theirs\""}};
    say(Role::system, "Be brief.");
    EXPECT_NE(body().find(R"({"query":"Be brief.","inputs":{"rules":"Be b)"),
              std::string::npos)
        << body();

    say(Role::user, "One?");
    EXPECT_NE(body().find(R"({"query":"One?","inputs":{"rules":"Be brief."})"),
              std::string::npos)
        << body();

    // Inputs are asked for with every turn of a conversation.
    call_.conversation_id = "c-1";
    EXPECT_NE(body().find(R"({"query":"One?","inputs":{"rules":"Be brief."})"),
              std::string::npos)
        << body();

    // Blank instructions are none.
    turn_.messages[0].text = " \n";
    EXPECT_NE(body().find(R"({"query":"One?","inputs":{"rules":"theirs"})"),
              std::string::npos)
        << body();
}

TEST(NewTurnText, BehindTheLastAnswer)
{
    Turn turn;
    EXPECT_EQ(new_turn_text(turn), "");

    turn.messages = {{Role::user, "a"}, {Role::assistant, "b"}};
    EXPECT_EQ(new_turn_text(turn), "");

    turn.messages.push_back({Role::user, "c"});
    turn.messages.push_back({Role::system, "s"});
    turn.messages.push_back({Role::user, "d"});
    EXPECT_EQ(new_turn_text(turn), "c\n\nd");
}

TEST(BackendUser, HashOfALongOne)
{
    const std::string fits(255, 'x');
    EXPECT_EQ(backend_user(fits), fits);
    EXPECT_EQ(backend_user(""), "");

    // printf 'x%.0s' {1..256} | sha256sum
    EXPECT_EQ(backend_user(fits + "x"),
              "85e62acd750c4eb56b7b6a1d66dca5bf"
              "aac5f062608a1a893410d0288936c09a");

    std::string umlauts;
    for (int i = 0; i < 255; i++) {
        umlauts += "\xc3\xbc";
    }

    EXPECT_EQ(backend_user(umlauts), umlauts);
    EXPECT_EQ(backend_user(umlauts + "a").size(), 64u);
    EXPECT_EQ(backend_user(std::string("a\0b", 3)).size(), 64u);
}

}  // namespace
}  // namespace opendify
