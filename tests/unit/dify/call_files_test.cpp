#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "dify/call_files.hpp"
#include "opendify/app_form.hpp"

namespace opendify {
namespace {

Attachment remote(const std::string &url)
{
    Attachment file;
    file.url = url;

    return file;
}

Attachment local(const std::string &name, const std::string &id)
{
    Attachment file;
    file.kind = Attachment::Kind::document;
    file.name = name;
    file.bytes = "bytes of " + name;
    file.upload_id = id;

    return file;
}

class CallFiles : public testing::Test {
protected:
    CallFiles() { call_.turn = &turn_; }

    void say(Role role, std::vector<Attachment> files)
    {
        turn_.messages.push_back({role, "text", std::move(files)});
    }

    std::string written()
    {
        std::string out;
        dify::write_files(out, call_);

        return out;
    }

    std::vector<std::string> uploads()
    {
        std::vector<std::string> names;
        for (const Attachment *file : files_to_upload(turn_, call_)) {
            names.push_back(file->name);
        }

        return names;
    }

    Turn     turn_;
    ChatCall call_;
};

AppField variable(std::string name, AppField::Type type,
                  std::vector<std::string> types, bool required = false)
{
    AppField field;
    field.name = std::move(name);
    field.type = type;
    field.required = required;
    field.rules.file_types = std::move(types);

    return field;
}

std::string inputs(const ChatCall &call)
{
    std::string out;

    for (const Input &input : dify::inputs_with_files(call)) {
        out += input.name + "=" + input.json + "\n";
    }

    return out;
}

std::string item(const std::string &id)
{
    return R"({"type":"document","transfer_method":"local_file",)"
           R"("upload_file_id":")" + id + "\"}";
}

TEST_F(CallFiles, FillVariables)
{
    AppForm form;
    form.fields = {
        variable("photo", AppField::Type::file, {"image"}),
        variable("docs", AppField::Type::file_list, {"document"}),
        variable("doc", AppField::Type::file, {"document"}, true),
    };
    form.fields[1].max_length = 2;
    call_.form = &form;

    say(Role::user, {local("1.pdf", "a"), local("2.pdf", "b"),
                     local("3.pdf", "c"), local("4.pdf", "d"),
                     remote("http://x/5.png")});

    EXPECT_EQ(inputs(call_),
              "photo={\"type\":\"image\",\"transfer_method\":\"remote_url\","
              "\"url\":\"http://x/5.png\"}\ndocs=[" + item("b") + ","
                  + item("c") + "]\ndoc=" + item("a") + "\n");
    EXPECT_EQ(written(), ",\"files\":[" + item("d") + "]");

    // What is given stays.
    turn_.inputs = {{"doc", "{}"}, {"docs", "null"}, {"photo", "{}"}};
    EXPECT_EQ(inputs(call_), "doc={}\nphoto={}\ndocs=[" + item("a") + ","
                                 + item("b") + "]\n");
}

TEST_F(CallFiles, VariablesTakeWhatFits)
{
    AppForm form;
    form.fields = {
        variable("sheet", AppField::Type::file, {"custom"}, true),
        variable("sound", AppField::Type::file, {"audio"}),
    };
    form.fields[0].rules.file_extensions = {".XLS"};
    call_.form = &form;

    say(Role::user, {local("1.pdf", "a"), local("2.xls", "b")});

    const dify::FilePlan plan = dify::plan_files(call_);
    ASSERT_EQ(plan.variables.size(), 1u);
    EXPECT_EQ(plan.variables[0].field->name, "sheet");
    EXPECT_EQ(plan.variables[0].files[0].file, 1u);
    EXPECT_EQ(plan.rest.size(), 1u);

    form.fields[0].rules.transfer_methods = {"remote_url"};
    EXPECT_TRUE(dify::plan_files(call_).variables.empty());
}

TEST_F(CallFiles, ARequiredVariableLooksBack)
{
    AppForm form;
    form.fields = {variable("doc", AppField::Type::file, {}, true)};
    call_.form = &form;
    call_.conversation_id = "c";

    say(Role::user, {local("1.pdf", "a")});
    say(Role::assistant, {});
    say(Role::user, {local("2.pdf", "")});
    say(Role::assistant, {});
    say(Role::user, {});

    EXPECT_EQ(uploads(), std::vector<std::string>{"2.pdf"});
    EXPECT_TRUE(check_call(form, call_));

    form.fields[0].required = false;
    EXPECT_TRUE(uploads().empty());
}

TEST_F(CallFiles, None)
{
    say(Role::user, {});
    EXPECT_EQ(written(), "");
    EXPECT_EQ(uploads(), std::vector<std::string>());
}

TEST_F(CallFiles, Shapes)
{
    say(Role::user, {remote("https://example.com/a?b=\"c\""),
                     local("a.pdf", "id-1"), local("b.MP3", "id-2")});
    EXPECT_EQ(
        written(),
        R"(,"files":[{"type":"image","transfer_method":"remote_url",)"
        R"("url":"https://example.com/a?b=\"c\""},)"
        R"({"type":"document","transfer_method":"local_file",)"
        R"("upload_file_id":"id-1"},)"
        R"({"type":"audio","transfer_method":"local_file",)"
        R"("upload_file_id":"id-2"}])");

    const auto request = encode_chat_call(call_);
    ASSERT_TRUE(request);
    EXPECT_EQ(request->body, R"({"query":"text","inputs":{})" + written()
                                 + R"(,"user":"","response_mode":"streaming",)"
                                   R"("conversation_id":"",)"
                                   R"("auto_generate_name":false})");
}

TEST_F(CallFiles, ToUploadFirst)
{
    say(Role::user, {local("a.png", ""), remote("https://e.com/b.png"),
                     local("c.png", "id-c"), Attachment()});
    say(Role::system, {local("s.png", "")});
    say(Role::user, {local("d.png", "")});

    EXPECT_EQ(uploads(), (std::vector<std::string>{"a.png", "d.png"}));
    EXPECT_EQ(written().find("bytes"), std::string::npos);
    EXPECT_EQ(written().find("id-a"), std::string::npos);

    std::vector<Attachment *> files = files_to_upload(turn_, call_);
    files[0]->upload_id = "id-a";
    files[1]->upload_id = "id-d";
    EXPECT_EQ(uploads(), std::vector<std::string>());

    const std::string out = written();
    EXPECT_LT(out.find("id-a"), out.find("b.png"));
    EXPECT_LT(out.find("b.png"), out.find("id-c"));
    EXPECT_LT(out.find("id-c"), out.find("id-d"));
    EXPECT_LT(out.find("id-d"), out.size());
}

TEST_F(CallFiles, EarlierOnesInAReplayOnly)
{
    say(Role::user, {local("1.png", ""), local("2.png", "")});
    say(Role::assistant, {local("x.png", "")});
    say(Role::user, {local("3.png", ""), local("4.png", "")});
    say(Role::assistant, {});
    say(Role::user, {local("5.png", ""), local("6.png", "")});

    using Names = std::vector<std::string>;
    EXPECT_EQ(uploads(), (Names{"5.png", "6.png"}));

    call_.max_files = 1;
    EXPECT_EQ(uploads(), (Names{"5.png", "6.png"}));

    call_.max_files = 5;
    EXPECT_EQ(uploads(),
              (Names{"5.png", "6.png", "3.png", "4.png", "1.png"}));

    call_.max_files = 9;
    EXPECT_EQ(uploads().size(), 6u);

    call_.conversation_id = "c-1";
    EXPECT_EQ(uploads(), (Names{"5.png", "6.png"}));
}

TEST_F(CallFiles, EarlierOnesThatTheAppTakes)
{
    say(Role::user, {local("1.png", ""), local("2.pdf", "")});
    say(Role::assistant, {});
    say(Role::user, {local("3.pdf", "")});

    AppForm form;
    form.files_enabled = true;
    form.file_types = {"image"};
    call_.form = &form;
    call_.max_files = 3;

    // What the new turn brings is for check_call() to refuse.
    EXPECT_EQ(uploads(), (std::vector<std::string>{"3.pdf", "1.png"}));
}

}  // namespace
}  // namespace opendify
