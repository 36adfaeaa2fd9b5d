#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "opendify/app_form.hpp"

namespace opendify {
namespace {

using Type = AppField::Type;

class CheckCall : public testing::Test {
protected:
    CheckCall()
    {
        turn_.messages = {{Role::user, "question"}};
        call_.turn = &turn_;
    }

    AppField &field(const std::string &name, Type type)
    {
        AppField added;
        added.name = name;
        added.type = type;
        form_.fields.push_back(added);

        return form_.fields.back();
    }

    // "" or the message; `param_` is of the last refusal.
    std::string refusal()
    {
        const auto checked = check_call(form_, call_);
        if (checked) {
            return {};
        }

        EXPECT_EQ(checked.failure().errc, Errc::bad_value);
        EXPECT_EQ(checked.failure().code, "");
        EXPECT_NE(checked.failure().message, "");
        param_ = checked.failure().param;

        return checked.failure().message;
    }

    bool takes(const std::string &json)
    {
        call_.inputs = {{form_.fields[0].name, json}};
        param_.clear();
        const bool taken = refusal().empty();
        EXPECT_EQ(param_, taken ? "" : "inputs." + form_.fields[0].name);

        return taken;
    }

    Attachment &attach(const std::string &name)
    {
        Attachment file;
        file.name = name;
        file.bytes = "x";
        file.param = "messages[0].content[" + name + "]";
        turn_.messages.back().files.push_back(file);

        return turn_.messages.back().files.back();
    }

