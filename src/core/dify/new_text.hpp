// A New Agent says its answer piece by piece and then once more as a whole.

#ifndef OPENDIFY_DIFY_NEW_TEXT_HPP
#define OPENDIFY_DIFY_NEW_TEXT_HPP

#include <string_view>

namespace opendify::dify {

// The part of `whole` that `said` does not have yet: nothing if `said` ends
// with it or begins with it, its rest if it begins with `said`, all of it if
// they differ. Blanks do not count (they differ between the steps of a run),
// and `whole` may lack the texts of earlier steps. A view into `whole`.
std::string_view new_text(std::string_view whole, std::string_view said);

}  // namespace opendify::dify

#endif
