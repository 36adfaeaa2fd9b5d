// Streams that something between Dify and us has damaged, or that Python has
// written its way: whole text or an error, wherever they are cut.

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "unit/flow/pipeline_play.hpp"

namespace opendify {
namespace {

using namespace pipeline_test;

// Without the line ends that end it.
std::string bare(const std::string &event)
{
    return event.substr(0, event.size() - 2);
}

void expect_text(const std::string &bytes, const std::string &text,
                 std::size_t glued, std::size_t broken = 0)
{
    for (Form form : {Form::streamed, Form::folded}) {
        each_cut(bytes, form, Commit::when_started, [&](Play &run) {
            EXPECT_TRUE(run.pipeline.ended()) << bytes;
            EXPECT_EQ(run.pipeline.digest(), answered(text)) << bytes;
            EXPECT_EQ(run.pipeline.finish_reason(), "stop") << bytes;
            EXPECT_EQ(run.pipeline.glued_events(), glued) << bytes;
            EXPECT_EQ(run.pipeline.broken_events(), broken) << bytes;
        });
    }
}

void expect_error(const std::string &bytes, Errc errc)
{
    for (Form form : {Form::streamed, Form::folded}) {
        each_cut(bytes, form, Commit::when_started, [&](Play &run) {
            EXPECT_TRUE(run.pipeline.failed()) << bytes;
            EXPECT_EQ(run.pipeline.failure().errc, errc) << bytes;
        });
    }
}

TEST(DamagedStream, EventsThatWereGluedAreAllRead)
{
    for (const char *between : {"\n", "\r", "\r\n", "\n: comment\n",
                                "\nid: 7\nretry: 3\n", ""}) {
        expect_text(said("take ") + bare(said("no ")) + between + said("pill")
                        + said(".") + kEnd,
                    "take no pill.", 1);
    }

    expect_text(bare(said("a")) + "\n" + bare(said("b")) + "\n"
                    + bare(said("c")) + "\n" + kEnd,
                "abc", 3);
    expect_text(said("Hello") + bare(said(" you")) + "\n" + kEnd,
                "Hello you", 1);
    expect_text("data:" + bare(said("a")).substr(6) + "data:"
                    + said("b").substr(6) + kEnd,
                "ab", 1);
    expect_text(bare(said("a")) + said("b").substr(6) + kEnd, "ab", 1);
}

TEST(DamagedStream, AnEventGluedToAPingIsRead)
{
    expect_text(said("a") + "event: ping\n" + said("b") + kEnd, "ab", 0);
    expect_text(said("a") + bare(said("b")) + "\n" + kPing + kEnd, "ab", 0);
}

TEST(DamagedStream, AWordLikeAnEventIsText)
{
    const std::string text =
        R"(x}data: {\"event\": \"message_end\"}\n{\"event\": 1})";

    expect_text(said(text) + kEnd,
                "x}data: {\"event\": \"message_end\"}\n{\"event\": 1}", 0);
}

TEST(DamagedStream, APieceThatCannotBeReadIsAnError)
{
    const std::string event = bare(said("lost"));

    for (const std::string &broken : {
             event.substr(0, event.size() - 1),           // no "}"
             event.substr(0, event.find("lost") + 2),     // in mid-text
             event + "}", event + " x",
             event.substr(0, event.find("lost")) + "\x01" "lost\"}",
         }) {
        expect_error(said("a") + broken + "\n\n" + said("b") + kEnd,
                     Errc::backend_failed);
        expect_error(said("a") + broken + "\n" + said("b") + kEnd,
                     Errc::backend_failed);
    }
}

TEST(DamagedStream, WhatTellsNoTextIsPassedOver)
{
    for (const char *broken : {
             "data: {\"event\":\"node_started\",\"data\":{\n\n",
             "data: {\"event\":\"agent_log\"\n\n",
             "data: <html>502</html>\n\n", "data: x\n\n",
         }) {
        expect_text(said("a") + broken + said("b") + kEnd, "ab", 0, 1);
    }

    expect_text(said("a") + kEnd + "data: [DONE]\n\n", "a", 0);
    expect_text(said("a") + "data: [DONE]\n\n" + kEnd, "a", 0);
}

TEST(DamagedStream, AnAnswerCutInAnEventIsACutAnswer)
{
    const std::string bytes = said("a") + bare(said("lost"));

    expect_error(bytes.substr(0, bytes.size() - 9), Errc::backend_closed);
}

TEST(DamagedStream, TooLargeAndGluedIsAnError)
{
    Limits limits;
    limits.max_event_bytes = 600;
    const std::string large = event("node_finished", ",\"x\":\""
                                    + std::string(700, 'x') + "\"");

    each_cut(said("a") + bare(said("b")) + "\n" + bare(large) + "\n"
                 + said("c") + kEnd,
             Form::streamed, Commit::when_started,
             [](Play &run) {
                 EXPECT_TRUE(run.pipeline.failed());
                 EXPECT_EQ(run.pipeline.failure().errc, Errc::event_too_large);
                 EXPECT_EQ(run.pipeline.digest(), answered("ab"));
             },
             limits);
}

TEST(DamagedStream, BytesThatAreNoUtf8AreReplaced)
{
    const std::string no = "\xef\xbf\xbd";

    expect_text(said("caf\xa9") + said("\xc3") + said("\xc3z") + kEnd,
                "caf" + no + no + "z", 0);
    expect_text(said("caf\xc3") + said("e") + said("\xa9") + kEnd,
                "cafe" + no, 0);
    expect_text(said("a\xff" "b") + kEnd, "a\xef\xbf\xbd" "b", 0);
}

TEST(DamagedStream, BytesOfACharacterAreJoined)
{
    const std::string text = "caf\xc3\xa9 \xe4\xb8\xad \xf0\x9f\x98\x80!";

    for (std::size_t cut = 1; cut < text.size(); cut++) {
        expect_text(said("a") + said(text.substr(0, cut))
                        + said(text.substr(cut)) + said("b") + kEnd,
                    "a" + text + "b", 0);
        expect_text(said(text.substr(0, cut)) + kPing
                        + said(text.substr(cut, 1))
                        + said(text.substr(cut + 1)) + kEnd,
                    text, 0);
    }
}

TEST(DamagedStream, NumbersThatAreNoneAreNull)
{
    for (const char *number : {"NaN", "Infinity", "-Infinity"}) {
        const std::string end = event(
            "message_end", std::string(",\"metadata\":{\"x\":[") + number
                               + ",1],\"usage\":{\"prompt_tokens\":31,"
                                 "\"completion_tokens\":9,\"total_tokens\":"
                               + number + "}}");

        each_cut(said("a") + end, Form::folded, Commit::when_started,
                 [](Play &run) {
                     EXPECT_EQ(run.all(), folded("a", "stop"));
                 });
    }
}

TEST(DamagedStream, HalvesOfACharacterAreJoined)
{
    for (const std::string &bytes : {
             said(R"(a \ud83d)") + said(R"(\ude00 b)"),
             said(R"(a )") + said(R"(\uD83D)") + said("") + said(R"(\uDE00)")
                 + said(" b"),
             said(R"(a \ud83d)") + kPing + said(R"(\ude00 )") + said("b"),
         }) {
        expect_text(bytes + kEnd, "a \xf0\x9f\x98\x80 b", 0);
    }
}

TEST(DamagedStream, AHalfWithoutItsOtherIsReplaced)
{
    const std::string no = "\xef\xbf\xbd";

    expect_text(said("a") + said(R"(\ud83d)") + said("b") + kEnd,
                "a" + no + "b", 0);
    expect_text(said("a") + said(R"(\ude00)") + said("b") + kEnd,
                "a" + no + "b", 0);
    expect_text(said("a") + said(R"(\ud83d)") + kEnd, "a" + no, 0);
    expect_text(said(R"(\ud83d)") + said(R"(\ud83d)") + said(R"(\ude00)")
                    + kEnd,
                no + "\xf0\x9f\x98\x80", 0);
    expect_text(said(R"(\\ud83d)") + said(R"(\\ude00)") + kEnd,
                "\\ud83d\\ude00", 0);
    expect_text(said(R"(\ufffd)") + said(R"(\ude00)") + kEnd, no + no, 0);
}

TEST(DamagedStream, ThoughtsHaveHalvesOfTheirOwn)
{
    const auto thought = [](const std::string &text) {
        return event("reasoning_chunk",
                     ",\"data\":{\"reasoning\":\"" + text + "\"}");
    };

    each_cut(thought(R"(x\ud83d)") + thought(R"(\ude00)")
                 + said(R"(a\ud83d)") + said(R"(\ude01)") + kEnd,
             Form::folded, Commit::when_started, [](Play &run) {
                 EXPECT_EQ(run.all(), folded("a\xf0\x9f\x98\x81", "stop",
                                             "x\xf0\x9f\x98\x80"));
             });
}

// Each end of a stream in one read, and in many.
TEST(DamagedStream, WhatCameBeforeAFailureIsShown)
{
    for (const std::string &end : {kError, std::string()}) {
        each_cut(said("a") + said("b") + end, Form::streamed, Commit::never,
                 [](Play &run) {
                     EXPECT_TRUE(run.pipeline.failed());
                     EXPECT_EQ(run.all().find(kRole + piece("a") + piece("b")),
                               0u);
                     EXPECT_NE(run.all().find("data: {\"error\":"),
                               std::string::npos);
                 });
    }
}

}  // namespace
}  // namespace opendify
