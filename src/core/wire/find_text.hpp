// std::string_view::find() takes the product of both sizes where the text
// almost is what is looked for, again and again.

#ifndef OPENDIFY_WIRE_FIND_TEXT_HPP
#define OPENDIFY_WIRE_FIND_TEXT_HPP

#include <cstddef>
#include <cstring>
#include <string_view>

namespace opendify::wire {

// Where `what` stands in `text`, not before `at`; npos. For texts of both
// sides that strangers write.
inline std::size_t find_text(std::string_view text, std::string_view what,
                             std::size_t at = 0)
{
    if (at > text.size()) {
        return std::string_view::npos;
    }

    const void *found = memmem(text.data() + at, text.size() - at,
                               what.data(), what.size());

    return found == nullptr
               ? std::string_view::npos
               : static_cast<std::size_t>(static_cast<const char *>(found)
                                          - text.data());
}

}  // namespace opendify::wire

#endif
