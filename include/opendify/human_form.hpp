// A run that waits for a person, as text of an answer, and the way back from
// the history that a client sends.

#ifndef OPENDIFY_HUMAN_FORM_HPP
#define OPENDIFY_HUMAN_FORM_HPP

#include <string>

#include "opendify/turn.hpp"

namespace opendify {

// With token and run id (both of letters, digits, "-", "_", at most 256 of
// them) the text begins with a block of ours, "form TOKEN RUN_ID)\n"; without
// it says that the form was delivered elsewhere.
std::string form_text(const HumanForm &form);

// The form in the last assistant message of the history: `token` and `run_id`
// of `out` are set, the rest is empty. False if there is none.
bool find_form(const Turn &turn, HumanForm &out);

}  // namespace opendify

#endif
