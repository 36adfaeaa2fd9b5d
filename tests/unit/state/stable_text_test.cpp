#include "state/stable_text.hpp"

#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "unit/page_end.hpp"

namespace opendify::state {
namespace {

using Pair = std::pair<const char *, const char *>;

// The same at two moments.
const Pair kSame[] = {
    { "Today is 2026-11-21.", "Today is 2027-01-02." },
    { "It is 9:05.", "It is 10:00." },
    { "It is 9:05 AM", "It is 11:59:07 pm" },
    { "9:05 a.m.", "12:00\u202fp.m." },
    { "Current date: Monday, 30 November 2026, 23:59",
      "Current date: Tuesday, 1 December 2026, 00:01" },
    { "Sat Nov 21 2026 10:00:00 GMT+0100", "Sun May  3 2026 9:00:01 GMT+0200" },
    { "It is November.", "It is December." },
    { "Today: Friday", "Today: SUNDAY" },
    { "November 1st, 2026", "November 22nd, 2026" },
    { "on the 3rd of May", "on the 21st of June" },
    { "30-Nov-2026", "1-May-2026" },
    { "2026-11-21T10:00:00Z", "2026-11-22T09:59:59.123456Z" },
    { "now 10:00 CET", "now 10:00 CEST" },
    { "Heute ist Montag, der 30. November 2026",
      "Heute ist Dienstag, der 1. M\u00e4rz 2027" },
    { "Nous sommes le lundi 30 novembre 2026",
      "Nous sommes le mardi 1er d\u00e9cembre 2026" },
    { "Hoy es lunes, 30 de noviembre de 2026",
      "Hoy es s\u00e1bado, 1 de mayo de 2027" },
    { "Hoje \u00e9 segunda-feira, 30 de novembro",
      "Hoje \u00e9 ter\u00e7a-feira, 1 de dezembro" },
    { "\u0421\u0435\u0433\u043e\u0434\u043d\u044f \u041f\u042f\u0422\u041d"
      "\u0418\u0426\u0410, 1 \u043c\u0430\u044f",
      "\u0421\u0435\u0433\u043e\u0434\u043d\u044f \u0441\u0443\u0431\u0431"
      "\u043e\u0442\u0430, 2 \u0438\u044e\u043d\u044f" },
    { "今天是2026年11月21日星期六上午9点", "今天是2026年1月2日星期日下午10点" },
    { "本日は2026年11月30日(月曜日)", "本日は2026年12月1日(火曜日)" },
    { "지금은 월요일 오전 9시", "지금은 토요일 오후 10시" },
    { "今天是２０２６年", "今天是２０２７年" },
    { " Be  kind.\n", "Be kind." },
    { "Be\u00a0kind.", "Be\r\nkind." },
    { "", " 2026-11-21 " },
};

// Others.
const Pair kOther[] = {
    { "You are Alice.", "You are Bob." },
    { "You are May.", "You are June." },
    { "You are April, a cook", "You are August, a cook" },
    { "The user is Zoe. It is 10:00.", "The user is Ben. It is 10:00." },
    { "Be kind.", "be kind." },
    { "Be kind.", "Be kind!" },
    { "Answer in French.", "Answer in German." },
    { "marchand", "mayor" },
    { "Speak of Mondays", "Speak of Fridays" },
    { "你是小红", "你是小明" },
    { "<a>", "<b>" },
    { "ab", "a b" },
};

TEST(StableText, IsTheSameAtAnotherTime)
{
    for (const auto &[one, two] : kSame) {
        EXPECT_EQ(stable_text(one), stable_text(two));
    }
}

TEST(StableText, KnowsOtherInstructions)
{
    for (const auto &[one, two] : kOther) {
        EXPECT_NE(stable_text(one), stable_text(two));
    }
}

TEST(StableText, LeavesAlone)
{
    for (const char *text : { "You are Alice.", "a-b -c- d", "\xff\xe6\x98",
                              "Ünïcode «text» — ok?", "你好，世界" })
    {
        EXPECT_EQ(stable_text(text), text);
    }

    EXPECT_EQ(stable_text("Today is 2026-11-21. Be kind."),
              "Today is . Be kind.");
}

TEST(StableText, ReadsNothingBehindTheEnd)
{
    for (const auto &[one, two] : kSame) {
        for (const std::string text : { one, two }) {
            for (std::size_t size = 0; size <= text.size(); size++) {
                PageEnd copy(text.substr(0, size));
                stable_text(copy.view());
                without_renewed(copy.view());
            }
        }
    }
}

TEST(WithoutRenewed, LeavesOutWhatAClientMakesAnew)
{
    EXPECT_EQ(without_renewed("A\n<context>\n<source id=\"1\" name=\"x\">y\nz"
                              "</source>\n<source id=\"2\">w</source>\n"
                              "</context>\nB"),
              "A\n<context>\n\n\n</context>\nB");
    EXPECT_EQ(without_renewed("A\nUser Context:\n1. [2026-11-21] Likes tea.\n"
                              "2. [2026-11-22] Is tall.\n\nB"), "A\nB");
    EXPECT_EQ(without_renewed("A\nUser Context:\n1. [2026-11-21] x"), "A\n");
    EXPECT_EQ(without_renewed("[CONVERSATION SUMMARY]\nThey spoke."), "");

    for (const char *text : { "A <source id=\"1\">x</source>",
                              "<source id=\"1\">x", "User Context: tall",
                              "The [CONVERSATION SUMMARY]\nis", "" })
    {
        EXPECT_EQ(without_renewed(text), text);
    }
}

}  // namespace
}  // namespace opendify::state
