// The inside of a JSON string's token -> its text, without a document. For
// the frequent events of a stream.

#ifndef OPENDIFY_WIRE_JSON_STRING_HPP
#define OPENDIFY_WIRE_JSON_STRING_HPP

#include <cstddef>
#include <string>
#include <string_view>

namespace opendify::wire {

struct JsonToken {
    std::size_t      size = std::string_view::npos;  // where the closing quote
                                                     // stands; npos: it is none
    std::string_view text;
    bool             verbatim = false;  // the text needs no escapes
};

// `bytes` begin behind the opening quote. The text is what JsonDocument would
// make of it: a view of `bytes` where nothing is escaped, else of `unescaped`.
JsonToken read_token(std::string_view bytes, std::string &unescaped);

}  // namespace opendify::wire

#endif
