// What the golden streams do not show: events that are too large, and the
// state between events.

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "dify/decode_stream.hpp"

namespace opendify {
namespace {

struct Seen : TurnSink {
    void on_event(const TurnEvent &event) override
    {
        kinds.push_back(event.kind);
        if (event.failure != nullptr) {
            failure = *event.failure;
        }

        if (event.usage != nullptr) {
            usage = *event.usage;
        }
    }

    std::vector<TurnEvent::Kind> kinds;
    Failure                      failure{Errc::bad_json, {}, {}, {}};
    Usage                        usage;
};

using Kind = TurnEvent::Kind;
using Kinds = std::vector<Kind>;

struct DecodeStream : testing::Test {
    bool event(const std::string &data, bool cut = false)
    {
        return decoder.on_sse_event({"", data, cut});
    }

    Limits              limits;
    Seen                seen;
    dify::StreamDecoder decoder{AppMode::agent, limits, seen};
};

TEST_F(DecodeStream, PingsDoNotStir)
{
    EXPECT_TRUE(decoder.on_sse_event({"ping", "", false}));
    EXPECT_TRUE(event(R"({"event":"ping"})"));
    EXPECT_FALSE(decoder.stirred());
    EXPECT_EQ(decoder.skipped(), 0u);

    EXPECT_TRUE(event(R"({"event":"workflow_started","data":{}})"));
    EXPECT_TRUE(decoder.stirred());
}

TEST_F(DecodeStream, EventsWithoutDataAreSkipped)
{
    EXPECT_TRUE(decoder.on_sse_event({"pong", "", false}));
    EXPECT_EQ(decoder.skipped(), 1u);
    EXPECT_TRUE(decoder.stirred());
}

// What is taken by its bytes is no longer than what is parsed.
TEST_F(DecodeStream, KnownEventsHaveTheSameLimit)
{
    limits.max_event_bytes = 64;

    dify::StreamDecoder known(AppMode::chat, limits, seen);
    const std::string   begin = R"({"event":"message","answer":")";
    const std::string   end = R"("})";

    EXPECT_TRUE(known.on_sse_event({"", begin + "Hi" + end, false}));

    const std::string fits(64 - begin.size() - end.size(), 'x');
    const std::string event = "data: " + begin + fits + end + "\n\n";

    EXPECT_EQ(known.take_sse_event(event + event), event.size());
    EXPECT_EQ(known.take_sse_event("data: " + begin + fits + "x" + end
                                   + "\n\n"), 0u);
    EXPECT_EQ(known.take_sse_event(event.substr(0, event.size() - 1)), 0u);
    EXPECT_EQ(known.take_sse_event(event.substr(1)), 0u);
    EXPECT_EQ(known.take_sse_event(""), 0u);
    EXPECT_EQ(seen.kinds, (Kinds{Kind::text, Kind::text}));
}

TEST_F(DecodeStream, NothingAfterTheEnd)
{
    EXPECT_FALSE(event(R"({"event":"message_end"})"));
    EXPECT_TRUE(decoder.over());
    EXPECT_FALSE(event(R"({"event":"message","answer":"late"})"));
    EXPECT_FALSE(event(R"({"event":"error","message":"late"})"));
    EXPECT_EQ(seen.kinds, Kinds{Kind::end});
}

TEST_F(DecodeStream, CutTextIsAnError)
{
    for (const char *head :
         {R"({"event":"message","answer":"x)",
          R"({"event": "agent_message",)",
          R"({"event":"message_replace","answer":"x)",
          R"({"event":"message_file","id":"a","answer":"x)",
          R"({"event":"text_chunk","data":{"text":"x)"}) {
        Seen                one;
        dify::StreamDecoder fresh(AppMode::chat, limits, one);
        EXPECT_FALSE(fresh.on_sse_event({"", head, true})) << head;
        EXPECT_EQ(one.kinds, Kinds{Kind::error});
        EXPECT_EQ(one.failure.errc, Errc::event_too_large);
    }
}

