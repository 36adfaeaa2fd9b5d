// Bytes that travel as text.

#ifndef OPENDIFY_OPENAI_DATA_URL_HPP
#define OPENDIFY_OPENAI_DATA_URL_HPP

#include <string>
#include <string_view>

namespace opendify::openai {

// Whether `url` begins with `scheme`, "data:" or "http://", in any case.
bool has_scheme(std::string_view url, std::string_view scheme);

// RFC 4648 §4, padded, nothing else in it; false if it is anything else.
bool decode_base64(std::string_view text, std::string &bytes);

// data:[mime][;parameter]*[;base64],data (RFC 2397), percent-encoded or not.
// `mime` is in lower case and without parameters, "" if there is none or if it
// is more than letters, digits and what RFC 6838 §4.2 adds to them.
bool decode_data_url(std::string_view url, std::string &mime,
                     std::string &bytes);

}  // namespace opendify::openai

#endif
