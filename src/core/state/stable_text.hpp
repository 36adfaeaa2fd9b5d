// Of instructions what stays the same from turn to turn.

#ifndef OPENDIFY_STATE_STABLE_TEXT_HPP
#define OPENDIFY_STATE_STABLE_TEXT_HPP

#include <string>
#include <string_view>

namespace opendify::state {

// Without what clients fill in anew on each request: numbers (of any length,
// with what parts them: 10:05, 2026-11-21, 1st), names of days, months and
// time zones, and before or after noon. Names that are people's too count
// unless they stand in a date: "May", but not "May 5". Blanks in a row are
// one, and none at the ends. In one pass.
std::string stable_text(std::string_view text);

// Without the blocks that a client we know makes anew for each question:
// sources retrieved for it, memories that fit it, the summary of what it no
// longer sends.
std::string without_renewed(std::string_view text);

}  // namespace opendify::state

#endif
