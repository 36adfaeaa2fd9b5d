// The neutral middle: what a client asks (Turn) and what a backend answers
// (TurnEvent). No dialect appears here.

#ifndef OPENDIFY_TURN_HPP
#define OPENDIFY_TURN_HPP

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "opendify/result.hpp"

namespace opendify {

enum class Role { system, user, assistant, tool };

struct Message {
    Role        role;
    std::string text;  // text parts joined with "\n"; blanks kept
};

// One named value of a request: an input of the app. `json` is the value's
// JSON text, already valid.
struct Input {
    std::string name;
    std::string json;
};

// An input whose value is a text; bytes that are not UTF-8 become U+FFFD.
Input text_input(std::string_view name, std::string_view text);

struct Turn {
    std::string          model;
    std::vector<Message> messages;  // as sent, never empty after decoding
    bool                 stream = false;
    bool                 include_usage = false;

    // Claims of the body, empty when absent.
    std::string user;             // user, safety_identifier, metadata.user_id
    std::string chat_id;          // metadata.chat_id, prompt_cache_key
    std::string conversation_id;  // conversation_id,
                                  // metadata.conversation_id
    std::vector<Input> inputs;    // members of the body's `inputs`
};

struct Usage {
    std::int64_t prompt_tokens = 0;
    std::int64_t completion_tokens = 0;
    std::int64_t total_tokens = 0;
};

enum class FinishReason { stop, length, content_filter };

// What one event of a backend means. Views live until the sink returns.
struct TurnEvent {
    enum class Kind {
        text,       // text: the next piece of the answer
        reasoning,  // text: the next piece of the thoughts
        replace,    // text: takes the place of all text so far
        usage,      // usage
        error,      // failure; the run is over
        end,        // finish; the answer is complete
    };

    Kind             kind;
    std::string_view text;
    const Usage     *usage = nullptr;
    const Failure   *failure = nullptr;
    FinishReason     finish = FinishReason::stop;
};

class TurnSink {
public:
    virtual ~TurnSink() = default;
    virtual void on_event(const TurnEvent &event) = 0;
};

}  // namespace opendify

#endif
