// A pipeline whose answer is cut at a stop sequence.

#include <gtest/gtest.h>

#include "opendify/pipeline.hpp"
#include "pipeline_play.hpp"

namespace opendify {

namespace {

using namespace pipeline_test;

using Words = std::vector<std::string>;

AnswerOptions stopping(const Words &words)
{
    AnswerOptions options;
    options.stop = words;
    return options;
}

std::string thought(const std::string &text)
{
    return event("reasoning_chunk",
                 ",\"data\":{\"reasoning\":\"" + text + "\"}");
}

std::string without_usage(std::string answer)
{
    const std::size_t at = answer.find("," + kUsage);

    return at == std::string::npos ? answer : answer.substr(0, at) + "}";
}

std::string finish_unknown(const std::string &reason)
{
    return kChunk + "{\"index\":0,\"delta\":{},\"finish_reason\":\"" + reason
           + "\"}]}\n\n" + kDone;
}

// All texts of a member of the chunks, or of the folded reply.
std::string texts_of(const std::string &all, const std::string &member)
{
    const std::string head = "\"" + member + "\":\"";
    std::string       out;

    for (std::size_t at = all.find(head); at != std::string::npos;
         at = all.find(head, at))
    {
        at += head.size();
        const std::size_t end = all.find('"', at);
        out += all.substr(at, end - at);
    }

    return out;
}

bool ends_with_stop(const std::string &all)
{
    return all.find("\"finish_reason\":\"stop\"") != std::string::npos;
}

// In both forms, however the bytes are cut.
void expect_text(const std::string &bytes, const AnswerOptions &options,
                 const std::string &text, bool cut)
{
    for (Form form : {Form::streamed, Form::folded}) {
        each_cut(bytes, form, Commit::when_started, [&](Play &run) {
            EXPECT_EQ(texts_of(run.all(), "content"), text);
            EXPECT_TRUE(run.pipeline.ended());
            EXPECT_TRUE(ends_with_stop(run.all()));
            EXPECT_EQ(run.pipeline.is_other_text(), cut);
            EXPECT_EQ(run.pipeline.digest(), answered(text));
            EXPECT_EQ(run.pipeline.text_bytes(), text.size());
        }, Limits{}, options);
    }
}

TEST(PipelineStop, CutsAcrossEvents)
{
    const auto options = stopping({"STOP"});

    expect_text(said("one ST") + said("OP two") + kEnd, options, "one ", true);
    expect_text(said("one ") + said("S") + said("T") + said("OPtwo") + kEnd,
                options, "one ", true);
    expect_text(said("STOP") + said("two") + kEnd, options, "", true);
    expect_text(said("one STO") + said("STOP") + kEnd, options, "one STO",
                true);
    // It ends before Dify does, whatever follows.
    expect_text(said("one STOP") + kError, options, "one ", true);
    expect_text(said("one STOP"), options, "one ", true);
}

TEST(PipelineStop, WhatBecomesNoSequenceIsShown)
{
    const auto options = stopping({"STOP"});

    expect_text(said("one ST") + said("ART two") + kEnd, options,
                "one START two", false);
    expect_text(said("one STO") + kEnd, options, "one STO", false);
    expect_text(said("S") + kEnd, options, "S", false);
}

TEST(PipelineStop, TheFirstOfSeveral)
{
    expect_text(said("x a") + said("b") + said("c") + kEnd,
                stopping({"b", "abc"}), "x ", true);
    expect_text(said("x a") + said("b") + said("d") + kEnd,
                stopping({"b", "abc"}), "x a", true);
    // The answer ends while another one could still begin earlier.
    expect_text(said("x a") + said("b") + kEnd, stopping({"b", "abc"}),
                "x a", true);
    expect_text(said("x\\n") + said("\\nHuman") + said(": y") + kEnd,
                stopping({"\n\nHuman:", "Human:"}), "x", true);
}

TEST(PipelineStop, CharactersStayWhole)
{
    expect_text(said("x\\ud83d\\ude00") + said("y") + kEnd,
                stopping({"\xf0\x9f\x98\x80"}), "x", true);
    expect_text(said("x\xf0\x9f\x98\x81") + said("\xf0\x9f\x98\x80y") + kEnd,
                stopping({"\xf0\x9f\x98\x80"}), "x\xf0\x9f\x98\x81", true);
}

TEST(PipelineStop, SaysWhatIsKnownOfTheUsage)
{
    each_cut(said("one ST") + said("OP two") + kEnd, Form::streamed,
             Commit::when_started, [](Play &run) {
                 const std::string all = run.all();
                 EXPECT_EQ(texts_of(all, "content"), "one ");
                 EXPECT_EQ(all.substr(all.size()
                                      - finish_unknown("stop").size()),
                           finish_unknown("stop"));
             }, Limits{}, stopping({"STOP"}));
    each_cut(said("one ST") + said("OP two") + kEnd, Form::folded,
             Commit::when_started, [](Play &run) {
                 EXPECT_EQ(run.all(), without_usage(folded("one ", "stop")));
             }, Limits{}, stopping({"STOP"}));
}

// The backend has to be told while it goes on.
TEST(PipelineStop, IsCutShortUntilTheBackendEnds)
{
    Play run(Form::streamed, Commit::when_started, Limits{},
             stopping({"STOP"}));

    run.feed(said("one ST"));
    EXPECT_FALSE(run.pipeline.closing());
    run.feed(said("OP"));
    EXPECT_TRUE(run.pipeline.ended());
    EXPECT_TRUE(run.pipeline.is_cut_short());
    run.feed(said("two") + kEnd);
    EXPECT_EQ(texts_of(run.all(), "content"), "one ");

    Play both(Form::folded, Commit::never, Limits{}, stopping({"STOP"}));
    both.feed(said("one STOP") + kEnd);
    EXPECT_TRUE(both.pipeline.ended());
    EXPECT_FALSE(both.pipeline.is_cut_short());
    EXPECT_TRUE(both.pipeline.is_other_text());

    Play failed(Form::streamed, Commit::when_started, Limits{},
                stopping({"STOP"}));
    failed.feed(said("one STO"));
    failed.feed(kError);
    EXPECT_TRUE(failed.pipeline.failed());
    EXPECT_FALSE(failed.pipeline.is_cut_short());
    EXPECT_EQ(texts_of(failed.all(), "content"), "one STO");
}

TEST(PipelineStop, ThoughtsAreNotSearched)
{
    const std::string tags = said("<think>\\na STOP b") + said("\\n</think>\\n\\n")
                             + said("one ST") + said("OP two") + kEnd;
    const std::string apart = thought("a STOP b") + said("one ST")
                              + said("OP two") + kEnd;

    for (const std::string &bytes : {tags, apart}) {
        expect_text(bytes, stopping({"STOP"}), "one ", true);
        each_cut(bytes, Form::streamed, Commit::when_started, [](Play &run) {
            EXPECT_EQ(texts_of(run.all(), "reasoning_content"), "a STOP b");
        }, Limits{}, stopping({"STOP"}));

        auto options = stopping({"STOP"});
        options.reasoning = ReasoningMode::inline_;
        each_cut(bytes, Form::streamed, Commit::when_started, [](Play &run) {
            EXPECT_EQ(texts_of(run.all(), "content"),
                      "<think>\\na STOP b\\n</think>\\n\\none ");
        }, Limits{}, options);
    }
}

TEST(PipelineStop, NothingFollowsTheCut)
{
    auto options = stopping({"STOP"});
    options.footnotes = options.hold_end = true;
    const std::string source = event("message_end",
        R"(,"metadata":{"retriever_resources":[{"position":1,)"
        R"("document_name":"d","content":"c","segment_id":"s"}]})");

    expect_text(said("one STOP two") + source, options, "one ", true);
}

TEST(PipelineStop, InTheTextOfTheModeration)
{
    // Before any was sent it is the answer, like any other.
    each_cut(said("bad ST") + replaced("Not this. STOP It.") + kEnd,
             Form::folded, Commit::never, [](Play &run) {
                 EXPECT_EQ(texts_of(run.all(), "content"), "Not this. ");
                 EXPECT_EQ(run.pipeline.finish_reason(), "content_filter");
             }, Limits{}, stopping({"STOP"}));
    each_cut(said("bad ST") + replaced("Not this. STOP It.") + kEnd,
             Form::streamed, Commit::at_once, [](Play &run) {
                 EXPECT_EQ(texts_of(run.all(), "content"),
                           "bad \\n\\nNot this. ");
                 EXPECT_EQ(run.pipeline.finish_reason(), "content_filter");
                 EXPECT_TRUE(run.pipeline.is_other_text());
             }, Limits{}, stopping({"STOP"}));
}

TEST(PipelineStop, InTextThatIsHeldBack)
{
    auto options = stopping({"STOP"});
    options.moderation_window_ms = 50;
    Play run(Form::streamed, Commit::when_started, Limits{}, options);

    run.pipeline.set_now(1000);
    run.feed(said("one ST"));
    run.pipeline.set_now(1010);
    run.feed(said("OP two"));
    EXPECT_FALSE(run.pipeline.closing());
    run.pipeline.set_now(1050);
    run.pipeline.release();
    EXPECT_FALSE(run.pipeline.closing());
    run.pipeline.set_now(1060);
    run.pipeline.release();
    run.pipeline.commit();
    run.take();
    EXPECT_TRUE(run.pipeline.ended());
    EXPECT_TRUE(run.pipeline.is_cut_short());
    EXPECT_EQ(texts_of(run.all(), "content"), "one ");
}

// The backend is to be stopped now, though some text is still to go out.
TEST(PipelineStop, InTextThatIsPaced)
{
    auto options = stopping({"STOP"});
    options.pace_ms = 100;
    Play run(Form::streamed, Commit::when_started, Limits{}, options);

    run.pipeline.set_now(1000);
    run.feed(said("zero"));
    run.pipeline.set_now(1100);
    run.feed(said(" one") + said(" two ST") + said("OP"));
    EXPECT_TRUE(run.pipeline.closing());
    EXPECT_FALSE(run.pipeline.ended());
    EXPECT_TRUE(run.pipeline.is_cut_short());
    EXPECT_EQ(texts_of(run.all(), "content"), "zero one");

    run.pipeline.set_now(1300);
    run.pipeline.release();
    run.take();
    EXPECT_TRUE(run.pipeline.ended());
    EXPECT_EQ(texts_of(run.all(), "content"), "zero one two ");
    EXPECT_EQ(run.pipeline.digest(), answered("zero one two "));
}

TEST(PipelineStop, BeginsAnewWithARestart)
{
    Play run(Form::folded, Commit::never, Limits{}, stopping({"STOP"}));

    run.feed(said("one ST"));
    run.pipeline.restart(AppMode::chat);
    run.feed(said("OP two") + kEnd);
    EXPECT_EQ(texts_of(run.all(), "content"), "OP two");
    EXPECT_FALSE(run.pipeline.is_other_text());
}

}  // namespace

}  // namespace opendify
