#include "wire/percent.hpp"

#include <cstddef>

namespace opendify::wire {

namespace {

int hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }

    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }

    if (c >= 'A' && c <= 'F') {
        return c - 'A' + 10;
    }

    return -1;
}

}  // namespace

std::string percent_decoded(std::string_view raw)
{
    std::string text;
    text.reserve(raw.size());

    for (std::size_t i = 0; i < raw.size(); i++) {
        if (raw[i] == '%' && i + 2 < raw.size()) {
            int high = hex_digit(raw[i + 1]);
            int low = hex_digit(raw[i + 2]);

            if (high >= 0 && low >= 0) {
                text.push_back(static_cast<char>(high * 16 + low));
                i += 2;
                continue;
            }
        }

        text.push_back(raw[i]);
    }

    return text;
}

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

}  // namespace opendify::wire
