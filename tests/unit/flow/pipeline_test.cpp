#include "opendify/pipeline.hpp"

#include <chrono>

#include <gtest/gtest.h>

#include "pipeline_play.hpp"

namespace opendify {

namespace {

using namespace pipeline_test;

const std::string kAnswer =
    kPing + said("Nous \\u00e9") + said("t\\n\\\"ions.") + said("") + kEnd
    + said("late");

TEST(Pipeline, StreamsAnAnswer)
{
    std::string expected = kRole + piece("Nous \xc3\xa9")
                           + piece("t\\n\\\"ions.") + finish("stop");

    for (Commit commit :
         {Commit::at_once, Commit::when_started, Commit::never})
    {
        expect_output(kAnswer, Form::streamed, commit, expected);
    }
}

TEST(Pipeline, FoldsAnAnswer)
{
    expect_output(kAnswer, Form::folded, Commit::when_started,
                  folded("Nous \xc3\xa9t\\n\\\"ions.", "stop"));
}

TEST(Pipeline, FoldedRepliesStayEmptyUntilTheEnd)
{
    Play run(Form::folded, Commit::at_once);

    run.feed(said("a"));
    EXPECT_TRUE(run.pipeline.started());
    EXPECT_FALSE(run.pipeline.committed());
    EXPECT_EQ(run.all(), "");
}

TEST(Pipeline, AnswersWithoutTextAreWhole)
{
    expect_output(said("") + kEnd, Form::streamed, Commit::when_started,
                  kRole + finish("stop"));
    expect_output(kEnd, Form::folded, Commit::when_started,
                  folded("", "stop"));
}

TEST(Pipeline, KeepsThoughtsApart)
{
    std::string bytes =
        event("reasoning_chunk", R"(,"data":{"reasoning":"hm"})")
        + said("a") + kEnd;

    expect_output(bytes, Form::streamed, Commit::when_started,
                  kRole + piece("hm", "reasoning_content") + piece("a")
                      + finish("stop"));
    expect_output(bytes, Form::folded, Commit::when_started,
                  folded("a", "stop", "hm"));
}

// A large event byte by byte: quadratic, this would take minutes.
TEST(Pipeline, LargeEventsTakeTheTimeOfTheirBytes)
{
    const std::string text(1000000, 'y');
    const std::string bytes = said(text) + kEnd;

    for (std::size_t step : {1, 100}) {
        Play run(Form::streamed, Commit::at_once);
        const auto begin = std::chrono::steady_clock::now();

        for (std::size_t at = 0; at < bytes.size(); at += step) {
            run.feed(std::string_view(bytes).substr(at, step));
        }

        EXPECT_EQ(run.all(), kRole + piece(text) + finish("stop"));
        EXPECT_LT(std::chrono::steady_clock::now() - begin,
                  std::chrono::seconds(10));
    }
}

TEST(Pipeline, LearnsFacts)
{
    each_cut(kAnswer, Form::streamed, Commit::when_started, [](Play &run) {
        Pipeline &pipeline = run.pipeline;
        EXPECT_EQ(pipeline.task_id(),
                  "6a1474a0-0219-4f1c-b9bd-c2115e4b311c");
        EXPECT_EQ(pipeline.conversation_id(),
                  "de210520-c6ac-4a96-908f-6e4ad73ddabf");
        EXPECT_EQ(pipeline.message_id(),
                  "c395b5b2-23d3-4773-bead-d776687b45fe");
        EXPECT_TRUE(pipeline.has_usage());
        EXPECT_EQ(pipeline.usage().total_tokens, 40);
        EXPECT_EQ(pipeline.finish_reason(), "stop");
        EXPECT_EQ(pipeline.text_bytes(), 15u);
        EXPECT_EQ(pipeline.skipped_events(), 0u);
        EXPECT_EQ(pipeline.digest(), answered("Nous \xc3\xa9t\n\"ions."));
    });
}

TEST(Pipeline, NoticesWhatHappensWhen)
{
    Play run(Form::streamed);

    run.feed(kPing);
    EXPECT_FALSE(run.pipeline.stirred());
    run.feed(event("agent_thought", ",\"thought\":\"\""));
    EXPECT_TRUE(run.pipeline.stirred());
    EXPECT_FALSE(run.pipeline.started());
    run.feed(said(""));
    EXPECT_FALSE(run.pipeline.started());
    run.feed(said("a"));
    EXPECT_TRUE(run.pipeline.started());
    EXPECT_EQ(run.pipeline.finish_reason(), "");
    EXPECT_FALSE(run.pipeline.has_usage());
    EXPECT_EQ(run.pipeline.digest(), answered("a"));
    EXPECT_FALSE(run.pipeline.over());
    run.feed(kEnd);
    EXPECT_TRUE(run.pipeline.over());
}

TEST(Pipeline, AnErrorBeforeTheFirstByteIsAStatus)
{
    for (Form form : {Form::streamed, Form::folded}) {
        each_cut(kPing + kError, form, Commit::when_started, [](Play &run) {
            EXPECT_TRUE(run.pipeline.failed());
            EXPECT_EQ(run.pipeline.failure().errc, Errc::run_failed);
            EXPECT_EQ(run.all(), "");
        });
    }
}

TEST(Pipeline, AnErrorDropsWhatWasFolded)
{
    each_cut(said("a") + kError, Form::folded, Commit::never, [](Play &run) {
        EXPECT_TRUE(run.pipeline.failed());
        EXPECT_FALSE(run.pipeline.ended());
        EXPECT_EQ(run.all(), "");
        EXPECT_EQ(run.pipeline.digest(), answered("a"));

        run.pipeline.commit();
        EXPECT_FALSE(run.pipeline.committed());
    });
}

TEST(Pipeline, AnErrorBeforeTheFirstPieceIsNoStream)
{
    for (const std::string &before : {std::string(), kPing, said("")}) {
        each_cut(before + kError, Form::streamed, Commit::when_started,
                 [](Play &run) {
                     EXPECT_TRUE(run.pipeline.failed());
                     EXPECT_FALSE(run.pipeline.committed());
                     EXPECT_EQ(run.all(), "");
                 });
    }
}

// The error event depends on the backend's words; its frame does not.
void expect_error_after(const std::string &before, const std::string &all)
{
    ASSERT_EQ(all.substr(0, before.size()), before);

    std::string rest = all.substr(before.size());
    std::string begin = "data: {\"error\":{\"message\":\"";

    EXPECT_EQ(rest.substr(0, begin.size()), begin);
    ASSERT_GT(rest.size(), kDone.size());
    EXPECT_EQ(rest.substr(rest.size() - kDone.size()), kDone);
    EXPECT_EQ(rest.find("\n\n"), rest.size() - kDone.size() - 2);
}

TEST(Pipeline, AnErrorAfterItIsAnEvent)
{
    Play whole(Form::streamed, Commit::at_once);
    whole.feed(said("a") + kError);
    std::string expected = whole.all();
    expect_error_after(kRole + piece("a"), expected);

    each_cut(said("a") + kError + kEnd, Form::streamed, Commit::at_once,
             [&](Play &run) {
                 EXPECT_TRUE(run.pipeline.failed());
                 EXPECT_FALSE(run.pipeline.ended());
                 EXPECT_EQ(run.all(), expected);
             });
}

TEST(Pipeline, AnEndThatWasNotSeenIsAnError)
{
    each_cut(said("a"), Form::streamed, Commit::when_started, [](Play &run) {
        EXPECT_EQ(run.pipeline.failure().errc, Errc::backend_closed);
        expect_error_after(kRole + piece("a"), run.all());
    });

    for (std::string bytes : {std::string(), kPing, said("a"),
                              kAnswer.substr(0, 200)})
    {
        each_cut(bytes, Form::folded, Commit::never, [](Play &run) {
            EXPECT_TRUE(run.pipeline.failed());
            EXPECT_EQ(run.pipeline.failure().errc, Errc::backend_closed);
            EXPECT_EQ(run.all(), "");
        });
    }
}

TEST(Pipeline, AnEndWithoutItsEmptyLineIsAnEnd)
{
    expect_output(said("a") + kEnd.substr(0, kEnd.size() - 2),
                  Form::folded, Commit::never, folded("a", "stop"));
}

TEST(Pipeline, TheTransportMayFailItOnce)
{
    Play run(Form::streamed);

    run.feed(said("a"));
    run.pipeline.fail({Errc::backend_timeout, "Too \"slow\"", {}, {}});
    run.pipeline.fail({Errc::backend_closed, "again", {}, {}});
    run.feed(said("b") + kEnd);
    run.finish();

    EXPECT_EQ(run.pipeline.failure().errc, Errc::backend_timeout);
    EXPECT_EQ(run.all(),
              kRole + piece("a")
                  + "data: {\"error\":{\"message\":\"Too \\\"slow\\\"\","
                    "\"type\":\"server_error\",\"param\":null,"
                    "\"code\":\"backend_timeout\"}}\n\n" + kDone);
}

TEST(Pipeline, NothingFailsAfterTheEnd)
{
    Play run(Form::streamed);

    run.feed(said("a") + kEnd);
    run.pipeline.fail({Errc::backend_closed, "x", {}, {}});
    run.finish();

    EXPECT_FALSE(run.pipeline.failed());
    EXPECT_EQ(run.all(), kRole + piece("a") + finish("stop"));
}

const std::string kModerated =
    said("b") + said("ad") + replaced("Withdrawn.") + said(" Sorry.") + kEnd;

TEST(Pipeline, EndsWhatCannotBeTakenBack)
{
    for (Commit commit :
         {Commit::at_once, Commit::when_started, Commit::never}) {
        each_cut(kModerated, Form::streamed, commit, [](Play &run) {
            EXPECT_EQ(run.all(), kRole + piece("b") + piece("ad")
                                     + piece("\\n\\nWithdrawn.")
                                     + finish("content_filter"));
            EXPECT_EQ(run.pipeline.finish_reason(), "content_filter");
            EXPECT_EQ(run.pipeline.digest(), answered("bad\n\nWithdrawn."));
        });
    }
}

TEST(Pipeline, ReplacesInAFoldedReply)
{
    expect_output(kModerated, Form::folded, Commit::never,
                  folded("Withdrawn. Sorry.", "content_filter"));
}

TEST(Pipeline, AReplacementOfNothingIsText)
{
    expect_output(replaced("Withdrawn.") + kEnd, Form::streamed,
                  Commit::at_once,
                  kRole + piece("Withdrawn.") + finish("content_filter"));
}

TEST(Pipeline, BoundsAFoldedAnswer)
{
    Limits limits;
    limits.max_answer_bytes = 4;

    auto check = [](Play &run) {
        EXPECT_EQ(run.pipeline.failure().errc, Errc::event_too_large);
        EXPECT_FALSE(run.pipeline.ended());
        EXPECT_EQ(run.all(), "");
    };

    each_cut(said("ab") + said("cde") + kEnd, Form::folded, Commit::never,
             check, limits);
    each_cut(said("abcd") + kEnd, Form::folded, Commit::never,
             [](Play &run) { EXPECT_TRUE(run.pipeline.ended()); }, limits);
}

TEST(Pipeline, RestartForgetsTheUpstream)
{
    for (Form form : {Form::streamed, Form::folded}) {
        Play run(form);

        run.feed(kPing + event("agent_thought", "") + kError);
        ASSERT_TRUE(run.pipeline.failed());

        run.pipeline.restart(AppMode::chat);
        EXPECT_FALSE(run.pipeline.over());
        EXPECT_FALSE(run.pipeline.stirred());
        EXPECT_EQ(run.pipeline.task_id(), "");

        run.feed(said("a") + kEnd);
        EXPECT_TRUE(run.pipeline.ended());
        EXPECT_EQ(run.pipeline.digest(), answered("a"));
        EXPECT_EQ(run.all(), form == Form::streamed
                                 ? kRole + piece("a") + finish("stop")
                                 : folded("a", "stop"));
    }
}

TEST(Pipeline, RestartInTheMiddleOfAnEvent)
{
    Play run(Form::streamed, Commit::at_once);

    run.feed(said("lost").substr(0, 40));
    run.pipeline.restart(AppMode::chat);
    run.feed(said("a") + kEnd);

    EXPECT_TRUE(run.pipeline.committed());
    EXPECT_EQ(run.all(), kRole + piece("a") + finish("stop"));
}

}  // namespace

}  // namespace opendify
