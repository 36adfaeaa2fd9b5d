// What the events of a Dify stream are, by name (spec dify-api §4.2, §4.3).

#ifndef OPENDIFY_DIFY_STREAM_EVENT_HPP
#define OPENDIFY_DIFY_STREAM_EVENT_HPP

#include <string_view>

namespace opendify::dify {

enum class Meaning {
    unknown,
    passed,  // known, of no interest to an answer
    ping,
    text,           // answer
    chunk,          // data.text
    file,           // passed, or a text under a wrong name
    replace,        // answer
    replace_chunk,  // data.text
    reasoning,      // data.reasoning
    thought,        // a step of an agent app
    agent_log,      // a step of an Agent node
    node_started,
    node_finished,
    node_retry,
    rounds_started,  // of an iteration or a loop
    round_begins,
    rounds_finished,
    message_end,
    run_started,
    run_finished,
    run_paused,
    form,
    form_filled,
    form_timeout,
    error,
};

Meaning meaning_of(std::string_view name);

// For an event that has lost its end. Dify writes the envelope first, so only
// the head of the text is looked at: is there a member of that name, and the
// string it holds (escapes as they stand, "" if there is none). The first
// such name counts, on whatever level.
bool head_has(std::string_view head, std::string_view name);
std::string_view head_string(std::string_view head, std::string_view name);

}  // namespace opendify::dify

#endif
