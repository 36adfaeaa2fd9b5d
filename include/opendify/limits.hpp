// Bounds on everything that comes from a network. Bytes unless named
// otherwise.

#ifndef OPENDIFY_LIMITS_HPP
#define OPENDIFY_LIMITS_HPP

#include <cstddef>

namespace opendify {

struct Limits {
    std::size_t max_event_bytes = 1 << 20;    // one SSE event
    std::size_t max_json_depth = 64;          // levels
    std::size_t max_json_values = 500000;     // values of one request
    std::size_t max_text_bytes = 4 << 20;     // texts of its messages
    std::size_t max_messages = 10000;         // messages of one request
    std::size_t max_answer_bytes = 64 << 20;  // a folded answer
    std::size_t max_reply_bytes = 1 << 20;    // an error body, /info, a probe
    std::size_t max_files = 1000;             // files of one request
    std::size_t max_file_bytes = 100 << 20;   // one of them, decoded
    std::size_t max_inputs = 1000;            // inputs of one request
};

}  // namespace opendify

#endif
