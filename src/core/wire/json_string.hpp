// The inside of a JSON string's token -> its text, without a document. For
// the frequent events of a stream.

#ifndef OPENDIFY_WIRE_JSON_STRING_HPP
#define OPENDIFY_WIRE_JSON_STRING_HPP

#include <cstddef>
#include <string>
#include <string_view>

namespace opendify::wire {

// `bytes` begin behind the opening quote. Where the closing quote stands;
// `text` is what JsonDocument would make of what stands before it: a view of
// `bytes` where nothing is escaped, else of `unescaped`. npos: it is no token.
std::size_t read_token(std::string_view bytes, std::string &unescaped,
                       std::string_view &text);

}  // namespace opendify::wire

#endif
