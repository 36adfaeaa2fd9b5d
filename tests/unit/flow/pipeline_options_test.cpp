// A pipeline whose answer is shown in other than the default way.

#include <gtest/gtest.h>

#include "opendify/pipeline.hpp"
#include "pipeline_play.hpp"

namespace opendify {

namespace {

using namespace pipeline_test;

std::string thought(const std::string &text)
{
    return event("reasoning_chunk",
                 ",\"data\":{\"reasoning\":\"" + text + "\"}");
}

AnswerOptions with(ReasoningMode mode)
{
    AnswerOptions options;
    options.reasoning = mode;
    return options;
}

AnswerOptions window(std::uint32_t ms)
{
    AnswerOptions options;
    options.moderation_window_ms = ms;
    return options;
}

AnswerOptions holding()
{
    AnswerOptions options;
    options.hold_end = true;
    return options;
}

const std::string kThinking = said("<think>") + said("\\nhm")
                              + said("\\n</think>") + said("\\n\\n")
                              + said("It is.") + kEnd;

TEST(PipelineReasoning, TagsBecomeThoughts)
{
    each_cut(kThinking, Form::streamed, Commit::when_started, [](Play &run) {
        EXPECT_EQ(run.all(), kRole + piece("hm", "reasoning_content")
                                 + piece("It is.") + finish("stop"));
        EXPECT_EQ(run.pipeline.digest(), answered("It is."));
        EXPECT_EQ(run.pipeline.text_bytes(), 6u);
    });
    expect_output(kThinking, Form::folded, Commit::never,
                  folded("It is.", "stop", "hm"));
}

TEST(PipelineReasoning, OffIsNoStart)
{
    Play run(Form::streamed, Commit::when_started, Limits{},
             with(ReasoningMode::off));

    run.feed(said("<think>hm") + thought("so"));
    EXPECT_TRUE(run.pipeline.stirred());
    EXPECT_FALSE(run.pipeline.started());
    run.feed(said("</think>It is.") + kEnd);
    EXPECT_TRUE(run.pipeline.started());
    EXPECT_EQ(run.all(), kRole + piece("It is.") + finish("stop"));
}

TEST(PipelineReasoning, InlineIsText)
{
    each_cut(thought("hm") + said("It is.") + kEnd, Form::folded,
             Commit::never,
             [](Play &run) {
                 EXPECT_EQ(run.all(),
                           folded("<think>\\nhm\\n</think>\\n\\nIt is.",
                                  "stop"));
                 EXPECT_EQ(run.pipeline.digest(), answered("It is."));
             },
             Limits{}, with(ReasoningMode::inline_));
}

TEST(PipelineReasoning, AnErrorClosesWhatIsOpen)
{
    Play run(Form::streamed, Commit::when_started, Limits{},
             with(ReasoningMode::inline_));

    run.feed(thought("hm"));
    run.finish();
    EXPECT_EQ(run.all().find(kRole + piece("<think>\\n") + piece("hm")
                             + piece("\\n</think>\\n\\n")
                             + "data: {\"error\":"),
              0u);
}

TEST(PipelineReasoning, AnErrorShowsWhatMayHaveBeenATag)
{
    Play run(Form::streamed);

    run.feed(said("a <"));
    EXPECT_EQ(run.all(), kRole + piece("a "));
    run.finish();
    EXPECT_EQ(run.all().find(kRole + piece("a ") + piece("<")), 0u);
    EXPECT_EQ(run.pipeline.digest(), answered("a <"));
}

TEST(PipelineEnd, WaitsForAnotherBlock)
{
    for (Form form : {Form::streamed, Form::folded}) {
        each_cut(said("a <") + kEnd + said("late"), form,
                 Commit::when_started,
                 [&](Play &run) {
                     Pipeline &pipeline = run.pipeline;
                     EXPECT_TRUE(pipeline.held());
                     EXPECT_FALSE(pipeline.over());
                     EXPECT_EQ(pipeline.finish_reason(), "");
                     EXPECT_EQ(pipeline.digest(), answered("a <"));

                     pipeline.complete("\n\nMore?");
                     pipeline.complete("\n\nAgain?");
                     run.take();
                     EXPECT_FALSE(pipeline.held());
                     EXPECT_TRUE(pipeline.ended());
                     EXPECT_EQ(pipeline.finish_reason(), "stop");
                     EXPECT_EQ(pipeline.digest(), answered("a <"));
                     EXPECT_EQ(pipeline.text_bytes(), 3u);

                     std::string all = run.all();
                     std::string tail =
                         form == Form::folded
                             ? folded("a <\\n\\nMore?", "stop")
                             : piece("\\n\\nMore?") + finish("stop");
                     ASSERT_GE(all.size(), tail.size());
                     EXPECT_EQ(all.substr(all.size() - tail.size()), tail);
                 },
                 Limits{}, holding());
    }
}

TEST(PipelineEnd, NothingIsHeldThatFailed)
{
    Play run(Form::streamed, Commit::at_once, Limits{}, holding());
    run.feed(said("a"));
    run.finish();
    EXPECT_FALSE(run.pipeline.held());
    EXPECT_TRUE(run.pipeline.failed());
    run.pipeline.complete("x");
    EXPECT_FALSE(run.pipeline.ended());

    Play other(Form::streamed, Commit::at_once, Limits{}, holding());
    other.feed(said("a") + kEnd);
    other.pipeline.fail({Errc::backend_timeout, "x", {}, {}});
    EXPECT_TRUE(other.pipeline.failed());
    EXPECT_FALSE(other.pipeline.held());
}

TEST(PipelineEnd, CompleteWithoutABlock)
{
    Play run(Form::streamed, Commit::at_once, Limits{}, holding());
    run.pipeline.complete("early");
    run.feed(said("a") + kEnd);
    run.pipeline.complete({});
    run.take();
    EXPECT_EQ(run.all(), kRole + piece("a") + finish("stop"));
}

TEST(PipelineModeration, HoldsTextAndThoughtsBack)
{
    Play run(Form::streamed, Commit::when_started, Limits{}, window(500));

    run.pipeline.set_now(1000);
    run.feed(thought("hm") + said("a"));
    run.pipeline.set_now(1200);
    run.feed(said("b"));
    EXPECT_FALSE(run.pipeline.started());
    EXPECT_EQ(run.pipeline.due_ms(), 1500u);
    EXPECT_EQ(run.pipeline.digest(), answered(""));

    run.pipeline.set_now(1500);
    run.pipeline.release();
    EXPECT_TRUE(run.pipeline.started());
    EXPECT_EQ(run.pipeline.due_ms(), 1700u);
    run.feed({});
    EXPECT_EQ(run.all(), kRole + piece("hm", "reasoning_content")
                             + piece("a"));
    EXPECT_EQ(run.pipeline.digest(), answered("a"));

    run.feed(said("c") + kEnd);
    EXPECT_EQ(run.pipeline.due_ms(), 0u);
    EXPECT_EQ(run.all(), kRole + piece("hm", "reasoning_content")
                             + piece("a") + piece("b") + piece("c")
                             + finish("stop"));
    EXPECT_EQ(run.pipeline.digest(), answered("abc"));
}

TEST(PipelineModeration, NothingReleasedIsTheReplacementAlone)
{
    std::string bytes = thought("bad") + said("b") + said("ad <think>")
                        + replaced("Withdrawn.") + said(" Sorry.") + kEnd;

    for (Commit commit : {Commit::at_once, Commit::when_started,
                          Commit::never})
    {
        each_cut(bytes, Form::streamed, commit,
                 [](Play &run) {
                     EXPECT_EQ(run.all(), kRole + piece("Withdrawn.")
                                              + piece(" Sorry.")
                                              + finish("content_filter"));
                     EXPECT_EQ(run.pipeline.digest(),
                               answered("Withdrawn. Sorry."));
                 },
                 Limits{}, window(500));
    }
}

TEST(PipelineModeration, SomeReleasedIsTheEnd)
{
    Play run(Form::streamed, Commit::when_started, Limits{}, window(500));

    run.pipeline.set_now(1);
    run.feed(said("a <"));
    run.pipeline.set_now(501);
    run.pipeline.release();
    run.feed({});
    run.feed(said("bad") + replaced("Withdrawn.") + said("c"));
    EXPECT_EQ(run.pipeline.due_ms(), 0u);
    EXPECT_FALSE(run.pipeline.over());
    run.feed(kEnd);
    EXPECT_EQ(run.all(), kRole + piece("a ") + piece("\\n\\nWithdrawn.")
                             + finish("content_filter"));
    EXPECT_EQ(run.pipeline.digest(), answered("a \n\nWithdrawn."));
}

TEST(PipelineModeration, AnErrorShowsNothingMore)
{
    Play run(Form::streamed, Commit::at_once, Limits{}, window(500));

    run.feed(said("secret") + kError);
    EXPECT_TRUE(run.pipeline.failed());
    EXPECT_EQ(run.pipeline.due_ms(), 0u);
    EXPECT_EQ(run.all().find("secret"), std::string::npos);
    EXPECT_EQ(run.all().find("data: {\"error\":"), 0u);
}

TEST(PipelineModeration, AFoldedAnswerNeedsNoWindow)
{
    Play run(Form::folded, Commit::never, Limits{}, window(500));

    run.feed(said("a"));
    EXPECT_EQ(run.pipeline.due_ms(), 0u);
    EXPECT_TRUE(run.pipeline.started());
}

TEST(PipelineModeration, BoundsWhatIsHeldBack)
{
    Limits limits;
    limits.max_answer_bytes = 4;
    Play run(Form::streamed, Commit::never, limits, window(500));

    run.feed(said("abcd"));
    EXPECT_FALSE(run.pipeline.failed());
    run.feed(said("e"));
    EXPECT_EQ(run.pipeline.failure().errc, Errc::event_too_large);
}

TEST(PipelineModeration, RestartForgetsWhatIsHeld)
{
    Play run(Form::streamed, Commit::when_started, Limits{}, window(500));

    run.feed(said("lost"));
    run.pipeline.restart(AppMode::chat);
    EXPECT_EQ(run.pipeline.due_ms(), 0u);
    run.feed(said("a") + kEnd);
    EXPECT_EQ(run.all(), kRole + piece("a") + finish("stop"));
}

}  // namespace

}  // namespace opendify
