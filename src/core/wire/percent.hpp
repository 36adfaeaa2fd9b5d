// Percent-encoding (RFC 3986 §2.1).

#ifndef OPENDIFY_WIRE_PERCENT_HPP
#define OPENDIFY_WIRE_PERCENT_HPP

#include <string>
#include <string_view>

namespace opendify::wire {

// A percent sign that begins no escape stands for itself.
std::string percent_decoded(std::string_view raw);

// All but the unreserved characters (RFC 3986 §2.3), for a path segment or an
// argument.
std::string percent_encoded(std::string_view text);

}  // namespace opendify::wire

#endif
