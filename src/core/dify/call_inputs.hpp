// The inputs that a call sends.

#ifndef OPENDIFY_DIFY_CALL_INPUTS_HPP
#define OPENDIFY_DIFY_CALL_INPUTS_HPP

#include <vector>

#include "opendify/backend.hpp"
#include "opendify/turn.hpp"

namespace opendify::dify {

// Each name once. The texts of the turn (query_input, system_input) win over
// the call's own inputs, these over the turn's, and the last of one name over
// those before it.
std::vector<Input> call_inputs(const ChatCall &call);

}  // namespace opendify::dify

#endif
