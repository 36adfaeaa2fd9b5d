#include "wire/json_string.hpp"

#include <array>
#include <charconv>
#include <cstddef>

#include "wire/utf8.hpp"

namespace opendify::wire {

namespace {

// What a byte is within a token: of the text, up to kWide, or not. Those of a
// text can be added up with `or`.
enum Class : unsigned char { kAscii, kWide, kQuote, kEscape, kControl };

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

// From the first escape on.
JsonToken unescape(std::string_view bytes, std::size_t at, std::string &out)
{
    bool verbatim = true;

    out.assign(bytes.substr(0, at));

    while (at < bytes.size()) {
        const Class kind = class_of(bytes[at]);

        if (kind == kQuote && is_utf8(out)) {
            return {at, out, verbatim};
        }

        if (kind == kQuote || kind == kControl) {
            break;
        }

        if (kind != kEscape) {
            out.push_back(bytes[at++]);
            continue;
        }

        const char next = at + 1 < bytes.size() ? bytes[at + 1] : '\0';

        if (const char byte = unescaped_byte(next); byte != 0) {
            out.push_back(byte);
            verbatim = verbatim && byte == '/';
            at += 2;

        } else if (next == 'u' && append_unit(out, bytes.substr(at + 2, 4))) {
            verbatim = verbatim && class_of(out.back()) == kWide;
            at += 6;

        } else {
            break;
        }
    }

    return {};
}

}  // namespace

[[gnu::hot]] JsonToken read_token(std::string_view bytes, std::string &unescaped)
{
    std::size_t at = 0;
    unsigned    seen = kAscii;
    Class       kind = kControl;

    for (; at < bytes.size(); at++) {
        kind = class_of(bytes[at]);
        if (kind > kWide) {
            break;
        }

        seen |= kind;
    }

    if (at == bytes.size() || kind == kControl) {
        return {};
    }

    if (kind == kEscape) {
        return unescape(bytes, at, unescaped);
    }

    const std::string_view text(bytes.data(), at);

    if (seen != kAscii && !is_utf8(text)) {
        return {};
    }

    return {at, text, true};
}

}  // namespace opendify::wire
