#include "opendify/turn_end.hpp"

namespace opendify {

namespace {

constexpr NextTurn on = NextTurn::goes_on;
constexpr NextTurn back = NextTurn::goes_back;
constexpr NextTurn replay = NextTurn::replays;

// By kind of app: chat, agent-chat, chatflow, New Agent. Seen on Dify 1.13 and
// 1.16: agent apps store an empty answer for a turn that was stopped (before
// 1.16 only if it was not read to its end), New Agent not even the question;
// after an error in mid-answer all store an empty one, or nothing.
struct Row {
    TurnEnd  end;
    NextTurn next[4];
};

constexpr Row kRows[] = {
    { TurnEnd::complete, { on, on, on, on } },
    { TurnEnd::other_text, { replay, replay, replay, replay } },
    { TurnEnd::stopped, { on, replay, on, replay } },
    { TurnEnd::stopped_unread, { replay, replay, replay, replay } },
    { TurnEnd::stopped_unseen, { replay, replay, replay, replay } },
    { TurnEnd::failed, { back, back, back, back } },
    { TurnEnd::failed_after_text, { replay, replay, replay, replay } },
    { TurnEnd::lost, { replay, replay, replay, replay } },
    { TurnEnd::lost_after_text, { replay, replay, replay, replay } },
};

constexpr bool is_in_order()
{
    std::size_t at = 0;

    for (const Row &row : kRows) {
        if (row.end != static_cast<TurnEnd>(at++)) {
            return false;
        }
    }

    return true;
}

static_assert(is_in_order());

}  // namespace

NextTurn next_turn(AppMode mode, TurnEnd end)
{
    const auto &next = kRows[static_cast<std::size_t>(end)].next;

    switch (mode) {
    case AppMode::chat:
        return next[0];
    case AppMode::agent_chat:
        return next[1];
    case AppMode::chatflow:
        return next[2];
    case AppMode::agent:
        return next[3];
    case AppMode::unknown:
    case AppMode::completion:
    case AppMode::workflow:
        break;
    }

    return replay;  // none has a conversation to go on with
}

}  // namespace opendify
