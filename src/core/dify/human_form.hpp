// A form for a person, in all the shapes Dify gives it (spec dify-api §6.6,
// §10).

#ifndef OPENDIFY_DIFY_HUMAN_FORM_HPP
#define OPENDIFY_DIFY_HUMAN_FORM_HPP

#include "opendify/turn.hpp"
#include "wire/json_reader.hpp"

namespace opendify::dify {

// `data` of a human_input_required, one of the reasons of a workflow_paused,
// or the answer to GET /form/human_input. Placeholders of fields in the content become "[name]".
HumanForm human_form(wire::JsonValue data, wire::JsonValue run_id);

// The first form among the reasons of a workflow_paused; missing if none.
wire::JsonValue form_in_reasons(wire::JsonValue reasons);

}  // namespace opendify::dify

#endif
