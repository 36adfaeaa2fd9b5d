// Escapes in a JSON string -> their UTF-8.

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

// Goes from `at`, within a string, to its closing quote, or to `limit` if that
// is before `end`, and unescapes what is between to `out`, which may be where
// it stands. Both move on. False: it is no string's rest. Behind `end` stands
// what json_scan.hpp wants there.
[[nodiscard]] bool unescape(char *&at, char *&out, const char *end,
                            const char *limit);

}  // namespace opendify::wire

#endif
