// A text that is only shown, no longer than it may be.

#ifndef OPENDIFY_OPENAI_CUT_TEXT_HPP
#define OPENDIFY_OPENAI_CUT_TEXT_HPP

#include <cstddef>
#include <string_view>

namespace opendify::openai {

// The beginning of `text`, at most max_bytes, not cut inside of a character.
inline std::string_view cut_text(std::string_view text, std::size_t max_bytes)
{
    if (text.size() <= max_bytes) {
        return text;
    }

    while (max_bytes > 0
           && (static_cast<unsigned char>(text[max_bytes]) & 0xc0) == 0x80)
    {
        max_bytes--;
    }

    return text.substr(0, max_bytes);
}

}  // namespace opendify::openai

#endif
