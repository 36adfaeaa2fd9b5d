#include "opendify/turn_end.hpp"

#include <gtest/gtest.h>

#include <string>

#include "unit/flow/pipeline_play.hpp"

namespace opendify {
namespace {

using namespace pipeline_test;

struct Cell {
    AppMode  mode;
    TurnEnd  end;
    NextTurn next;
};

constexpr NextTurn kOn = NextTurn::goes_on;
constexpr NextTurn kBack = NextTurn::goes_back;
constexpr NextTurn kReplay = NextTurn::replays;

// What a real Dify has stored, cell by cell.
constexpr Cell kCells[] = {
    { AppMode::chat, TurnEnd::complete, kOn },
    { AppMode::chat, TurnEnd::other_text, kReplay },
    { AppMode::chat, TurnEnd::stopped, kOn },  // the text that went out
    { AppMode::chat, TurnEnd::stopped_unread, kReplay },  // ""
    { AppMode::chat, TurnEnd::stopped_unseen, kReplay },
    { AppMode::chat, TurnEnd::failed, kBack },
    { AppMode::chat, TurnEnd::failed_after_text, kReplay },  // ""
    { AppMode::chat, TurnEnd::lost, kReplay },
    { AppMode::chat, TurnEnd::lost_after_text, kReplay },
    { AppMode::agent_chat, TurnEnd::complete, kOn },
    { AppMode::agent_chat, TurnEnd::other_text, kReplay },
    { AppMode::agent_chat, TurnEnd::stopped, kReplay },  // ""
    { AppMode::agent_chat, TurnEnd::stopped_unread, kReplay },
    { AppMode::agent_chat, TurnEnd::stopped_unseen, kReplay },
    { AppMode::agent_chat, TurnEnd::failed, kBack },
    { AppMode::agent_chat, TurnEnd::failed_after_text, kReplay },  // ""
    { AppMode::agent_chat, TurnEnd::lost, kReplay },
    { AppMode::agent_chat, TurnEnd::lost_after_text, kReplay },
    { AppMode::chatflow, TurnEnd::complete, kOn },
    { AppMode::chatflow, TurnEnd::other_text, kReplay },
    { AppMode::chatflow, TurnEnd::stopped, kOn },  // the text that went out
    { AppMode::chatflow, TurnEnd::stopped_unread, kReplay },
    { AppMode::chatflow, TurnEnd::stopped_unseen, kReplay },
    { AppMode::chatflow, TurnEnd::failed, kBack },
    { AppMode::chatflow, TurnEnd::failed_after_text, kReplay },  // no answer
    { AppMode::chatflow, TurnEnd::lost, kReplay },
    { AppMode::chatflow, TurnEnd::lost_after_text, kReplay },
    { AppMode::agent, TurnEnd::complete, kOn },
    { AppMode::agent, TurnEnd::other_text, kReplay },
    { AppMode::agent, TurnEnd::stopped, kReplay },  // "", question forgotten
    { AppMode::agent, TurnEnd::stopped_unread, kReplay },
    { AppMode::agent, TurnEnd::stopped_unseen, kReplay },
    { AppMode::agent, TurnEnd::failed, kBack },
    { AppMode::agent, TurnEnd::failed_after_text, kReplay },  // nothing
    { AppMode::agent, TurnEnd::lost, kReplay },
    { AppMode::agent, TurnEnd::lost_after_text, kReplay },
    // They have no conversations.
    { AppMode::completion, TurnEnd::complete, kReplay },
    { AppMode::workflow, TurnEnd::stopped, kReplay },
    { AppMode::unknown, TurnEnd::failed, kReplay },
};

TEST(NextTurn, GoesOnOnlyWhereTheBackendHasStoredWhatIsShown)
{
    for (const Cell &cell : kCells) {
        EXPECT_EQ(next_turn(cell.mode, cell.end), cell.next)
            << app_mode_name(cell.mode) << ", "
            << static_cast<int>(cell.end);
    }
}

// How a stream goes on after its client has left.
struct Rest {
    const char *what;
    AppMode     mode;
    std::string bytes;
    bool        over;      // when its bytes were read
    bool        complete;  // when the body is over
};

std::string run_finished(const std::string &data)
{
    return event("workflow_finished",
                 ",\"data\":{\"id\":\"r\",\"status\":" + data + "}");
}

const Rest kRests[] = {
    { "an end", AppMode::chat, said("more") + kEnd, true, true },
    { "an error", AppMode::chat, said("more") + kError, true, false },
    { "nothing", AppMode::chat, said("more"), false, false },
    { "a stopped run", AppMode::chatflow, run_finished("\"stopped\""), true,
      true },
    { "a failed run", AppMode::chatflow,
      run_finished("\"failed\",\"error\":\"x\""), true, false },
    { "an end without its empty line", AppMode::chat,
      kEnd.substr(0, kEnd.size() - 2), false, true },
    { "replaced at last", AppMode::agent_chat,
      replaced("no") + kEnd, true, true },
};

TEST(TurnTail, SeesTheEndWhereverTheClientLeft)
{
    for (const Rest &rest : kRests) {
        const std::string head = kPing + said("one") + said("two");
        const std::string bytes = head + rest.bytes;

        for (std::size_t at = kPing.size(); at < bytes.size(); at++) {
            Play play(Form::streamed);
            play.pipeline.restart(rest.mode);
            play.pipeline.feed(std::string_view(bytes).substr(0, at));

            if (play.pipeline.over() || play.pipeline.closing()) {
                continue;
            }

            const auto tail = play.pipeline.leave(rest.mode);

            for (const char c : bytes.substr(at)) {
                tail->feed({ &c, 1 });
            }

            EXPECT_EQ(tail->over(), rest.over) << rest.what << ", " << at;
            tail->finish();
            EXPECT_EQ(tail->complete(), rest.complete)
                << rest.what << ", " << at;
        }
    }
}

TEST(Pipeline, KnowsWhenTheClientHasAnotherText)
{
    for (const Form form : { Form::streamed, Form::folded }) {
        for (const bool early : { true, false }) {
            Play play(form);

            if (!early) {
                play.pipeline.feed(said("bad"));
                play.pipeline.commit();
            }

            play.pipeline.feed(replaced("no") + kEnd);
            EXPECT_TRUE(play.pipeline.ended());
            EXPECT_EQ(play.pipeline.is_other_text(),
                      form == Form::streamed && !early);
        }
    }
}

}  // namespace
}  // namespace opendify
