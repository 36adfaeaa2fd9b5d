// One escape of a JSON string -> its UTF-8.

#ifndef OPENDIFY_WIRE_JSON_ESCAPE_HPP
#define OPENDIFY_WIRE_JSON_ESCAPE_HPP

#include <cstddef>
#include <string_view>

namespace opendify::wire {

struct JsonEscape {
    std::size_t size = 0;  // of the escape; 0: it is none
    std::size_t bytes = 0;
    char        text[4] = {};

    std::string_view view() const { return {text, bytes}; }
};

// The escape that `bytes` begin with; a surrogate pair is one escape. A
// surrogate without its other half becomes U+FFFD.
JsonEscape read_escape(std::string_view bytes);

}  // namespace opendify::wire

#endif
