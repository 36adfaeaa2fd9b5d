// Percent-encoding (RFC 3986 §2.1).

#ifndef OPENDIFY_WIRE_PERCENT_HPP
#define OPENDIFY_WIRE_PERCENT_HPP

#include <string>
#include <string_view>

namespace opendify::wire {

// It begins with '%' and two hex digits.
bool is_percent_escape(std::string_view raw);

// A percent sign that begins no escape stands for itself.
std::string percent_decoded(std::string_view raw);

// Each byte as %XX.
void append_percent_escapes(std::string &out, std::string_view bytes);

// All but the unreserved characters (RFC 3986 §2.3), for a path segment or an
// argument. "." and "..", which are no segments like others, are escaped too.
std::string percent_encoded(std::string_view text);

}  // namespace opendify::wire

#endif
