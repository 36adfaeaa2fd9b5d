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

bool is_unreserved(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
           || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.'
           || c == '~';
}

}  // namespace

bool is_percent_escape(std::string_view raw)
{
    return raw.size() > 2 && raw[0] == '%' && hex_digit(raw[1]) >= 0
           && hex_digit(raw[2]) >= 0;
}

std::string percent_decoded(std::string_view raw)
{
    std::string text;
    text.reserve(raw.size());

    for (std::size_t i = 0; i < raw.size(); i++) {
        if (is_percent_escape(raw.substr(i))) {
            text.push_back(static_cast<char>(hex_digit(raw[i + 1]) * 16
                                             + hex_digit(raw[i + 2])));
            i += 2;
            continue;
        }

        text.push_back(raw[i]);
    }

    return text;
}

void append_percent_escapes(std::string &out, std::string_view bytes)
{
    constexpr char kHex[] = "0123456789ABCDEF";

    for (const char c : bytes) {
        const auto byte = static_cast<unsigned char>(c);
        out += '%';
        out += kHex[byte >> 4];
        out += kHex[byte & 15];
    }
}

std::string percent_encoded(std::string_view text)
{
    std::string out;
    out.reserve(text.size());

    if (text == "." || text == "..") {
        append_percent_escapes(out, text);
        return out;
    }

    for (const char &c : text) {
        if (is_unreserved(c)) {
            out += c;

        } else {
            append_percent_escapes(out, {&c, 1});
        }
    }

    return out;
}

}  // namespace opendify::wire
