#include "wire/json_string.hpp"

#include <array>
#include <cstddef>

#include "wire/json_escape.hpp"
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

        const JsonEscape escape = read_escape(bytes.substr(at));
        if (escape.size == 0) {
            break;
        }

        out.append(escape.view());
        verbatim = verbatim && (escape.bytes > 1 || escape.text[0] == '/');
        at += escape.size;
    }

    return {};
}

}  // namespace

[[gnu::hot]]
JsonToken read_token(std::string_view bytes, std::string &unescaped)
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
