// What an app does on the way to its answer, one readable line each: tool
// calls, log entries of Agent nodes, nodes, rounds of iterations and loops
// (spec dify-api §6.2, §6.4).
//
// Never shown: the inputs, prompts and process data of nodes, and texts that
// are part of the answer. Events that repeat what was told are silent.

#ifndef OPENDIFY_DIFY_STEPS_HPP
#define OPENDIFY_DIFY_STEPS_HPP

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_set>

#include "opendify/turn.hpp"
#include "wire/json_reader.hpp"

namespace opendify::dify {

class Steps {
public:
    // The sink outlives the steps.
    Steps(std::size_t max_json_depth, TurnSink &sink);

    // An agent_thought event; the `data` of any other event.
    void thought(wire::JsonValue event);
    void agent_log(wire::JsonValue data);

    void node_started(wire::JsonValue data);
    void node_finished(wire::JsonValue data);
    void node_retry(wire::JsonValue data);

    // iteration_* and loop_*.
    void rounds_started(wire::JsonValue data);
    void round_begins(wire::JsonValue data);
    void rounds_finished(wire::JsonValue data);

    void form_filled(wire::JsonValue data);

private:
    void observation(std::string_view id, std::string_view tool,
                     const std::string &part);

    bool first_time(std::string_view what, std::string_view id,
                    std::string_view more);
    void tell(const std::string &line);

    std::size_t        max_json_depth_;
    TurnSink          &sink_;

    std::unordered_set<std::size_t>     told_;
    std::map<std::string, std::int64_t> rounds_;  // how many, by node
};

}  // namespace opendify::dify

#endif
