// Letters of ASCII, whatever the locale says.

#ifndef OPENDIFY_WIRE_ASCII_HPP
#define OPENDIFY_WIRE_ASCII_HPP

#include <string>
#include <string_view>

namespace opendify::wire {

constexpr char lower_case(char c)
{
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

inline std::string lower_case(std::string_view text)
{
    std::string out(text);
    for (char &c : out) {
        c = lower_case(c);
    }

    return out;
}

}  // namespace opendify::wire

#endif
