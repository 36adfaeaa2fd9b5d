#include "flow/grapheme_border.hpp"

#include <cstdint>

#include "wire/utf8.hpp"

namespace opendify {

namespace {

struct Range {
    std::uint32_t first;
    std::uint32_t last;
};

// Letters, ideographs and punctuation that extend nothing, are not extended
// by each other and are no part of a sequence. By far not all of them.
constexpr Range kPlain[] = {
    {0x20, 0x7e},        // ASCII
    {0xc0, 0x24f},       // Latin
    {0x388, 0x3ce},      // Greek
    {0x400, 0x481},      // Cyrillic, without its combining marks
    {0x48a, 0x52f},
    {0x2010, 0x2027},    // dashes, quotation marks, ellipsis
    {0x3000, 0x3020},    // CJK punctuation, without tone marks
    {0x3041, 0x3096},    // kana, without combining voice marks
    {0x30a1, 0x30fe},
    {0x3400, 0x4dbf},    // ideographs
    {0x4e00, 0x9fff},
    {0xac00, 0xd7a3},    // Hangul syllables, not the letters that join
    {0xf900, 0xfaff},
    {0xff01, 0xff60},    // full-width forms
    {0x20000, 0x2fa1d},  // more ideographs
};

bool is_tail(char c)
{
    return (static_cast<unsigned char>(c) & 0xc0) == 0x80;
}

// Of the plain character at `at`; 0 if there is none.
std::size_t plain_size(std::string_view text, std::size_t at)
{
    wire::Utf8Unit unit = wire::utf8_unit(text, at);
    std::uint32_t  code = static_cast<unsigned char>(text[at]);

    if (!unit.valid) {
        return 0;
    }

    if (unit.size > 1) {
        code &= 0x7fu >> unit.size;
    }

    for (std::size_t i = 1; i < unit.size; i++) {
        code = code << 6 | (static_cast<unsigned char>(text[at + i]) & 0x3f);
    }

    for (const Range &range : kPlain) {
        if (code <= range.last) {
            return code >= range.first ? unit.size : 0;
        }
    }

    return 0;
}

bool is_behind_plain(std::string_view text, std::size_t at)
{
    std::size_t begin = at;

    do {
        begin--;
    } while (begin > 0 && is_tail(text[begin]));

    return begin + plain_size(text, begin) == at;
}

}  // namespace

std::size_t grapheme_border(std::string_view text, std::size_t from)
{
    for (std::size_t at = from == 0 ? 1 : from; at < text.size(); at++) {
        if (!is_tail(text[at]) && plain_size(text, at) != 0
            && is_behind_plain(text, at))
        {
            return at;
        }
    }

    return text.size();
}

}  // namespace opendify
