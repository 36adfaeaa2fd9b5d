// A run that waits for a person -> HumanForm (spec dify-api §6.6).

#ifndef OPENDIFY_DIFY_HUMAN_FORM_HPP
#define OPENDIFY_DIFY_HUMAN_FORM_HPP

#include "opendify/turn.hpp"
#include "wire/json_reader.hpp"

namespace opendify::dify {

// `data` of a human_input_required, or one of the reasons of a
// workflow_paused. Placeholders of fields in the content become "[name]".
HumanForm human_form(wire::JsonValue data, wire::JsonValue run_id);

// The first form among the reasons of a workflow_paused; missing if none.
wire::JsonValue form_in_reasons(wire::JsonValue reasons);

}  // namespace opendify::dify

#endif
