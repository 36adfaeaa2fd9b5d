// Percent-encoding for a path segment or an argument: all but RFC 3986's
// unreserved characters.

#ifndef OPENDIFY_DIFY_PERCENT_HPP
#define OPENDIFY_DIFY_PERCENT_HPP

#include <string>
#include <string_view>

namespace opendify::dify {

std::string percent_encoded(std::string_view text);

}  // namespace opendify::dify

#endif
