// Where a text may be cut so that no character that a reader sees falls apart
// (Unicode's extended grapheme clusters, UAX #29), without its tables: only
// between two characters that are known never to join.

#ifndef OPENDIFY_FLOW_GRAPHEME_BORDER_HPP
#define OPENDIFY_FLOW_GRAPHEME_BORDER_HPP

#include <cstddef>
#include <string_view>

namespace opendify {

// The first place that is certainly a border, `from` at the earliest, but not
// the beginning; the end of the text if there is none before. Bytes that are
// no UTF-8 join with everything.
std::size_t grapheme_border(std::string_view text, std::size_t from);

}  // namespace opendify

#endif
