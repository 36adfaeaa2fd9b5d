// When a turn has ended: may its conversation go on?
//
// It does only where the backend has stored what the client shows. Where the
// backend has something else (an empty answer, a turn that nobody shows),
// nobody is led there again and the next turn replays its history.

#ifndef OPENDIFY_TURN_END_HPP
#define OPENDIFY_TURN_END_HPP

#include <memory>
#include <string_view>

#include "opendify/backend.hpp"

namespace opendify {

// How a turn has ended.
enum class TurnEnd {
    complete,          // the client has all of it; also: it waits for a person
    other_text,        // complete or stopped, but the client shows another
                       // text: what moderation has replaced, too late, or
                       // what was cut at a stop sequence
    stopped,           // the client left, or wanted no more; the backend was
                       // told, and read to its end
    stopped_unread,    // the same, but its end was not seen
    stopped_unseen,    // the client left before it saw any text
    failed,            // the backend said so before any text
    failed_after_text,
    lost,              // nobody knows how it ended; no text was shown
    lost_after_text,
};

enum class NextTurn {
    goes_on,    // with the conversation as it is now
    goes_back,  // with the conversation as it was before the turn
    replays,    // in a new conversation
};

NextTurn next_turn(AppMode mode, TurnEnd end);

// What still comes of a turn whose client has left. Only its end counts.
class TurnTail {
public:
    virtual ~TurnTail() = default;

    virtual void feed(std::string_view bytes) = 0;
    // The body is over.
    virtual void finish() = 0;

    // The end was seen, and it is no failure.
    virtual bool complete() const = 0;
    // The end was seen.
    virtual bool over() const = 0;
};

}  // namespace opendify

#endif
