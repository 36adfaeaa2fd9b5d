#include <string>

#include <gtest/gtest.h>

#include "dify/human_form.hpp"
#include "opendify/backend.hpp"

namespace opendify {
namespace {

// As recorded from a 1.13.2, with more fields.
constexpr char kSample[] =
    R"({"form_content": "Send?\nNote: {{#$output.note#}}", "inputs": [)"
    R"({"type": "paragraph", "output_variable_name": "note", )"
    R"("default": {"type": "constant", "selector": [], "value": "fine"}}, )"
    R"({"type": "paragraph", "output_variable_name": "from", )"
    R"("default": {"type": "variable", "selector": ["a", "b"], )"
    R"("value": ""}}, )"
    R"({"output_variable_name": "none", "default": null}, )"
    R"({"output_variable_name": "plain", "default": "text"}, )"
    R"({"output_variable_name": "count", "default": {"value": 7}}, )"
    R"({"output_variable_name": ""}, {}, 7], )"
    R"("resolved_default_values": {"from": "resolved", "none": null}, )"
    R"("user_actions": [{"id": "yes", "title": "Send", )"
    R"("button_style": "primary"}, {"id": "no"}, {"title": "x"}, 7], )"
    R"("expiration_time": 1795234990, "site": {"app_id": "a"}})";

TEST(DecodeForm, OfTheRoute)
{
    const auto form = decode_form(kSample);
    ASSERT_TRUE(form);
    EXPECT_EQ(form->title, "");
    EXPECT_EQ(form->content, "Send?\nNote: {{#$output.note#}}");
    EXPECT_EQ(form->token, "");
    EXPECT_EQ(form->run_id, "");

    const char *const kFields[][2] = {{"note", "fine"},
                                      {"from", "resolved"},
                                      {"none", ""},
                                      {"plain", "text"},
                                      {"count", "7"}};
    ASSERT_EQ(form->fields.size(), std::size(kFields));
    for (std::size_t i = 0; i < form->fields.size(); i++) {
        EXPECT_EQ(form->fields[i].name, kFields[i][0]);
        EXPECT_EQ(form->fields[i].value, kFields[i][1]);
    }

    ASSERT_EQ(form->actions.size(), 2u);
    EXPECT_EQ(form->actions[0].id, "yes");
    EXPECT_EQ(form->actions[0].title, "Send");
    EXPECT_EQ(form->actions[1].id, "no");
    EXPECT_EQ(form->actions[1].title, "");
}

TEST(DecodeForm, OfAnEvent)
{
    wire::JsonDocument doc;
    ASSERT_TRUE(doc.parse(
        R"({"form_id":"f","node_title":"Approve","form_content":"Go?",)"
        R"("inputs":[],"actions":[{"id":"y","title":"Go"}],)"
        R"("form_token":"Q2x0","resolved_default_values":{}})",
        16));

    const HumanForm form = dify::read_form(doc.root());
    EXPECT_EQ(form.title, "Approve");
    EXPECT_EQ(form.content, "Go?");
    EXPECT_EQ(form.token, "Q2x0");
    EXPECT_TRUE(form.fields.empty());
    ASSERT_EQ(form.actions.size(), 1u);
    EXPECT_EQ(form.actions[0].title, "Go");

    EXPECT_EQ(dify::read_form({}).content, "");
}

TEST(DecodeForm, NotAForm)
{
    for (const char *body : {"", "{}", "[]", "<html>", R"({"inputs":[]})"}) {
        const auto form = decode_form(body);
        ASSERT_FALSE(form) << body;
        EXPECT_EQ(form.failure().errc, Errc::backend_misconfigured);
        EXPECT_NE(form.failure().message, "");
    }
}

TEST(DecodeForm, EveryPrefixAndEveryByte)
{
    const std::string whole = kSample;

    for (std::size_t i = 0; i < whole.size(); i++) {
        EXPECT_FALSE(decode_form(whole.substr(0, i)));

        for (const char c : {'{', '"', '0', '\xff'}) {
            std::string broken = whole;
            broken[i] = c;
            const auto form = decode_form(broken);
            EXPECT_TRUE(form || !form.failure().message.empty());
        }
    }
}

}  // namespace
}  // namespace opendify
