// A pipeline whose text is paced.

#include <gtest/gtest.h>

#include "opendify/pipeline.hpp"
#include "pipeline_play.hpp"

namespace opendify {

namespace {

using namespace pipeline_test;

AnswerOptions paced()
{
    AnswerOptions options;
    options.pace_ms = 100;
    return options;
}

std::string thought(const std::string &text)
{
    return event("reasoning_chunk",
                 ",\"data\":{\"reasoning\":\"" + text + "\"}");
}

// Has a rhythm, and keeps " two" since `now`.
struct Paced : Play {
    explicit Paced(const AnswerOptions &options = paced(),
                   Form form = Form::streamed)
        : Play(form, Commit::when_started, Limits{}, options)
    {
        at(1000);
        feed(said("zero"));
        at(1100);
        feed(said(" one") + said(" two"));
    }

    void at(std::uint64_t ms)
    {
        pipeline.set_now(ms);
        pipeline.release();
        take();
    }
};

const std::string kBefore = kRole + piece("zero") + piece(" one");

TEST(PipelinePace, KeptTextWasNotSaid)
{
    Paced run;

    EXPECT_EQ(run.all(), kBefore);
    EXPECT_EQ(run.pipeline.due_ms(), 1120u);
    EXPECT_EQ(run.pipeline.text_bytes(), 8u);
    EXPECT_EQ(run.pipeline.digest(), answered("zero one"));

    run.at(1119);
    EXPECT_EQ(run.all(), kBefore);
    run.at(1120);
    EXPECT_EQ(run.all(), kBefore + piece(" two"));
    EXPECT_EQ(run.pipeline.due_ms(), 0u);
    EXPECT_EQ(run.pipeline.digest(), answered("zero one two"));
}

TEST(PipelinePace, TheEndGoesOutWithTheLastText)
{
    Paced run;

    run.feed(said(" three") + kEnd + said("late") + kError);
    EXPECT_TRUE(run.pipeline.closing());
    EXPECT_FALSE(run.pipeline.over());
    EXPECT_EQ(run.pipeline.finish_reason(), "");
    run.finish();  // the upstream's close changes nothing
    EXPECT_EQ(run.all(), kBefore);

    run.at(1120);
    EXPECT_EQ(run.all(), kBefore + piece(" two"));
    EXPECT_TRUE(run.pipeline.closing());
    run.at(1200);
    EXPECT_EQ(run.all(), kBefore + piece(" two") + piece(" three")
                             + finish("stop"));
    EXPECT_TRUE(run.pipeline.ended());
    EXPECT_FALSE(run.pipeline.closing());
    EXPECT_EQ(run.pipeline.finish_reason(), "stop");
    EXPECT_EQ(run.pipeline.digest(), answered("zero one two three"));
}

TEST(PipelinePace, WithNothingKeptTheEndGoesAtOnce)
{
    Paced run;

    run.at(1200);
    run.feed(kEnd);
    EXPECT_TRUE(run.pipeline.ended());
    EXPECT_EQ(run.all(), kBefore + piece(" two") + finish("stop"));
}

TEST(PipelinePace, AnAnswerThatComesWholeGoesWhole)
{
    expect_output(said("a") + said("b") + said("c") + kEnd, Form::streamed,
                  Commit::when_started,
                  kRole + piece("a") + piece("b") + piece("c")
                      + finish("stop"));

    Play run(Form::streamed, Commit::when_started, Limits{}, paced());
    run.pipeline.set_now(1000);
    run.feed(said("a") + said("b") + kEnd);
    EXPECT_TRUE(run.pipeline.ended());
    EXPECT_EQ(run.all(), kRole + piece("a") + piece("b") + finish("stop"));
}

TEST(PipelinePace, AFoldedAnswerIsNotPaced)
{
    Paced run(paced(), Form::folded);

    EXPECT_EQ(run.pipeline.due_ms(), 0u);
    EXPECT_EQ(run.pipeline.text_bytes(), 12u);
    run.feed(replaced("No.") + said("a") + said("b"));
    EXPECT_EQ(run.pipeline.due_ms(), 0u);
    run.feed(kEnd);
    EXPECT_EQ(run.all(), folded("No.ab", "content_filter"));
}

TEST(PipelinePace, TextGoesBeforeThoughtsStepsAndFiles)
{
    AnswerOptions options = paced();
    options.steps = true;

    Paced run(options);
    run.feed(thought("hm"));
    EXPECT_EQ(run.all(), kBefore + piece(" two")
                             + piece("hm", "reasoning_content"));
    EXPECT_EQ(run.pipeline.due_ms(), 0u);

    Paced other(options);
    other.feed(event("agent_thought",
                     ",\"id\":\"1\",\"position\":1,\"thought\":\"\","
                     "\"observation\":\"\",\"tool\":\"now\",\"tool_labels\":"
                     "{},\"tool_input\":\"{}\",\"message_files\":[]"));
    EXPECT_EQ(other.all().find(kBefore + piece(" two") + kChunk
                               + "{\"index\":0,\"delta\":"
                                 "{\"reasoning_content\":"),
              0u);

    Paced third(options);
    third.feed(event("message_file",
                     ",\"id\":\"1\",\"type\":\"image\",\"belongs_to\":"
                     "\"assistant\",\"url\":\"http://x/a.png\""));
    std::string all = third.all();
    EXPECT_EQ(all.find(kBefore + piece(" two")), 0u);
    EXPECT_NE(all.find("http://x/a.png"), std::string::npos);
    EXPECT_EQ(third.pipeline.due_ms(), 0u);
}

TEST(PipelinePace, TagsOfInlineThoughtsKeepTheirPlace)
{
    AnswerOptions options = paced();
    options.reasoning = ReasoningMode::inline_;

    Paced run(options);
    run.feed(thought("hm") + said("so") + said(" on") + kEnd);
    run.at(1300);
    EXPECT_EQ(run.all(), kBefore + piece(" two") + piece("<think>\\n")
                             + piece("hm") + piece("\\n</think>\\n\\n")
                             + piece("so on") + finish("stop"));
}

TEST(PipelinePace, AnErrorFlushes)
{
    Paced run;
    run.feed(kError);
    EXPECT_TRUE(run.pipeline.failed());
    EXPECT_EQ(run.all().find(kBefore + piece(" two") + "data: {\"error\":"),
              0u);

    Paced cut;
    cut.finish();
    EXPECT_TRUE(cut.pipeline.failed());
    EXPECT_EQ(cut.all().find(kBefore + piece(" two") + "data: {\"error\":"),
              0u);
    EXPECT_EQ(cut.pipeline.digest(), answered("zero one two"));
}

TEST(PipelinePace, AnErrorKeepsNothingBack)
{
    Play run(Form::streamed, Commit::never, Limits{}, paced());

    run.pipeline.set_now(1000);
    run.feed(said("a"));
    run.pipeline.set_now(1100);
    run.feed(said("b") + said("c") + kError);
    EXPECT_EQ(run.pipeline.due_ms(), 0u);
    run.pipeline.set_now(1200);
    run.pipeline.release();
    EXPECT_EQ(run.all().find(kRole + piece("a") + piece("b") + piece("c")
                             + "data: {\"error\":"), 0u);
}

TEST(PipelinePace, AReplacementTakesBackWhatIsKept)
{
    Paced run;
    run.feed(replaced("No.") + said(" more"));
    EXPECT_EQ(run.pipeline.due_ms(), 0u);
    run.feed(kEnd);
    EXPECT_EQ(run.all(), kBefore + piece("\\n\\nNo.")
                             + finish("content_filter"));
    EXPECT_EQ(run.pipeline.digest(), answered("zero one\n\nNo."));

    Play early(Form::streamed, Commit::never, Limits{}, paced());
    early.pipeline.set_now(1000);
    early.feed(said("a"));
    early.pipeline.set_now(1100);
    early.feed(said("b") + said("c") + replaced("No.") + kEnd);
    EXPECT_EQ(early.all(), kRole + piece("a") + piece("b")
                               + piece("\\n\\nNo.")
                               + finish("content_filter"));
}

TEST(PipelinePace, TheModerationWindowComesFirst)
{
    AnswerOptions options = paced();
    options.moderation_window_ms = 500;
    Paced run(options);

    EXPECT_EQ(run.pipeline.due_ms(), 1500u);
    run.at(1500);
    EXPECT_EQ(run.all(), kRole + piece("zero"));
    EXPECT_EQ(run.pipeline.due_ms(), 1600u);
    run.at(1600);
    EXPECT_EQ(run.all(), kBefore);
    EXPECT_EQ(run.pipeline.due_ms(), 1620u);
    run.at(1610);
    run.feed(said(" three"));
    EXPECT_EQ(run.pipeline.due_ms(), 1620u);
    run.at(1620);
    EXPECT_EQ(run.all(), kBefore + piece(" two"));
    EXPECT_EQ(run.pipeline.due_ms(), 2110u);

    // What moderation still holds is gone, what it has passed is said.
    run.feed(replaced("No.") + kEnd);
    EXPECT_EQ(run.all(), kBefore + piece(" two") + piece("\\n\\nNo.")
                             + finish("content_filter"));
}

TEST(PipelinePace, HurryIsNow)
{
    Paced run;
    run.pipeline.hurry();
    run.take();
    EXPECT_EQ(run.all(), kBefore + piece(" two"));

    Paced over;
    over.feed(kEnd);
    over.pipeline.hurry();
    over.take();
    EXPECT_TRUE(over.pipeline.ended());
    EXPECT_EQ(over.all(), kBefore + piece(" two") + finish("stop"));
}

TEST(PipelinePace, ABlockBeforeTheEndWaitsForTheText)
{
    AnswerOptions options = paced();
    options.hold_end = true;

    Paced run(options);
    run.feed(kEnd);
    EXPECT_TRUE(run.pipeline.held());
    EXPECT_TRUE(run.pipeline.closing());
    EXPECT_EQ(run.pipeline.due_ms(), 1120u);
    run.pipeline.complete("\n\nMore?");
    EXPECT_FALSE(run.pipeline.held());
    EXPECT_TRUE(run.pipeline.closing());
    run.at(1120);
    EXPECT_EQ(run.all(), kBefore + piece(" two") + piece("\\n\\nMore?")
                             + finish("stop"));

    Paced late(options);
    late.feed(kEnd);
    late.at(1120);
    EXPECT_EQ(late.all(), kBefore + piece(" two"));
    EXPECT_TRUE(late.pipeline.held());
    late.pipeline.complete("\n\nMore?");
    late.take();
    EXPECT_EQ(late.all(), run.all());
}

TEST(PipelinePace, SourcesComeBehindTheText)
{
    AnswerOptions options = paced();
    options.footnotes = true;

    Paced run(options);
    std::string   end = kEnd;
    const char   *none = "\"retriever_resources\":[]";
    end.replace(end.find(none), std::string(none).size(),
                "\"retriever_resources\":[{\"position\":1,\"document_name\":"
                "\"hours.md\",\"segment_id\":\"s\",\"content\":\"x\"}]");
    run.feed(end);
    EXPECT_EQ(run.all(), kBefore);
    run.at(1120);
    std::string all = run.all();
    EXPECT_EQ(all.find(kBefore + piece(" two")), 0u);
    EXPECT_LT(all.find(" two"), all.find("opendify:sources"));
    EXPECT_TRUE(run.pipeline.ended());
}

TEST(PipelinePace, RestartForgetsTheRhythm)
{
    Play run(Form::streamed, Commit::never, Limits{}, paced());

    run.pipeline.set_now(1000);
    run.feed(said("a"));
    run.pipeline.set_now(1100);
    run.feed(said("b") + said("c"));
    run.pipeline.restart(AppMode::chat);
    EXPECT_EQ(run.pipeline.due_ms(), 0u);
    run.feed(said("d") + said("e") + kEnd);
    EXPECT_EQ(run.all(), kRole + piece("d") + piece("e") + finish("stop"));
}

}  // namespace

}  // namespace opendify
