// Text from a run, made short enough to be shown beside an answer.

#ifndef OPENDIFY_DIFY_SHORT_TEXT_HPP
#define OPENDIFY_DIFY_SHORT_TEXT_HPP

#include <cstddef>
#include <string>
#include <string_view>

namespace opendify::dify {

// The longest beginning of at most so many bytes that ends with a whole
// character. `utf8` is valid.
std::string_view first_bytes(std::string_view utf8, std::size_t max_bytes);

// On one line: blanks and control characters become single spaces, none at
// the ends. Longer than `max_chars` characters, it is cut and ends with "…".
std::string one_line(std::string_view utf8, std::size_t max_chars);

// An http(s) address, or a path from the backend's root, of a length that
// fits into an answer and with no character that would end it there.
bool is_web_address(std::string_view url);
bool is_address(std::string_view url);

// Ids go into URLs and headers, so they are nothing but letters, digits, '-'
// and '_'.
bool is_id(std::string_view text);

}  // namespace opendify::dify

#endif
