// Percent-encoding (RFC 3986 §2.1).

#ifndef OPENDIFY_WIRE_PERCENT_HPP
#define OPENDIFY_WIRE_PERCENT_HPP

#include <string>
#include <string_view>

namespace opendify::wire {

// A percent sign that begins no escape stands for itself.
std::string percent_decoded(std::string_view raw);

}  // namespace opendify::wire

#endif
