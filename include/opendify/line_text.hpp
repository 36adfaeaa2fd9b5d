// Text of others on its way into a line of a protocol or of a log: a header,
// an address, a variable of nginx's. What may end or hide a line there is
// percent-encoded; all else is as it was.

#ifndef OPENDIFY_LINE_TEXT_HPP
#define OPENDIFY_LINE_TEXT_HPP

#include <cstddef>
#include <string>
#include <string_view>

namespace opendify {

struct LinePiece {
    std::size_t size;  // bytes of a character, or of what is not UTF-8
    bool        fits;
};

// The piece at `at`, which lies inside of `text`. What has no place in a line:
// control characters (C0 with the tab, DEL, C1), the line and the paragraph
// separator of Unicode, and what is not UTF-8.
LinePiece line_piece(std::string_view text, std::size_t at);

// `text` with those bytes as %XX, and a '%' before two hex digits as %25: so
// no two texts become the same, and decoding gives back what was there.
std::string line_text(std::string_view text);

// Whether that is `text` itself.
bool is_line_text(std::string_view text);

}  // namespace opendify

#endif
