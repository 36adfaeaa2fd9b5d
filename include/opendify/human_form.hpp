// A run that waits for a person, as text of an answer, and the way back from
// the history that a client sends.

#ifndef OPENDIFY_HUMAN_FORM_HPP
#define OPENDIFY_HUMAN_FORM_HPP

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "opendify/turn.hpp"

namespace opendify {

// A secret of an app's, made of its key alone: the same on every node and
// after every restart.
using FormKey = std::array<std::uint8_t, 32>;
FormKey form_key(std::string_view app_key);

// Who may answer a form. A run's record is nobody's to Dify, whoever knows its
// id gets it: so token and run id leave with a signature (HMAC-SHA256) over
// them, client and user, and what comes back without it names nothing. Borrows.
struct FormSeal {
    const FormKey   *key = nullptr;  // null: no form can be answered here
    std::string_view client, user;
};

// With token and run id (both of letters, digits, "-", "_", at most 256 of
// them) the text begins with a block of ours, "form TOKEN RUN_ID SIGNATURE)\n";
// without it says that the form was delivered elsewhere.
std::string form_text(const HumanForm &form, const FormSeal &seal);

// The form in the last assistant message of the history, if it went to the
// same client and user: `token` and `run_id` of `out` are set, the rest is
// empty. False if there is none.
bool find_form(const Turn &turn, const FormSeal &seal, HumanForm &out);

}  // namespace opendify

#endif
