#include "opendify/human_form.hpp"

#include <gtest/gtest.h>

#include <string>

namespace opendify {

namespace {

const std::string kBlock =
    "\n\n[//]: # (opendify:form Q2x0-dG9_rZW4 e2a97b54-8c10)\n\n";

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
    EXPECT_EQ(form_text(form()),
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
        EXPECT_EQ(form_text(other),
                  "**Approve**\n\nSend?\n\nThe form was delivered elsewhere; "
                  "it has to be answered there.");
    }

    HumanForm empty;
    EXPECT_EQ(form_text(empty), "The form was delivered elsewhere; "
                                "it has to be answered there.");
}

TEST(HumanForm, IsFoundAgain)
{
    std::string text = form_text(form());

    for (std::string answer :
         {"Well." + text, text, text.substr(2), text + "\n\nmore"})
    {
        HumanForm found;
        found.title = "old";
        ASSERT_TRUE(find_form(turn_of({{Role::user, "Go"},
                                       {Role::assistant, answer},
                                       {Role::user, "1"}}),
                              found));
        EXPECT_EQ(found.token, "Q2x0-dG9_rZW4");
        EXPECT_EQ(found.run_id, "e2a97b54-8c10");
        EXPECT_EQ(found.title, "");
    }
}

TEST(HumanForm, OnlyInTheLastAnswer)
{
    std::string text = form_text(form());
    HumanForm   found;

    EXPECT_FALSE(find_form(turn_of({}), found));
    EXPECT_FALSE(find_form(turn_of({{Role::user, text}}), found));
    EXPECT_FALSE(find_form(turn_of({{Role::assistant, text},
                                    {Role::user, "1"},
                                    {Role::assistant, "Sent."},
                                    {Role::user, "And?"}}),
                           found));
}

TEST(HumanForm, BoundsWhatItFinds)
{
    const std::string mark = "a\n\n[//]: # (opendify:form ";

    for (std::string answer :
         {mark + "a", mark + "a)", mark + ") ", mark + " b)",
          mark + "a b c)", mark + "a b/..)", mark + "a\nb)",
          mark + std::string(257, 'a') + " b)",
          "x " + mark.substr(3) + "a b)"})
    {
        HumanForm found;
        EXPECT_FALSE(
            find_form(turn_of({{Role::assistant, answer}}), found))
            << answer;
    }

    HumanForm found;
    EXPECT_TRUE(find_form(
        turn_of({{Role::assistant,
                  mark + std::string(256, 'a') + " b)"}}), found));
}

}  // namespace

}  // namespace opendify
