// The inside of a JSON string's token -> its text, without a document. For
// the frequent events of a stream.

#ifndef OPENDIFY_WIRE_JSON_STRING_HPP
#define OPENDIFY_WIRE_JSON_STRING_HPP

#include <cstddef>
#include <string>
#include <string_view>

#include "wire/text_class.hpp"

namespace opendify::wire {

struct JsonToken {
    std::size_t      size = std::string_view::npos;  // where the closing quote
                                                     // stands; npos: it is none
    std::string_view text;
    bool             plain = false;  // the text needs no escapes, and nothing
                                     // in it is markup
};

// `bytes` begin behind the opening quote. The text is what JsonDocument would
// make of it: a view of `bytes` where nothing is escaped, else of `unescaped`.
// Half of a surrogate pair makes it none: the other may be in the next text.
inline JsonToken read_token(std::string_view bytes, std::string &unescaped);

// The same of any token; read_token() is quicker with plain ASCII.
JsonToken read_any_token(std::string_view bytes, std::string &unescaped);

inline JsonToken read_token(std::string_view bytes, std::string &unescaped)
{
    std::size_t at = 0;

    while (at < bytes.size() && text_class(bytes[at]) == kPlain) {
        at++;
    }

    return at < bytes.size() && text_class(bytes[at]) == kQuote
               ? JsonToken{at, {bytes.data(), at}, true}
               : read_any_token(bytes, unescaped);
}

}  // namespace opendify::wire

#endif
