// UTF-8 as RFC 3629 has it: no overlong forms, no surrogates, nothing above
// U+10FFFF.

#ifndef OPENDIFY_WIRE_UTF8_HPP
#define OPENDIFY_WIRE_UTF8_HPP

#include <cstddef>
#include <string_view>

namespace opendify::wire {

struct Utf8Unit {
    bool        valid;
    std::size_t size;  // of the character, or of its broken beginning
};

// The character at `at`, which lies inside of `bytes`. A broken one has the
// size of its longest part that could have begun a character, at least 1
// (Unicode 15 §3.9, "maximal subpart").
Utf8Unit utf8_unit(std::string_view bytes, std::size_t at);

bool is_utf8(std::string_view bytes);

}  // namespace opendify::wire

#endif
