#include "wire/json_string.hpp"

#include <array>
#include <charconv>
#include <cstddef>

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

// The byte that a short escape stands for; 0: it is none.
char unescaped_byte(char c)
{
    switch (c) {
    case '"':
    case '\\':
    case '/':
        return c;

    case 'b':
        return '\b';

    case 'f':
        return '\f';

    case 'n':
        return '\n';

    case 'r':
        return '\r';

    case 't':
        return '\t';

    default:
        return 0;
    }
}

// "00e9" -> its UTF-8.
bool append_unit(std::string &out, std::string_view digits)
{
    unsigned   unit = 0;
    const auto end = digits.data() + digits.size();

    if (digits.size() != 4
        || std::from_chars(digits.data(), end, unit, 16).ptr != end
        || unit == 0 || (unit >= 0xd800 && unit < 0xe000))
    {
        return false;
    }

    if (unit < 0x80) {
        out.push_back(static_cast<char>(unit));
        return true;
    }

    if (unit < 0x800) {
        out.push_back(static_cast<char>(0xc0 | unit >> 6));

    } else {
        out.push_back(static_cast<char>(0xe0 | unit >> 12));
        out.push_back(static_cast<char>(0x80 | (unit >> 6 & 0x3f)));
    }

    out.push_back(static_cast<char>(0x80 | (unit & 0x3f)));

    return true;
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

        const char next = at + 1 < bytes.size() ? bytes[at + 1] : '\0';

        if (const char byte = unescaped_byte(next); byte != 0) {
            out.push_back(byte);
            at += 2;

        } else if (next == 'u' && append_unit(out, bytes.substr(at + 2, 4))) {
            at += 6;

        } else {
            break;
        }
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
