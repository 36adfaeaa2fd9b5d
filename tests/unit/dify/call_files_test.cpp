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
