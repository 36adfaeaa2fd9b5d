#include "opendify/fingerprint.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "unit/history_digest.hpp"

namespace opendify {
namespace {

using Messages = std::vector<Message>;

Digest digest(const Messages &messages)
{
    Fingerprint fingerprint;
    for (const Message &message : messages) {
        fingerprint.message(message.role, message.text);
    }

    return fingerprint.digest();
}

Turn turn_of(Messages messages)
{
    Turn turn;
    turn.messages = std::move(messages);
    return turn;
}

std::string hex(const Digest &digest)
{
    constexpr char kHex[] = "0123456789abcdef";
    std::string out;
    for (const std::uint8_t byte : digest) {
        out.push_back(kHex[byte >> 4]);
        out.push_back(kHex[byte & 0xf]);
    }

    return out;
}

const Message kQuestion = { Role::user, "What is it?" };
const Message kAnswer = { Role::assistant, "It is a test." };

// Stored digests outlive a release: these values must never change.
TEST(Fingerprint, IsStable)
{
    // u, hi, 64-bit 2, a, yo, 64-bit 2
    EXPECT_EQ(hex(digest({ { Role::user, "hi" }, { Role::assistant, "yo" } })),
              "4d570cb04f665966d27e7b84ff237e3e");
    EXPECT_EQ(hex(digest({})), "e3b0c44298fc1c149afbf4c8996fb924");
    EXPECT_EQ(hex(digest_of({ "a", "bc" })), "9a8acca1b6c6c0befd3fbc756aed625d");
}

TEST(Fingerprint, KnowsRoleTextAndOrder)
{
    const Digest base = digest({ kQuestion, kAnswer });

    EXPECT_EQ(digest({ kQuestion, kAnswer }), base);
    EXPECT_NE(digest({ kQuestion }), base);
    EXPECT_NE(digest({ kAnswer, kQuestion }), base);
    EXPECT_NE(digest({ { Role::assistant, kQuestion.text }, kAnswer }), base);
    EXPECT_NE(digest({ kQuestion, { Role::assistant, "it is a test." } }),
              base);
    EXPECT_NE(digest({ kQuestion, kAnswer, { Role::user, "" } }), base);
}

TEST(Fingerprint, BordersCannotBeMoved)
{
    EXPECT_NE(digest({ { Role::user, "a" }, { Role::user, "b" } }),
              digest({ { Role::user, "ab" } }));
    EXPECT_NE(digest({ { Role::user, "a" }, { Role::user, "bc" } }),
              digest({ { Role::user, "ab" }, { Role::user, "c" } }));

    // Text that imitates the end of a message.
    const std::string end("\1\0\0\0\0\0\0\0", 8);
    EXPECT_NE(digest({ { Role::user, "a" + end + "ub" } }),
              digest({ { Role::user, "a" }, { Role::user, "b" } }));
}

TEST(Fingerprint, TrimsBothEndsOnly)
{
    const Digest base = digest({ { Role::user, "a  b" } });

    EXPECT_EQ(digest({ { Role::user, " \t\r\na  b\n\n " } }), base);
    EXPECT_NE(digest({ { Role::user, "a b" } }), base);
    EXPECT_EQ(digest({ { Role::user, " \n" } }), digest({ { Role::user, "" } }));
}

TEST(Fingerprint, DoesNotSeeCuts)
{
    const std::string text = " \n a  b\n\n\tc \r\n  d   ";
    const Digest base = digest({ kQuestion, { Role::assistant, text } });
    std::mt19937 random(3);

    for (int i = 0; i < 200; i++) {
        std::string_view rest = text;
        Fingerprint fingerprint;
        fingerprint.message(kQuestion.role, kQuestion.text);
        fingerprint.begin(Role::assistant);
        while (!rest.empty()) {
            const std::size_t size =
                i == 0 ? 1 : std::min<std::size_t>(random() % 5, rest.size());
            fingerprint.add(rest.substr(0, size));
            rest.remove_prefix(size);
        }
        EXPECT_EQ(fingerprint.digest(), base);
        fingerprint.end();
        EXPECT_EQ(fingerprint.digest(), base);
    }
}

TEST(Fingerprint, DigestDoesNotDisturb)
{
    Fingerprint fingerprint;
    EXPECT_EQ(fingerprint.digest(), digest({}));
    fingerprint.message(kQuestion.role, kQuestion.text);
    EXPECT_EQ(fingerprint.digest(), digest({ kQuestion }));
    fingerprint.begin(Role::assistant);
    fingerprint.add("It is ");
    EXPECT_EQ(fingerprint.digest(),
              digest({ kQuestion, { Role::assistant, "It is" } }));
    fingerprint.add("a test.");
    EXPECT_EQ(fingerprint.digest(), digest({ kQuestion, kAnswer }));
    EXPECT_EQ(fingerprint.digest(), digest({ kQuestion, kAnswer }));
}

TEST(Fingerprint, AssistantLengthensAssistant)
{
    const Digest base =
        digest({ kQuestion, { Role::assistant, "one two" }, kQuestion });

    EXPECT_EQ(digest({ kQuestion, { Role::assistant, "one " },
                       { Role::assistant, "two" }, kQuestion }), base);
    EXPECT_EQ(digest({ kQuestion, { Role::assistant, "one" },
                       { Role::system, "x" },
                       { Role::assistant, " two" }, kQuestion }), base);
    EXPECT_NE(digest({ kQuestion, { Role::assistant, "one" },
                       { Role::assistant, "two" }, kQuestion }), base);
}

TEST(Fingerprint, IgnoresSystemAndTool)
{
    const Digest base = digest({ kQuestion, kAnswer });

    EXPECT_EQ(digest({ { Role::system, "now 12:00" }, kQuestion,
                       { Role::tool, "x" }, kAnswer,
                       { Role::system, "now 12:01" } }), base);

    Fingerprint fingerprint;
    fingerprint.message(kQuestion.role, kQuestion.text);
    fingerprint.begin(Role::system);
    fingerprint.add("ignored");
    EXPECT_EQ(fingerprint.digest(), digest({ kQuestion }));
    fingerprint.end();
    fingerprint.add("belongs to nothing");
    EXPECT_EQ(fingerprint.digest(), digest({ kQuestion }));
}

TEST(Fingerprint, CopiesGoTheirOwnWays)
{
    Fingerprint one;
    one.message(kQuestion.role, kQuestion.text);
    one.begin(Role::assistant);
    one.add("It is ");
    Fingerprint other = one;
    one.add("a test.");
    other.add("another.");

    EXPECT_EQ(one.digest(), digest({ kQuestion, kAnswer }));
    EXPECT_EQ(other.digest(),
              digest({ kQuestion, { Role::assistant, "It is another." } }));

    other = std::move(one);
    EXPECT_EQ(other.digest(), digest({ kQuestion, kAnswer }));
}

Digest answer_in_pieces(const std::string &text, std::size_t size)
{
    Fingerprint fingerprint;
    fingerprint.message(kQuestion.role, kQuestion.text);
    fingerprint.begin(Role::assistant);
    for (std::size_t at = 0; at < text.size(); at += size) {
        fingerprint.add(text.substr(at, size));
        fingerprint.digest();
    }

    return fingerprint.digest();
}

// However the answer is cut, and whether a client drops them or not.
void expect_left_out(const std::string &text, const std::string &rest)
{
    const Digest base = digest({ kQuestion, { Role::assistant, rest } });

    EXPECT_EQ(digest({ kQuestion, { Role::assistant, text } }), base) << text;
    EXPECT_EQ(digest({ kQuestion, { Role::assistant, "\n" + text + " " } }),
              base) << text;
    for (std::size_t size = 1; size < 8; size++) {
        EXPECT_EQ(answer_in_pieces(text, size), base) << text;
    }

    EXPECT_EQ(digest({ kQuestion, { Role::assistant, text }, kQuestion }),
              digest({ kQuestion, { Role::assistant, rest }, kQuestion }));
}

TEST(Fingerprint, LeavesOutThoughts)
{
    expect_left_out("<think>\nhm\n</think>\n\nIt is.", "It is.");
    expect_left_out("It <think>hm</think>is.", "It is.");
    expect_left_out("It is.\n<think>\nhm", "It is.");
    expect_left_out("<details type=\"reasoning\" done=\"true\" "
                    "duration=\"3\">\n<summary>Thought for 3 seconds"
                    "</summary>\n> hm\n</details>\nIt is.", "It is.");
    expect_left_out("<think>hm</think>", "");
    expect_left_out("It is. <thi", "It is. <thi");
    EXPECT_NE(digest({ { Role::user, "<think>hm</think>It is." } }),
              digest({ { Role::user, "It is." } }));
    EXPECT_NE(digest({ { Role::assistant, "<details>hm</details>It is." } }),
              digest({ { Role::assistant, "It is." } }));
}

TEST(Fingerprint, LeavesOutOurBlocks)
{
    const std::string block = std::string(kOurBlock) + "sources)\n1. [a](b)";

    expect_left_out("It is." + block, "It is.");
    expect_left_out("It is.\n" + block + block + "<think>", "It is.");
    expect_left_out(block, "");
    expect_left_out("[//]: # (opendify:form a b)\n\nWhat?", "");
    expect_left_out("<think>hm</think>" + block, "");

    for (std::string text :
         {"It is. [//]: # (opendify:", "It is.\n\n[//]: # (opendif",
          "[//]: # (comment)", "[a](b)\n[[//]: # (opendify:", "["})
    {
        expect_left_out(text, text);
        EXPECT_NE(digest({ { Role::assistant, text } }),
                  digest({ { Role::assistant, text + "x" } }));
    }

    EXPECT_NE(digest({ { Role::user, "It is." + block } }),
              digest({ { Role::user, "It is." } }));
}

// A message is glued to the one it continues; what was left out of the one
// goes on in the other.
TEST(Fingerprint, LeavesOutAcrossMessages)
{
    const std::string block = std::string(kOurBlock) + "sources)\n";

    for (const auto &[one, two] :
         { std::pair<std::string, std::string>("a <think>b", "c</think>d"),
           { "a" + block, "b" }, { "a\n[//]: # (open", "dify:x)\nb" } })
    {
        EXPECT_EQ(digest({ { Role::assistant, one },
                           { Role::assistant, two }, kQuestion }),
                  digest({ { Role::assistant, one + two }, kQuestion }));
    }
}

TEST(HistoryDigest, NeedsAnAssistantMessage)
{
    Digest out;
    EXPECT_FALSE(history_digest(turn_of({}), out));
    EXPECT_FALSE(history_digest(
        turn_of({ { Role::system, "x" }, kQuestion }), out));
    EXPECT_TRUE(history_digest(turn_of({ kAnswer }), out));
    EXPECT_EQ(out, digest({ kAnswer }));
}

Digest under(const Messages &instructions)
{
    Messages messages = instructions;
    messages.insert(messages.end(), { kQuestion, kAnswer, kQuestion });

    Digest out;
    EXPECT_TRUE(history_digest(turn_of(messages), out));

    return out;
}

TEST(HistoryDigest, IsAnotherUnderOtherInstructions)
{
    const Message alice{ Role::system, "You are Alice, born 1999." };
    const Message bob{ Role::system, "You are Bob, born 1999." };
    const Message rule{ Role::system, "Be kind." };

    EXPECT_NE(under({ alice }), under({ bob }));
    EXPECT_NE(under({ alice }), under({}));
    EXPECT_NE(under({ alice }), under({ alice, rule }));
    EXPECT_NE(under({ alice, rule }),
              under({ { Role::system, alice.text + rule.text } }));
    EXPECT_EQ(under({ alice }),
              under({ { Role::system, "You are Alice, born 2001.\n" } }));
    EXPECT_EQ(under({ alice, rule }), under({ rule, alice, rule }));
    EXPECT_EQ(under({ { Role::system, "2026-11-21" } }), under({}));
    EXPECT_NE(under({ { Role::system, "You are Alice." } }),
              under({ { Role::user, "You are Alice." } }));
}

TEST(HistoryDigest, CountsInstructionsWhereverTheyStand)
{
    const Message rule{ Role::system, "Be kind." };
    Digest one;
    Digest other;

    ASSERT_TRUE(history_digest(
        turn_of({ rule, kQuestion, kAnswer, kQuestion }), one));
    ASSERT_TRUE(history_digest(
        turn_of({ kQuestion, kAnswer, rule, kQuestion }), other));
    EXPECT_EQ(one, other);

    ASSERT_TRUE(history_digest(
        turn_of({ kQuestion, kAnswer, kQuestion,
                  { Role::system, "Be rude." } }), other));
    EXPECT_NE(one, other);
}

TEST(TurnInstructions, LeaveOutWhatIsRenewedWhereANameIsKnown)
{
    const auto told = [](const char *text, ToldApart how) {
        return turn_instructions(
            turn_of({ { Role::system, text }, kQuestion }), how);
    };
    const char *one = "Be kind.\n<source id=\"1\">Open at ten.</source>";
    const char *two = "Be kind.\n<source id=\"1\">Closed.</source>";

    EXPECT_NE(told(one, ToldApart::by_text), told(two, ToldApart::by_text));
    EXPECT_EQ(told(one, ToldApart::by_name), told(two, ToldApart::by_name));
    EXPECT_EQ(told(one, ToldApart::by_name),
              told("Be kind.", ToldApart::by_name));
    EXPECT_FALSE(told("[CONVERSATION SUMMARY]\nThey spoke.",
                      ToldApart::by_name));
    EXPECT_FALSE(told(" 12:00 ", ToldApart::by_text));
}

TEST(HistoryDigest, EndsWithTheLastAssistantMessage)
{
    Digest out;
    ASSERT_TRUE(history_digest(
        turn_of({ { Role::tool, "x" }, kQuestion, kAnswer,
                  { Role::user, "More?" }, { Role::user, "Now?" } }), out));
    EXPECT_EQ(out, digest({ kQuestion, kAnswer }));
}

// What the map stores after a turn is what the next turn looks for.
TEST(HistoryDigest, FindsThePreviousTurn)
{
    Messages messages = { { Role::system, "now 12:00" }, kQuestion };

    for (int i = 0; i < 4; i++) {
        Fingerprint stored = turn_fingerprint(turn_of(messages));
        stored.begin(Role::assistant);
        stored.add("\n\nAnswer ");
        stored.add(std::to_string(i));
        stored.add("\n");
        stored.end();

        messages[0].text += "1";
        messages.push_back({ Role::assistant, "Answer " + std::to_string(i) });
        messages.push_back({ Role::user, " And then? " });

        Digest looked_for;
        ASSERT_TRUE(history_digest(turn_of(messages), looked_for));
        EXPECT_EQ(stored.digest(), looked_for) << i;
    }
}

TEST(HistoryDigest, FindsAContinuedAnswer)
{
    Fingerprint stored = turn_fingerprint(
        turn_of({ kQuestion, { Role::assistant, "Half of " } }));
    stored.begin(Role::assistant);
    stored.add("an answer.");
    stored.end();

    Digest looked_for;
    ASSERT_TRUE(history_digest(
        turn_of({ kQuestion, { Role::assistant, "Half of an answer." },
                  kQuestion }), looked_for));
    EXPECT_EQ(stored.digest(), looked_for);
}

TEST(DigestOf, KnowsThePartsBorders)
{
    EXPECT_EQ(digest_of({ "a", "b" }), digest_of({ "a", "b" }));
    EXPECT_NE(digest_of({ "a", "b" }), digest_of({ "ab" }));
    EXPECT_NE(digest_of({ "a", "bc" }), digest_of({ "ab", "c" }));
    EXPECT_NE(digest_of({ "", "a" }), digest_of({ "a", "" }));
    EXPECT_NE(digest_of({ "a" }), digest_of({ "a", "" }));
}

}  // namespace
}  // namespace opendify
