// A form for a person, in all the shapes Dify gives it (spec dify-api §6.6,
// §10): `data` of human_input_required, an entry of a pause's `reasons`, the
// answer to GET /form/human_input.

#ifndef OPENDIFY_DIFY_HUMAN_FORM_HPP
#define OPENDIFY_DIFY_HUMAN_FORM_HPP

#include "opendify/turn.hpp"
#include "wire/json_reader.hpp"

namespace opendify::dify {

// What is not there stays empty, as the run_id always does.
HumanForm read_form(wire::JsonValue value);

}  // namespace opendify::dify

#endif
