#include <string>

#include <gtest/gtest.h>

#include "dify/human_form.hpp"
#include "opendify/backend.hpp"

namespace opendify {
namespace {

HumanForm form_of(const std::string &event)
{
    wire::JsonDocument doc;
    EXPECT_TRUE(doc.parse(event, 64));

    return dify::human_form(doc.root()["data"],
                            doc.root()["workflow_run_id"]);
}

TEST(HumanForm, Whole)
{
    const HumanForm form = form_of(R"({"workflow_run_id":"run-1","data":{
        "node_title":"Approve\nit","form_token":"tok_1",
        "form_content":"{{#$output.a#}} and {{#$output.b#}}, {{#x#}}",
        "inputs":[
            {"output_variable_name":"a","default":{"value":"one"}},
            {"output_variable_name":"b","default":"two"},
            {"output_variable_name":"c","default":null},
            {"output_variable_name":"d","default":{"value":"const"}},
            {"output_variable_name":"","default":"lost"},7],
        "resolved_default_values":{"d":4},
        "actions":[{"id":"yes","title":"Send"},{"id":"no"},{"title":"x"}]}})");

    EXPECT_EQ(form.title, "Approve it");
    EXPECT_EQ(form.content, "[a] and [b], {{#x#}}");
    EXPECT_EQ(form.token, "tok_1");
    EXPECT_EQ(form.run_id, "run-1");

    ASSERT_EQ(form.fields.size(), 4u);
    EXPECT_EQ(form.fields[0].value, "one");
    EXPECT_EQ(form.fields[1].value, "two");
    EXPECT_EQ(form.fields[2].value, "");
    EXPECT_EQ(form.fields[3].value, "4");

    ASSERT_EQ(form.actions.size(), 2u);
    EXPECT_EQ(form.actions[0].title, "Send");
    EXPECT_EQ(form.actions[1].title, "no");
}

TEST(HumanForm, IdsThatAreNone)
{
    const HumanForm form = form_of(
        R"({"workflow_run_id":"a/../b","data":{"form_token":"x y"}})");
    EXPECT_EQ(form.token, "");
    EXPECT_EQ(form.run_id, "");
}

TEST(HumanForm, NothingThere)
{
    const HumanForm form = form_of(
        R"({"data":{"inputs":"x","actions":3,"form_content":"{{#$output."}})");
    EXPECT_EQ(form.content, "{{#$output.");
    EXPECT_TRUE(form.fields.empty());
    EXPECT_TRUE(form.actions.empty());
}

TEST(HumanForm, AmongReasons)
{
    wire::JsonDocument doc;
    ASSERT_TRUE(doc.parse(R"([{"TYPE":"scheduled"},{"form_id":"f"}])", 64));
    EXPECT_EQ(dify::form_in_reasons(doc.root())["form_id"].string(), "f");

    ASSERT_TRUE(doc.parse(R"([{"TYPE":"scheduled"}])", 64));
    EXPECT_FALSE(dify::form_in_reasons(doc.root()));
    EXPECT_FALSE(dify::form_in_reasons({}));
}

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
    EXPECT_EQ(form->content, "Send?\nNote: [note]");
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
    EXPECT_EQ(form->actions[1].title, "no");
}

TEST(DecodeForm, OfAnEvent)
{
    wire::JsonDocument doc;
    ASSERT_TRUE(doc.parse(
        R"({"form_id":"f","node_title":"Approve","form_content":"Go?",)"
        R"("inputs":[],"actions":[{"id":"y","title":"Go"}],)"
        R"("form_token":"Q2x0","resolved_default_values":{}})",
        16));

    const HumanForm form = dify::human_form(doc.root(), {});
    EXPECT_EQ(form.title, "Approve");
    EXPECT_EQ(form.content, "Go?");
    EXPECT_EQ(form.token, "Q2x0");
    EXPECT_TRUE(form.fields.empty());
    ASSERT_EQ(form.actions.size(), 1u);
    EXPECT_EQ(form.actions[0].title, "Go");

    EXPECT_EQ(dify::human_form({}, {}).content, "");
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
