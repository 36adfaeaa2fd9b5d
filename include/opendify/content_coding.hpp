// What a body was coded with (RFC 9110, section 8.4).

#ifndef OPENDIFY_CONTENT_CODING_HPP
#define OPENDIFY_CONTENT_CODING_HPP

#include <string_view>

namespace opendify {

// The value of Content-Encoding, "" without one: whether it names nothing but
// "identity", so that the body is what was meant.
bool is_identity(std::string_view codings);

}  // namespace opendify

#endif
