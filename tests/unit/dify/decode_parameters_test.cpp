#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "opendify/app_form.hpp"

namespace opendify {
namespace {

using Strings = std::vector<std::string>;
using Type = AppField::Type;

// As recorded from a 1.13.2, shortened, plus what newer versions have.
constexpr char kSample[] =
    R"({"opening_statement":"","suggested_questions":[],)"
    R"("suggested_questions_after_answer":{"enabled":true},)"
    R"("user_input_form":[)"
    R"({"text-input":{"label":"City","variable":"city","required":true,)"
    R"("max_length":10,"default":""}},)"
    R"({"select":{"label":"Tone","variable":"tone","required":true,)"
    R"("options":["formal","casual",7],"default":"formal"}},)"
    R"({"number":{"variable":"age","type":"number","required":false,)"
    R"("max_length":48,"options":[],"default":0}},)"
    R"({"paragraph":{"variable":"note","default":"no\"ne"}},)"
    R"({"checkbox":{"variable":"flag","required":false,"max_length":48}},)"
    R"({"file":{"variable":"doc","required":true,"max_length":48,)"
    R"("default":{}}},)"
    R"({"file-list":{"variable":"docs","max_length":3,"default":[]}},)"
    R"({"json_object":{"variable":"data","json_schema":{"a":[1]}}},)"
    R"({"external_data_tool":{"variable":"weather","required":true}},)"
    R"({"hologram":{"variable":"shape","required":true,"depth":{"x":[]}}},)"
    R"({"variable":"flat","type":"paragraph","required":true},)"
    R"({"select":{"variable":"odd","options":["a"],"default":"b"}},)"
    R"({"paragraph":{"label":"no name"}},{},[],7,{"select":7},null],)"
    R"("file_upload":{"enabled":true,"allowed_file_extensions":[".JPG"],)"
    R"("allowed_file_types":["image","custom"],)"
    R"("allowed_file_upload_methods":["local_file"],"number_limits":2,)"
    R"("image":{"enabled":false,"number_limits":9,)"
    R"("transfer_methods":["remote_url"]},"fileUploadConfig":{}},)"
    R"("system_parameters":{"file_size_limit":15}})";

AppForm form_of(const std::string &body)
{
    const auto form = decode_parameters(body);
    EXPECT_TRUE(form) << body;

    return form ? *form : AppForm();
}

TEST(DecodeParameters, Fields)
{
    const AppForm form = form_of(kSample);
    const struct {
        const char *name;
        Type        type;
        bool        required;
        std::size_t max_length;
        Strings     options;
        const char *default_json;
    } kWanted[] = {
        {"city", Type::text, true, 10, {}, ""},
        {"tone", Type::select, true, 0, {"formal", "casual"}, "\"formal\""},
        {"age", Type::number, false, 0, {}, "0"},
        {"note", Type::paragraph, false, 0, {}, "\"no\\\"ne\""},
        {"flag", Type::checkbox, false, 0, {}, ""},
        {"doc", Type::file, true, 0, {}, ""},
        {"docs", Type::file_list, false, 3, {}, ""},
        {"data", Type::json, false, 0, {}, ""},
        {"shape", Type::unknown, true, 0, {}, ""},
        {"flat", Type::paragraph, true, 0, {}, ""},
        {"odd", Type::select, false, 0, {"a"}, ""},
    };

    ASSERT_EQ(form.fields.size(), std::size(kWanted));
    for (std::size_t i = 0; i < form.fields.size(); i++) {
        EXPECT_EQ(form.fields[i].name, kWanted[i].name);
        EXPECT_EQ(form.fields[i].type, kWanted[i].type) << kWanted[i].name;
        EXPECT_EQ(form.fields[i].required, kWanted[i].required)
            << kWanted[i].name;
        EXPECT_EQ(form.fields[i].max_length, kWanted[i].max_length)
            << kWanted[i].name;
        EXPECT_EQ(form.fields[i].options, kWanted[i].options);
        EXPECT_EQ(form.fields[i].default_json, kWanted[i].default_json)
            << kWanted[i].name;
    }
}

