#include "wire/json_string.hpp"

#include <array>
#include <cstddef>

#include "wire/json_escape.hpp"
#include "wire/utf8.hpp"

namespace opendify::wire {

namespace {

// What a byte is within a token: of the text, up to kWide, or not.
enum Class : char { kAscii, kWide, kQuote, kEscape, kControl };

constexpr std::array<Class, 256> make_classes()
{
    std::array<Class, 256> table{};

    for (std::size_t c = 0; c < 0x20; c++) {
        table[c] = kControl;
    }

    for (std::size_t c = 0x80; c < table.size(); c++) {
        table[c] = kWide;
    }

    table['"'] = kQuote;
    table['\\'] = kEscape;

    return table;
}

constexpr std::array<Class, 256> kClasses = make_classes();

Class class_of(char c)
{
    return kClasses[static_cast<unsigned char>(c)];
}

// From the first escape on. Where the token ends, or npos.
std::size_t unescape(std::string_view bytes, std::size_t at, std::string &out)
{
    out.assign(bytes.substr(0, at));

    while (at < bytes.size()) {
        const Class kind = class_of(bytes[at]);

        if (kind == kQuote) {
            return at;
        }

        if (kind == kControl) {
            break;
        }

        if (kind != kEscape) {
            out.push_back(bytes[at++]);
            continue;
        }

        const JsonEscape escape = read_escape(bytes.substr(at));
        if (escape.size == 0) {
            break;
        }

        out.append(escape.view());
        at += escape.size;
    }

    return std::string_view::npos;
}

}  // namespace

std::size_t read_token(std::string_view bytes, std::string &unescaped,
                       std::string_view &text)
{
    std::size_t at = 0;
    bool        wide = false;
    Class       kind = kControl;

    for (; at < bytes.size(); at++) {
        kind = class_of(bytes[at]);

        if (kind > kWide) {
            break;
        }

        wide = wide || kind == kWide;
    }

    if (at == bytes.size() || kind == kControl) {
        return bytes.npos;
    }

    text = bytes.substr(0, at);

    if (kind == kEscape) {
        at = unescape(bytes, at, unescaped);
        text = unescaped;
        wide = true;
    }

    return !wide || is_utf8(text) ? at : bytes.npos;
}

}  // namespace opendify::wire
