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

    call_.conversation_id.clear();
    EXPECT_EQ(body(), query_body("Conversation so far:\\nUser: Count.\\n"
                                 "Assistant: 1 2\\n\\nUser: Continue."));
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

TEST_F(EncodeChatCall, OtherAppKinds)
{
    say(Role::user, "q");
    for (const AppMode mode : {AppMode::completion, AppMode::workflow}) {
        call_.mode = mode;
        const auto request = encode_chat_call(call_);
        ASSERT_FALSE(request);
        EXPECT_EQ(request.failure().errc, Errc::backend_misconfigured);
    }

    for (const AppMode mode : {AppMode::unknown, AppMode::agent_chat,
                               AppMode::chatflow, AppMode::agent}) {
        call_.mode = mode;
        EXPECT_EQ(body(), query_body("q"));
    }
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