TEST(DecodeParameters, FilesAndSuggestions)
{
    const AppForm form = form_of(kSample);
    EXPECT_TRUE(form.suggested);
    EXPECT_TRUE(form.files_enabled);
    EXPECT_EQ(form.max_files, 2u);
    EXPECT_EQ(form.file_types, (Strings{"image", "custom"}));
    EXPECT_EQ(form.file_extensions, Strings{".JPG"});
    EXPECT_EQ(form.transfer_methods, Strings{"local_file"});
}

TEST(DecodeParameters, OldFileUpload)
{
    AppForm form = form_of(
        R"({"user_input_form":[],"file_upload":{"image":{"enabled":true,)"
        R"("number_limits":4,"detail":"high",)"
        R"("transfer_methods":["remote_url"]}}})");
    EXPECT_FALSE(form.suggested);
    EXPECT_TRUE(form.files_enabled);
    EXPECT_EQ(form.max_files, 4u);
    EXPECT_EQ(form.file_types, Strings{"image"});
    EXPECT_EQ(form.transfer_methods, Strings{"remote_url"});

    // The default of an app without: it is the upper switch that counts.
    form = form_of(R"({"user_input_form":null,"file_upload":{"enabled":false,)"
                   R"("image":{"enabled":true}}})");
    EXPECT_FALSE(form.files_enabled);

    form = form_of(R"({"file_upload":{"enabled":true}})");
    EXPECT_EQ(form.max_files, 3u);
    EXPECT_EQ(form.file_types, Strings());

    form = form_of(R"({"user_input_form":[]})");
    EXPECT_FALSE(form.files_enabled);
}

TEST(DecodeParameters, NotAForm)
{
    const auto errc = [](const std::string &body) {
        const auto form = decode_parameters(body);
        EXPECT_FALSE(form) << body;
        EXPECT_NE(form.failure().message, "");

        return form.failure().errc;
    };

    for (const char *body : {"", "{}", "[]", "<html>", "7"}) {
        EXPECT_EQ(errc(body), Errc::backend_misconfigured) << body;
    }

    EXPECT_EQ(errc(R"({"code":"app_unavailable","message":"App unavailable.",)"
                   R"("status":400})"),
              Errc::backend_misconfigured);
    EXPECT_EQ(errc(R"({"code":"unauthorized","message":"x","status":401})"),
              Errc::backend_credentials);
}

TEST(DecodeParameters, EveryPrefixAndEveryByte)
{
    const std::string whole = kSample;

    for (std::size_t i = 0; i < whole.size(); i++) {
        EXPECT_FALSE(decode_parameters(whole.substr(0, i)));

        for (const char c : {'{', '"', '0', '\xff'}) {
            std::string broken = whole;
            broken[i] = c;
            const auto form = decode_parameters(broken);
            EXPECT_TRUE(form || !form.failure().message.empty());
        }
    }
}

TEST(TextInputOf, PreferredThenOnlyThenQuery)
{
    AppForm form;
    EXPECT_EQ(text_input_of(form, "x"), "");

    form.fields.resize(2);
    form.fields[0].name = "n";
    form.fields[0].type = Type::number;
    form.fields[1].name = "text";
    form.fields[1].type = Type::paragraph;
    EXPECT_EQ(text_input_of(form, ""), "text");
    EXPECT_EQ(text_input_of(form, "nobody"), "text");
    EXPECT_EQ(text_input_of(form, "n"), "n");

    form.fields.push_back(form.fields[1]);
    form.fields[2].name = "more";
    EXPECT_EQ(text_input_of(form, ""), "");

    form.fields.push_back(form.fields[1]);
    form.fields[3].name = "query";
    EXPECT_EQ(text_input_of(form, ""), "query");
    EXPECT_EQ(text_input_of(form, "more"), "more");
}

}  // namespace
}  // namespace opendify
