// Token counts in Dify's events (spec dify-api §6.4, §6.5).

#ifndef OPENDIFY_DIFY_NODE_USAGE_HPP
#define OPENDIFY_DIFY_NODE_USAGE_HPP

#include <cstdint>

#include "opendify/turn.hpp"
#include "wire/json_reader.hpp"

namespace opendify::dify {

// A number of tokens that can be believed and summed up.
bool is_count(std::int64_t tokens);

// A number of tokens, or a text that is one; -1 if it is none or cannot be
// believed.
std::int64_t token_count(wire::JsonValue value);

// A `usage` object, which may lack all but one of its numbers. False, and
// `out` untouched, if it is none.
bool read_usage(wire::JsonValue value, Usage &out);

// `data` of a node_finished: what the node used. A node that tells only a
// total has it all as prompt tokens. False if it tells nothing.
bool node_usage(wire::JsonValue data, Usage &out);

}  // namespace opendify::dify

#endif
