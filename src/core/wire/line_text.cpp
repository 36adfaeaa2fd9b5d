#include "opendify/line_text.hpp"

#include "wire/percent.hpp"
#include "wire/utf8.hpp"

namespace opendify {

namespace {

bool is_control(std::string_view character)
{
    return (character.size() == 2 && character[0] == '\xc2'
            && static_cast<unsigned char>(character[1]) < 0xa0)  // C1
           || character == "\xe2\x80\xa8" || character == "\xe2\x80\xa9";
}

// "%0D" of the text's own would read as one of ours.
LinePiece piece_at(std::string_view text, std::size_t at)
{
    return text[at] == '%' && wire::is_percent_escape(text.substr(at))
               ? LinePiece{1, false}
               : line_piece(text, at);
}

}  // namespace

LinePiece line_piece(std::string_view text, std::size_t at)
{
    const auto byte = static_cast<unsigned char>(text[at]);

    if (byte < 0x80) {
        return {1, byte >= 0x20 && byte != 0x7f};
    }

    const wire::Utf8Unit unit = wire::utf8_unit(text, at);

    return {unit.size,
            unit.valid && !is_control(text.substr(at, unit.size))};
}

std::string line_text(std::string_view text)
{
    std::string out;
    out.reserve(text.size());

    for (std::size_t at = 0; at < text.size();) {
        const LinePiece        piece = piece_at(text, at);
        const std::string_view bytes = text.substr(at, piece.size);

        if (piece.fits) {
            out.append(bytes);

        } else {
            wire::append_percent_escapes(out, bytes);
        }

        at += piece.size;
    }

    return out;
}

bool is_line_text(std::string_view text)
{
    for (std::size_t at = 0; at < text.size();) {
        const LinePiece piece = piece_at(text, at);

        if (!piece.fits) {
            return false;
        }

        at += piece.size;
    }

    return true;
}

}  // namespace opendify
