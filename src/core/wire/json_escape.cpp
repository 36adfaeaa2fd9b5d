#include "wire/json_escape.hpp"

#include <algorithm>
#include <charconv>

#include "wire/json_scan.hpp"
#include "wire/utf8.hpp"

namespace opendify::wire {

namespace {

constexpr char32_t kNoUnit = 0xffffffff;
constexpr char32_t kReplacement = 0xfffd;

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

// Of "\u00e9".
char32_t unit_of(std::string_view escape)
{
    unsigned   unit = 0;
    const auto end = escape.data() + escape.size();

    if (escape.size() != 6 || escape.substr(0, 2) != "\\u"
        || std::from_chars(escape.data() + 2, end, unit, 16).ptr != end)
    {
        return kNoUnit;
    }

    return unit;
}

bool is_half(char32_t unit, char32_t least)
{
    return (unit & ~char32_t{0x3ff}) == least;
}

void write(JsonEscape &out, char32_t code)
{
    const auto put = [&out](char32_t byte) {
        out.text[out.bytes++] = static_cast<char>(byte);
    };

    if (code < 0x80) {
        put(code);
        return;
    }

    if (code < 0x800) {
        put(0xc0 | code >> 6);

    } else if (code < 0x10000) {
        put(0xe0 | code >> 12);
        put(0x80 | (code >> 6 & 0x3f));

    } else {
        put(0xf0 | code >> 18);
        put(0x80 | (code >> 12 & 0x3f));
        put(0x80 | (code >> 6 & 0x3f));
    }

    put(0x80 | (code & 0x3f));
}

std::string_view between(const char *begin, const char *end)
{
    return {begin, static_cast<std::size_t>(end - begin)};
}

// Up to what does not stand for itself, or is not UTF-8, or the limit.
char *skip_unescaped(char *at, const char *end, const char *limit)
{
    at = skip_plain(at, limit);

    while (is_wide(*at) && at < limit) {
        const Utf8Unit unit = utf8_unit(between(at, end), 0);
        if (!unit.valid) {
            break;
        }

        at += unit.size;
        if (!is_wide(*at)) {
            at = skip_plain(at, limit);
        }
    }

    return at;
}

}  // namespace

JsonEscape read_escape(std::string_view bytes)
{
    JsonEscape escape;

    if (bytes.size() < 2 || bytes[0] != '\\') {
        return escape;
    }

    if (bytes[1] != 'u') {
        escape.text[0] = unescaped_byte(bytes[1]);
        escape.bytes = escape.text[0] != 0 ? 1 : 0;
        escape.size = 2 * escape.bytes;
        return escape;
    }

    char32_t code = unit_of(bytes.substr(0, 6));
    if (code == kNoUnit) {
        return escape;
    }

    escape.size = 6;

    if (is_half(code, 0xd800) || is_half(code, 0xdc00)) {
        const char32_t low = unit_of(bytes.substr(6, 6));

        if (is_half(code, 0xd800) && is_half(low, 0xdc00)) {
            code = 0x10000 + ((code & 0x3ff) << 10 | (low & 0x3ff));
            escape.size = 12;

        } else {
            code = kReplacement;
        }
    }

    write(escape, code);

    return escape;
}

bool unescape(char *&at, char *&out, const char *end, const char *limit)
{
    for (;;) {
        char *run = at;

        at = skip_unescaped(at, end, limit);
        out = out == run ? at : std::copy(run, at, out);
        if (*at == '"' || (at >= limit && limit < end)) {
            return true;
        }

        const JsonEscape escape = read_escape(between(at, end));
        if (escape.size == 0) {
            return false;
        }

        out = std::copy_n(escape.text, escape.bytes, out);
        at += escape.size;
    }
}

}  // namespace opendify::wire