TEST_F(DecodeStream, OtherCutEventsAreSkipped)
{
    EXPECT_TRUE(event(R"({"event":"workflow_started","data":{"inputs":{)"
                      R"("answer":"x)", true));
    EXPECT_TRUE(event(R"({"event":"node_finished","data":{"outputs":{)", true));
    EXPECT_TRUE(event(R"({"event":"message_file","url":"x)", true));
    EXPECT_TRUE(event("garbage", true));
    EXPECT_TRUE(event("", true));
    EXPECT_EQ(decoder.skipped(), 5u);
    EXPECT_TRUE(decoder.stirred());
    EXPECT_TRUE(seen.kinds.empty());
}

TEST_F(DecodeStream, CutRepetitionIsSkipped)
{
    EXPECT_TRUE(event(R"({"event":"agent_message","answer":"long"})"));
    EXPECT_TRUE(event(R"({"event":"message","answer":"lon)", true));
    EXPECT_EQ(seen.kinds, Kinds{Kind::text});
}

TEST_F(DecodeStream, CutEndsStillEnd)
{
    EXPECT_FALSE(event(R"({"event":"message_end","metadata":{)", true));
    EXPECT_EQ(seen.kinds, Kinds{Kind::end});

    Seen                good;
    dify::StreamDecoder done(AppMode::chatflow, limits, good);
    done.on_sse_event({"", R"({"event":"message","answer":"x"})", false});
    done.on_sse_event({"", R"({"event":"workflow_finished","data":{"id":"a",)"
                           R"("status":"succeeded","outputs":{"answer":"x)",
                       true});
    EXPECT_EQ(good.kinds, (Kinds{Kind::text, Kind::end}));

    Seen                bad;
    dify::StreamDecoder failed(AppMode::chatflow, limits, bad);
    failed.on_sse_event({"", R"({"event":"workflow_finished","data":{)"
                             R"("status":"failed","outputs":{"answer":"x)",
                         true});
    EXPECT_EQ(bad.kinds, Kinds{Kind::error});
    EXPECT_EQ(bad.failure.errc, Errc::run_failed);
}

// The text that was not streamed stands in what is lost.
TEST_F(DecodeStream, CutOutputsAreAnError)
{
    for (const AppMode mode : {AppMode::workflow, AppMode::chatflow}) {
        Seen                one;
        dify::StreamDecoder fresh(mode, limits, one);
        EXPECT_FALSE(fresh.on_sse_event(
            {"", R"({"event":"workflow_finished","data":{"id":"a",)"
                 R"("status":"succeeded","outputs":{"answer":"x)",
             true}));
        EXPECT_EQ(one.kinds, Kinds{Kind::error});
        EXPECT_EQ(one.failure.errc, Errc::event_too_large);
    }
}

TEST_F(DecodeStream, CutPauseHasItsFormFromBefore)
{
    EXPECT_TRUE(event(R"({"event":"human_input_required","data":{}})"));
    EXPECT_FALSE(event(R"({"event":"workflow_paused","data":{)", true));
    EXPECT_EQ(seen.kinds, (Kinds{Kind::form, Kind::end}));

    Seen                bare;
    dify::StreamDecoder fresh(AppMode::chatflow, limits, bare);
    fresh.on_sse_event({"", R"({"event":"workflow_paused",)", true});
    EXPECT_EQ(bare.kinds, Kinds{Kind::error});
}

TEST_F(DecodeStream, StepsOnlyWhenAsked)
{
    const std::string data =
        R"({"event":"node_started","data":{"id":"a","node_type":"tool",)"
        R"("title":"T"}})";
    EXPECT_TRUE(event(data));
    EXPECT_TRUE(seen.kinds.empty());

    Seen                told;
    dify::StreamDecoder teller(AppMode::chatflow, limits, told, true);
    teller.on_sse_event({"", data, false});
    EXPECT_EQ(told.kinds, Kinds{Kind::step});
}

TEST_F(DecodeStream, LostNodeIsInTheTotal)
{
    EXPECT_TRUE(event(R"({"event":"node_finished","data":{"node_type":"llm",)"
                      R"("outputs":{"usage":{"prompt_tokens":10,)"
                      R"("completion_tokens":2,"total_tokens":12}}}})"));
    EXPECT_TRUE(event(R"({"event":"node_finished","data":{)", true));
    EXPECT_FALSE(event(R"({"event":"workflow_finished","data":{"status":)"
                       R"("succeeded","total_tokens":20}})"));
    EXPECT_EQ(seen.usage.prompt_tokens, 18);
    EXPECT_EQ(seen.usage.completion_tokens, 2);
    EXPECT_EQ(seen.usage.total_tokens, 20);
}

TEST_F(DecodeStream, UnbelievableUsageIsNone)
{
    EXPECT_FALSE(event(R"({"event":"message_end","metadata":{"usage":{)"
                       R"("prompt_tokens":9223372036854775807,)"
                       R"("completion_tokens":1}}})"));
    EXPECT_EQ(seen.kinds, Kinds{Kind::end});
}

TEST_F(DecodeStream, DeepEventIsSkipped)
{
    EXPECT_TRUE(event("{\"event\":\"x\",\"a\":" + std::string(100, '[')
                      + std::string(100, ']') + "}"));
    EXPECT_EQ(decoder.skipped(), 1u);
}

}  // namespace
}  // namespace opendify
