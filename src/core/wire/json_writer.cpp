#include "wire/json_writer.hpp"

#include <array>
#include <charconv>
#include <cstddef>

#include "wire/utf8.hpp"

namespace opendify::wire {
namespace {

constexpr std::string_view kReplacement = "\xef\xbf\xbd";

// 0: stands for itself; 'u': \u00XX; else the letter after the backslash.
constexpr std::array<char, 256> make_escapes()
{
    std::array<char, 256> table{};

    for (std::size_t c = 0; c < 0x20; c++) {
        table[c] = 'u';
    }

    table['\b'] = 'b';
    table['\f'] = 'f';
    table['\n'] = 'n';
    table['\r'] = 'r';
    table['\t'] = 't';
    table['"'] = '"';
    table['\\'] = '\\';

    return table;
}

constexpr std::array<char, 256> kEscapes = make_escapes();

}  // namespace

void write_string(std::string &out, std::string_view utf8)
{
    out.push_back('"');
    write_escaped(out, utf8);
    out.push_back('"');
}

void write_escaped(std::string &out, std::string_view utf8)
{
    constexpr char kHex[] = "0123456789abcdef";
    std::size_t plain = 0;

    for (std::size_t i = 0; i < utf8.size(); i++) {
        const auto c = static_cast<unsigned char>(utf8[i]);
        const char escape = kEscapes[c];
        if (escape == 0) {
            continue;
        }

        out.append(utf8.substr(plain, i - plain));
        plain = i + 1;
        out.push_back('\\');
        out.push_back(escape);
        if (escape == 'u') {
            out.append("00");
            out.push_back(kHex[c >> 4]);
            out.push_back(kHex[c & 0xf]);
        }
    }

    out.append(utf8.substr(plain));
}

void write_lossy_string(std::string &out, std::string_view bytes)
{
    if (is_utf8(bytes)) {
        write_string(out, bytes);
        return;
    }

    std::size_t plain = 0;
    std::size_t at = 0;

    out.push_back('"');

    while (at < bytes.size()) {
        const Utf8Unit unit = utf8_unit(bytes, at);
        if (!unit.valid) {
            write_escaped(out, bytes.substr(plain, at - plain));
            out.append(kReplacement);
            plain = at + unit.size;
        }

        at += unit.size;
    }

    write_escaped(out, bytes.substr(plain));
    out.push_back('"');
}

void write_integer(std::string &out, std::int64_t value)
{
    char text[24];
    const auto end = std::to_chars(text, text + sizeof(text), value);

    out.append(text, static_cast<std::size_t>(end.ptr - text));
}

}  // namespace opendify::wire
