#include "dify/percent.hpp"

namespace opendify::dify {

std::string percent_encoded(std::string_view text)
{
    constexpr char kHex[] = "0123456789ABCDEF";

    std::string out;
    out.reserve(text.size());

    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
            || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.'
            || c == '~') {
            out += c;
            continue;
        }

        out += '%';
        out += kHex[byte >> 4];
        out += kHex[byte & 15];
    }

    return out;
}

}  // namespace opendify::dify
