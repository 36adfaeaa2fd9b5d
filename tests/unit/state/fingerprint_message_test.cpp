// Whole messages: files, and what clients put around a question.

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "opendify/fingerprint.hpp"
#include "unit/history_digest.hpp"

namespace opendify {
namespace {

Attachment image(const std::string &bytes)
{
    Attachment file;
    file.bytes = bytes;
    return file;
}

Attachment link(const std::string &url)
{
    Attachment file;
    file.url = url;
    return file;
}

Digest digest(const std::vector<Message> &messages)
{
    Turn turn;
    turn.messages = messages;
    return turn_fingerprint(turn).digest();
}

Digest with(const std::vector<Attachment> &files)
{
    return digest({ { Role::user, "See?", files } });
}

TEST(FingerprintMessage, KnowsFilesByContent)
{
    const Digest base = with({ image("red") });

    EXPECT_NE(base, with({}));
    EXPECT_NE(base, with({ image("blue") }));
    EXPECT_NE(base, with({ link("red") }));
    EXPECT_NE(base, with({ image("red"), image("red") }));
    EXPECT_NE(with({ image("red"), image("blue") }),
              with({ image("blue"), image("red") }));
    EXPECT_NE(with({ link("https://a/b.png") }),
              with({ link("https://a/c.png") }));

    Attachment renamed = image("red");
    renamed.name = "other.png";
    renamed.mime = "image/webp";
    renamed.param = "messages[8]";
    renamed.upload_id = "1";
    EXPECT_EQ(base, with({ renamed }));
}

TEST(FingerprintMessage, FilesBelongToTheirMessage)
{
    const Attachment red = image("red");

    EXPECT_NE(digest({ { Role::user, "a", { red } }, { Role::user, "b" } }),
              digest({ { Role::user, "a" }, { Role::user, "b", { red } } }));
    EXPECT_NE(digest({ { Role::user, "a", { link("b") } } }),
              digest({ { Role::user, "a" }, { Role::user, "b" } }));
    EXPECT_EQ(digest({ { Role::system, "a", { red } } }),
              digest({ { Role::system, "a" } }));
    EXPECT_NE(digest({ { Role::assistant, "a" }, { Role::user, "", { red } },
                       { Role::assistant, "b" } }),
              digest({ { Role::assistant, "ab" }, { Role::user, "", { red } },
                       { Role::assistant, "" } }));
}

TEST(FingerprintMessage, FindsAnAnswerToAnImage)
{
    Turn turn;
    turn.messages = { { Role::user, "See?", { image("red") } } };

    Fingerprint stored = turn_fingerprint(turn);
    stored.begin(Role::assistant);
    stored.add("Red.\n");
    stored.end();

    turn.messages.push_back({ Role::assistant, "Red." });
    turn.messages.push_back({ Role::user, "And?", { image("blue") } });

    Digest looked_for;
    ASSERT_TRUE(history_digest(turn, looked_for));
    EXPECT_EQ(stored.digest(), looked_for);
}

TEST(FingerprintMessage, UnwrapsTheUsersOnly)
{
    const std::string wrapper =
        "### Task:\nAnswer.\n<context>\nTen.\n</context>\n\n";
    const std::string files = "<attached_files>\n</attached_files>\n";

    EXPECT_EQ(digest({ { Role::user, wrapper + files + "When?" } }),
              digest({ { Role::user, files + "When?" } }));
    EXPECT_EQ(digest({ { Role::user, wrapper + "When?" } }),
              digest({ { Role::user, "When?" } }));
    EXPECT_NE(digest({ { Role::assistant, wrapper + "When?" } }),
              digest({ { Role::assistant, "When?" } }));
    EXPECT_NE(digest({ { Role::assistant, files + "When?" } }),
              digest({ { Role::assistant, "When?" } }));
}

TEST(FingerprintMessage, TrimsWideBlanks)
{
    const std::string wide = "\xe3\x80\x80";   // ideographic space
    const std::string firm = "\xc2\xa0";       // no-break space
    const std::string text = "a" + wide + firm + "\xe3\x81\x82";

    EXPECT_EQ(digest({ { Role::assistant, text } }),
              digest({ { Role::assistant,
                         wide + wide + " \v" + text + "\f" + firm + wide } }));

    Fingerprint bytes;
    bytes.begin(Role::assistant);
    for (const char c : wide + " " + text + wide + firm) {
        bytes.add({ &c, 1 });
    }

    EXPECT_EQ(digest({ { Role::assistant, text } }), bytes.digest());
    EXPECT_NE(digest({ { Role::assistant, "ab" } }),
              digest({ { Role::assistant, "a" + wide + "b" } }));
}

}  // namespace
}  // namespace opendify
