#include <random>
#include <string>

#include <gtest/gtest.h>

#include "opendify/backend.hpp"
#include "wire/json_reader.hpp"

namespace opendify {
namespace {

class EncodeFormSubmit : public testing::Test {
protected:
    EncodeFormSubmit()
    {
        form_.token = "t/1";
        form_.actions = {{"yes", "Send it"}, {"no", "Drop"}};
    }

    // "action|field=value|..." or "refused".
    std::string filled(const std::string &text)
    {
        const auto request = encode_form_submit(form_, text, "ana");
        if (!request) {
            EXPECT_EQ(request.failure().errc, Errc::bad_value);
            EXPECT_EQ(request.failure().param, "messages");
            message_ = request.failure().message;
            return "refused";
        }

        EXPECT_TRUE(request->post);
        EXPECT_EQ(request->path, "/form/human_input/t%2F1");
        EXPECT_EQ(request->content_type, "");

        wire::JsonDocument doc;
        EXPECT_TRUE(doc.parse(request->body, 8)) << request->body;
        EXPECT_EQ(doc.root()["user"].string(), "ana");
        EXPECT_EQ(doc.root().size(), 3u);

        std::string out(doc.root()["action"].string());
        for (wire::JsonValue item = doc.root()["inputs"].first(); item;
             item = item.next()) {
            out += "|" + std::string(item.name()) + "="
                   + std::string(item.string());
        }

        return out;
    }

    HumanForm   form_;
    std::string message_;
};

TEST_F(EncodeFormSubmit, Body)
{
    form_.fields = {{"note", "fine"}};
    const auto request = encode_form_submit(form_, "yes", "a\"b");
    ASSERT_TRUE(request);
    EXPECT_EQ(request->body,
              R"({"inputs":{"note":"fine"},"action":"yes","user":"a\"b"})");
}

TEST_F(EncodeFormSubmit, Actions)
{
    for (const char *text :
         {"yes", " YES \n", "Send it", "send IT.", "1", "1.", "(1)", "1)",
          "action: yes", "Action: 1", "yes!", "\r\n\r\nyes\r\n", "1 please",
          "1. please", "Yes, please", "Send it: now", "thanks\nyes"}) {
        const bool bracket = text[0] == '(';
        EXPECT_EQ(filled(text), bracket ? "refused" : "yes") << text;
    }

    EXPECT_EQ(filled("2"), "no");
    EXPECT_EQ(filled("drop"), "no");
}

TEST_F(EncodeFormSubmit, NoAction)
{
    for (const char *text : {"maybe", "0", "3", "12", "99999999999999999999",
                             "no idea", "yesterday", "yes\nno", "action: what",
                             "yes\naction: other", "note: yes", "-"}) {
        EXPECT_EQ(filled(text), "refused") << text;
        EXPECT_EQ(message_, "The app waits for one of these: 1. Send it, "
                            "2. Drop. Please answer with one of them.");
    }

    EXPECT_EQ(filled(" \n"), "refused");
    EXPECT_EQ(message_, "The app waits for an answer to its form.");
}

TEST_F(EncodeFormSubmit, OnlyField)
{
    form_.fields = {{"Note", "fine"}};
    EXPECT_EQ(filled("yes"), "yes|Note=fine");
    EXPECT_EQ(filled("yes\nlooks good"), "yes|Note=looks good");
    EXPECT_EQ(filled("looks good\nto me\n\n2"),
              "no|Note=looks good\nto me");
    EXPECT_EQ(filled("1. looks good"), "yes|Note=looks good");
    EXPECT_EQ(filled("1 looks good"), "yes|Note=looks good");
    EXPECT_EQ(filled("No, not yet"), "no|Note=not yet");
    EXPECT_EQ(filled("note: a: b\nc\nyes"), "yes|Note=a: b\nc");
    EXPECT_EQ(filled("yes\nNOTE :"), "yes|Note=");
    EXPECT_EQ(filled("looks good"), "refused");

    // Said by name and beside it: nobody knows which.
    EXPECT_EQ(filled("what\nnote: a\nyes"), "refused");
    EXPECT_EQ(message_, "The app waits for values; please give each on a line "
                        "of its own: 'Note: ...'.");
}

TEST_F(EncodeFormSubmit, SeveralFields)
{
    form_.fields = {{"to", "me"}, {"note", ""}};
    EXPECT_EQ(filled("1"), "yes|to=me|note=");
    EXPECT_EQ(filled("to: you\nnote: hi\nthere\naction: 2"),
              "no|to=you|note=hi\nthere");
    EXPECT_EQ(filled("yes\nhello"), "refused");
    EXPECT_EQ(message_, "The app waits for values; please give each on a line "
                        "of its own: 'to: ...', 'note: ...'.");
}

TEST_F(EncodeFormSubmit, OneAction)
{
    form_.actions.resize(1);
    EXPECT_EQ(filled("whatever"), "yes");
    EXPECT_EQ(filled("1"), "yes");
    EXPECT_EQ(filled("action: other"), "refused");

    form_.fields = {{"age", "0"}};
    EXPECT_EQ(filled("42"), "yes|age=42");
    EXPECT_EQ(filled("1"), "yes|age=1");
    EXPECT_EQ(filled("send it"), "yes|age=0");
    EXPECT_EQ(filled("age: 7"), "yes|age=7");
    EXPECT_EQ(filled(" "), "refused");
}

TEST_F(EncodeFormSubmit, AFieldNamedAction)
{
    form_.fields = {{"action", ""}};
    EXPECT_EQ(filled("action: no\nyes"), "yes|action=no");
}

TEST_F(EncodeFormSubmit, ALongTail)
{
    EXPECT_EQ(filled("yes" + std::string(1 << 20, '!')), "yes");
    EXPECT_EQ(filled(std::string(1 << 20, '.')), "refused");

    form_.actions[1].title = "Drop it!";
    EXPECT_EQ(filled("drop it!"), "no");
    EXPECT_EQ(filled("drop it"), "refused");
}

TEST_F(EncodeFormSubmit, NotHere)
{
    form_.token.clear();
    EXPECT_EQ(filled("yes"), "refused");

    form_.token = "t";
    form_.actions.clear();
    EXPECT_EQ(filled("yes"), "refused");
}

TEST_F(EncodeFormSubmit, AnyText)
{
    std::mt19937      random(11);
    const std::string parts[] = {"yes", "no",  "1",  "note", ":",  "\n",
                                 " ",   "\r\n", ".", "\xff", "action"};
    form_.fields = {{"note", "fine"}, {"to", "\xff"}};

    for (int i = 0; i < 2000; i++) {
        std::string text;
        for (unsigned n = random() % 12; n > 0; n--) {
            text += parts[random() % std::size(parts)];
        }

        EXPECT_NE(filled(text), "") << text;
    }
}

}  // namespace
}  // namespace opendify
