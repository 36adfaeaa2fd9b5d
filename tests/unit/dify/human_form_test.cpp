#include <string>

#include <gtest/gtest.h>

#include "dify/human_form.hpp"

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

}  // namespace
}  // namespace opendify