    Turn        turn_;
    ChatCall    call_;
    AppForm     form_;
    std::string param_;
};

TEST_F(CheckCall, NothingAskedFor)
{
    turn_.inputs = {{"extra", "7"}};
    EXPECT_EQ(refusal(), "");
}

TEST_F(CheckCall, Required)
{
    AppField &city = field("city", Type::text);
    EXPECT_EQ(refusal(), "");

    city.required = true;
    EXPECT_EQ(refusal(),
              "The input 'city' is missing: this model needs a text.");
    EXPECT_EQ(param_, "inputs.city");

    EXPECT_FALSE(takes("null"));
    EXPECT_TRUE(takes("\"\""));

    call_.inputs.clear();
    turn_.inputs = {{"city", "\"Porto\""}};
    EXPECT_EQ(refusal(), "");

    form_.fields[0].type = Type::unknown;
    turn_.inputs.clear();
    EXPECT_NE(refusal(), "");
    EXPECT_TRUE(takes("{\"any\":[1]}"));
}

TEST_F(CheckCall, Texts)
{
    for (const Type type : {Type::text, Type::paragraph}) {
        form_.fields.clear();
        field("city", type).max_length = 3;
        EXPECT_TRUE(takes("\"abc\""));
        EXPECT_TRUE(takes("\"\xc3\xbc\xf0\x9f\x98\x80\xe4\xbd\xa0\""));
        EXPECT_FALSE(takes("\"abcd\""));
        EXPECT_FALSE(takes("7"));
        EXPECT_FALSE(takes("[\"a\"]"));
        EXPECT_EQ(refusal(),
                  "The input 'city' must be a text of at most 3 characters.");
    }

    form_.fields[0].max_length = 0;
    EXPECT_TRUE(takes("\"" + std::string(100000, 'x') + "\""));
}

TEST_F(CheckCall, Select)
{
    field("tone", Type::select).options = {"formal", "casual"};
    EXPECT_TRUE(takes("\"casual\""));
    EXPECT_FALSE(takes("\"Casual\""));
    EXPECT_FALSE(takes("\"\""));
    EXPECT_FALSE(takes("1"));
    EXPECT_EQ(refusal(),
              "The input 'tone' must be one of 'formal', 'casual'.");

    form_.fields[0].options.assign(1000, std::string(100, 'x'));
    EXPECT_FALSE(takes("\"y\""));
    EXPECT_LE(refusal().size(), 1024u);

    form_.fields[0].options.clear();
    EXPECT_TRUE(takes("\"y\""));
}

TEST_F(CheckCall, Number)
{
    field("n", Type::number);
    for (const char *good :
         {"0", "-1.5e3", "\"42\"", "\" -7 \"", "\"+1.5\"", "\".5\"", "\"5.\"",
          "\"1.5e-3\"", "\"\"", "\" \"", "null"}) {
        EXPECT_TRUE(takes(good)) << good;
    }

    for (const char *bad :
         {"\"x\"", "\"1e3\"", "\"1.5e\"", "\".\"", "\"-\"", "\"1 2\"",
          "\"1.2.3\"", "\"0x10\"", "true", "[1]", "{}"}) {
        EXPECT_FALSE(takes(bad)) << bad;
    }

    EXPECT_EQ(refusal(), "The input 'n' must be a number.");
}

TEST_F(CheckCall, Checkbox)
{
    field("flag", Type::checkbox);
    for (const char *good : {"true", "false", "0", "1", "\"Yes\"", "\"no\"",
                             "\" ON \"", "\"off\"", "\"true\"", "\"FALSE\"",
                             "\"1\"", "\"0\"", "1.0"}) {
        EXPECT_TRUE(takes(good)) << good;
    }

    for (const char *bad : {"2", "\"maybe\"", "\"\"", "[]", "0.5"}) {
        EXPECT_FALSE(takes(bad)) << bad;
    }

    EXPECT_EQ(refusal(), "The input 'flag' must be true or false.");
}

TEST_F(CheckCall, FilesAndObjectsAsInputs)
{
    field("x", Type::file);
    EXPECT_TRUE(takes("{\"type\":\"image\"}"));
    EXPECT_FALSE(takes("[{}]"));
    EXPECT_FALSE(takes("\"a.png\""));

    form_.fields[0].type = Type::json;
    EXPECT_TRUE(takes("{}"));
    EXPECT_FALSE(takes("\"{}\""));
    EXPECT_EQ(refusal(), "The input 'x' must be an object.");

    form_.fields[0].type = Type::file_list;
    form_.fields[0].max_length = 2;
    EXPECT_TRUE(takes("[]"));
    EXPECT_TRUE(takes("[{},{}]"));
    EXPECT_FALSE(takes("[{},{},{}]"));
    EXPECT_FALSE(takes("[7]"));
    EXPECT_FALSE(takes("{}"));
    EXPECT_EQ(refusal(),
              "The input 'x' must be a list of at most 2 file objects.");
}

TEST_F(CheckCall, WhatTheTextFills)
{
    call_.mode = AppMode::workflow;
    call_.query_input = "query";
    field("query", Type::paragraph).required = true;
    EXPECT_EQ(refusal(), "");

    form_.fields[0].max_length = 4;
    EXPECT_NE(refusal(), "");
    EXPECT_EQ(param_, "inputs.query");

    call_.query_input = {};
    form_.fields[0].max_length = 0;
    EXPECT_NE(refusal(), "");

    call_.system_input = "query";
    turn_.messages.insert(turn_.messages.begin(), {Role::system, "s"});
    EXPECT_EQ(refusal(), "");
}

TEST_F(CheckCall, FilesSwitchedOff)
{
    attach("a.png");
    for (const AppMode mode : {AppMode::unknown, AppMode::chat,
                               AppMode::agent_chat, AppMode::chatflow,
                               AppMode::completion}) {
        call_.mode = mode;
        EXPECT_EQ(refusal(), "This model takes no files.");
        EXPECT_EQ(param_, "messages[0].content[a.png]");
    }

    for (const AppMode mode : {AppMode::workflow, AppMode::agent}) {
        call_.mode = mode;
        EXPECT_EQ(refusal(), "");
    }

    // They are no part of this turn.
    call_.mode = AppMode::chat;
    turn_.messages.push_back({Role::assistant, "a"});
    turn_.messages.push_back({Role::user, "b"});
    EXPECT_EQ(refusal(), "");
}

TEST_F(CheckCall, FilesOfTheTurn)
{
    form_.files_enabled = true;
    form_.max_files = 2;
    attach("a.png");
    attach("b.png");
    EXPECT_EQ(refusal(), "");

    attach("c.png");
    EXPECT_EQ(refusal(), "This model takes at most 2 files at a time.");
    EXPECT_EQ(param_, "messages[0].content[c.png]");

    form_.max_files = 0;
    EXPECT_EQ(refusal(), "");

    form_.file_types = {"image"};
    attach("d.pdf");
    EXPECT_NE(refusal().find("'document', only image."), std::string::npos);
    EXPECT_EQ(param_, "messages[0].content[d.pdf]");

    call_.mode = AppMode::workflow;
    EXPECT_NE(refusal(), "");

    form_.file_types = {"image", "document"};
    form_.transfer_methods = {"remote_url"};
    EXPECT_NE(refusal().find("web address"), std::string::npos);
    EXPECT_EQ(param_, "messages[0].content[a.png]");
}

TEST_F(CheckCall, ApplyForm)
{
    field("tone", Type::select).options = {"formal"};
    form_.fields[0].required = true;
    form_.fields[0].default_json = "\"formal\"";
    field("note", Type::text).default_json = "\"none\"";
    field("age", Type::number).required = true;
    form_.max_files = 4;

    apply_form(form_, call_);
    EXPECT_EQ(call_.form, &form_);
    EXPECT_EQ(call_.max_files, 0u);
    EXPECT_EQ(call_.query_input, "");
    ASSERT_EQ(call_.inputs.size(), 1u);
    EXPECT_EQ(call_.inputs[0].name, "tone");
    EXPECT_EQ(call_.inputs[0].json, "\"formal\"");
    refusal();
    EXPECT_EQ(param_, "inputs.age");

    // What somebody gave stays.
    call_.inputs.clear();
    turn_.inputs = {{"tone", "\"x\""}};
    form_.files_enabled = true;
    call_.mode = AppMode::workflow;
    apply_form(form_, call_);
    EXPECT_EQ(call_.inputs.size(), 0u);
    EXPECT_EQ(call_.max_files, 4u);
    EXPECT_EQ(call_.query_input, "note");
}

}  // namespace
}  // namespace opendify
