// What a byte is within the text of an answer: how it may stand in a JSON
// string, and whether a reader of text stops at it.

#ifndef OPENDIFY_WIRE_TEXT_CLASS_HPP
#define OPENDIFY_WIRE_TEXT_CLASS_HPP

#include <array>
#include <cstddef>
#include <string_view>

namespace opendify::wire {

// Up to kText JSON writes them as they are; those of a text can be added up
// with `or`.
enum TextClass : unsigned char {
    kPlain = 0,   // ASCII
    kMarkup = 1,  // ASCII, one of kMarkupBytes
    kWide = 2,    // of a character of several bytes
    kText = kMarkup | kWide,
    kQuote,
    kEscape,
    kControl,
};

// No tag, `code`, fence, quotation or link is without one of them.
inline constexpr std::string_view kMarkupBytes = "<>`~]";

constexpr std::array<TextClass, 256> make_text_classes()
{
    std::array<TextClass, 256> table{};

    for (std::size_t c = 0; c < 0x20; c++) {
        table[c] = kControl;
    }

    for (std::size_t c = 0x80; c < table.size(); c++) {
        table[c] = kWide;
    }

    for (char c : kMarkupBytes) {
        table[static_cast<unsigned char>(c)] = kMarkup;
    }

    table['"'] = kQuote;
    table['\\'] = kEscape;

    return table;
}

inline constexpr std::array<TextClass, 256> kTextClasses =
    make_text_classes();

inline TextClass text_class(char c)
{
    return kTextClasses[static_cast<unsigned char>(c)];
}

}  // namespace opendify::wire

#endif
