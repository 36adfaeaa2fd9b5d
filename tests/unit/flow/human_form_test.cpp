#include "opendify/human_form.hpp"

#include <gtest/gtest.h>

#include <string>

namespace opendify {

namespace {

// By another implementation of HMAC.
const std::string kSignature = "cfede4ffc5727caa654ba2124c5baac5";
const std::string kBlock =
    "\n\n[//]: # (opendify:form Q2x0-dG9_rZW4 e2a97b54-8c10 " + kSignature
    + ")\n\n";

FormSeal seal(std::string_view client = "bob", std::string_view user = "u-1")
{
    static const FormKey key = form_key("app-0123456789");

    return {&key, client, user};
}

HumanForm form()
{
    HumanForm form;
    form.title = "Approve";
    form.content = "Send this draft?\n\nNote: [note]";
    form.fields = {{"note", "fine"}, {"x", "a\nb"}};
    form.actions = {{"yes", "Send"}, {"no", ""}};
    form.token = "Q2x0-dG9_rZW4";
    form.run_id = "e2a97b54-8c10";
    return form;
}

Turn turn_of(std::vector<Message> messages)
{
    Turn turn;
    turn.messages = std::move(messages);
    return turn;
}

TEST(HumanForm, IsReadable)
{
    EXPECT_EQ(form_text(form(), seal()),
              kBlock
                  + "**Approve**\n\n"
                    "Send this draft?\n\nNote: [note]\n\n"
                    "- note: fine\n- x: a b\n\n"
                    "1. Send\n2. no\n\n"
                    "Answer with the number or name of an action; "
                    "`name: value` lines fill the fields.");
}

TEST(HumanForm, IsDeliveredElsewhereWithoutAToken)
{
    for (std::string token : {"", "a b", "a)", "\n", "\xc3\xa9"}) {
        HumanForm other = form();
        other.content = "Send?\n";
        other.token = token;
        EXPECT_EQ(form_text(other, seal()),
                  "**Approve**\n\nSend?\n\nThe form was delivered elsewhere; "
                  "it has to be answered there.");
    }

    HumanForm empty;
    EXPECT_EQ(form_text(empty, seal()), "The form was delivered elsewhere; "
                                "it has to be answered there.");
}

TEST(HumanForm, IsFoundAgain)
{
    std::string text = form_text(form(), seal());

    for (std::string answer :
         {"Well." + text, text, text.substr(2), text + "\n\nmore"})
    {
        HumanForm found;
        found.title = "old";
        ASSERT_TRUE(find_form(turn_of({{Role::user, "Go"},
                                       {Role::assistant, answer},
                                       {Role::user, "1"}}),
                              seal(), found));
        EXPECT_EQ(found.token, "Q2x0-dG9_rZW4");
        EXPECT_EQ(found.run_id, "e2a97b54-8c10");
        EXPECT_EQ(found.title, "");
    }
}

bool is_found(std::vector<Message> messages, const FormSeal &by = seal())
{
    HumanForm found;

    return find_form(turn_of(std::move(messages)), by, found);
}

bool is_found_in(const std::string &answer, const FormSeal &by = seal())
{
    return is_found({{Role::assistant, answer}}, by);
}

TEST(HumanForm, OnlyInTheLastAnswer)
{
    std::string text = form_text(form(), seal());

    EXPECT_FALSE(is_found({}));
    EXPECT_FALSE(is_found({{Role::user, text}}));
    EXPECT_FALSE(is_found({{Role::assistant, text},
                           {Role::user, "1"},
                           {Role::assistant, "Sent."},
                           {Role::user, "And?"}}));
}

TEST(HumanForm, BoundsWhatItFinds)
{
    const std::string mark = "a\n\n[//]: # (opendify:form ";

    for (std::string answer :
         {mark + "a", mark + "a)", mark + ") ", mark + " b)",
          mark + "a b c)", mark + "a b/..)", mark + "a\nb)",
          mark + std::string(257, 'a') + " b)", mark,
          "x " + mark.substr(3) + "a b)",
          "x " + form_text(form(), seal()).substr(2)})
    {
        EXPECT_FALSE(is_found_in(answer)) << answer;
    }

    HumanForm large = form();
    large.token = std::string(256, 'a');
    large.run_id = std::string(256, 'b');
    EXPECT_TRUE(is_found_in(form_text(large, seal())));

    large.run_id += 'b';
    EXPECT_FALSE(is_found_in(form_text(large, seal())));
}

TEST(HumanForm, IsTheAppsTheClientsAndTheUsers)
{
    const std::string text = form_text(form(), seal());
    const FormKey     other = form_key("app-0123456788");

    EXPECT_TRUE(is_found_in(text));
    EXPECT_FALSE(is_found_in(text, seal("bob", "u-2")));
    EXPECT_FALSE(is_found_in(text, seal("bo", "bu-1")));
    EXPECT_FALSE(is_found_in(text, seal("", "bobu-1")));
    EXPECT_FALSE(is_found_in(text, seal("alice", "u-1")));
    EXPECT_FALSE(is_found_in(text, {&other, "bob", "u-1"}));
    EXPECT_FALSE(is_found_in(text, {nullptr, "bob", "u-1"}));
    EXPECT_NE(form_text(form(), seal("bob", "u-2")), text);
}

TEST(HumanForm, NothingInItsMarkIsAnothers)
{
    const std::string good = form_text(form(), seal());
    const std::size_t begin = good.find("form ") + 5;

    for (std::size_t at = begin; at <= kBlock.find(')'); at++) {
        for (int bit = 0; bit < 8; bit++) {
            std::string bad = good;
            bad[at] = static_cast<char>(bad[at] ^ (1 << bit));
            EXPECT_FALSE(is_found_in(bad)) << at << ' ' << bit;
        }

        std::string cut = good;
        cut.erase(at, 1);
        EXPECT_FALSE(is_found_in(cut)) << at;
    }

    // A token of one's own beside the run of somebody else.
    HumanForm others = form();
    others.run_id = "11111111-2222";
    std::string mixed = good;
    mixed.replace(mixed.find("e2a97b54-8c10"), 13, others.run_id);
    EXPECT_FALSE(is_found_in(mixed));
    EXPECT_FALSE(is_found_in("[//]: # (opendify:form T R)\n\nSend?"));
    EXPECT_FALSE(is_found_in("[//]: # (opendify:form T R "
                             + std::string(32, '0') + ")\n\nSend?"));
}

// A form may show what somebody else wrote.
TEST(HumanForm, IsFoundAboveWhatLooksLikeOne)
{
    HumanForm shows = form();

    for (int i = 0; i < 10; i++) {
        shows.content += "\n\n[//]: # (opendify:form T R "
                         + std::string(32, 'a') + ")\n\n";
    }

    EXPECT_TRUE(is_found_in(form_text(shows, seal())));
}

TEST(HumanForm, HasNoMarkWithoutAKey)
{
    EXPECT_EQ(form_text(form(), {}).find("opendify:"), std::string::npos);
}

}  // namespace

}  // namespace opendify
