// A character that lies in two pieces of a text, half of it in each: a model
// speaks in tokens, and Python writes the halves of an emoji as they came,
// "\ud83d" and "\ude00".

#ifndef OPENDIFY_DIFY_CUT_CHARACTER_HPP
#define OPENDIFY_DIFY_CUT_CHARACTER_HPP

#include <cstddef>
#include <string>
#include <string_view>

#include "wire/json_reader.hpp"

namespace opendify::dify {

class CutCharacter {
public:
    // The text of `piece`, a string read from `event`, with the first half
    // that the piece before it had. A first half at its own end is kept for
    // the next one. The view lives until the next call, or as the document.
    std::string_view join(wire::JsonValue piece, std::string_view event);

    bool kept() const { return !half_.empty(); }

    // No second half comes: what stands for the first, "" if none is kept.
    std::string_view drop();

private:
    std::string half_;  // as it was escaped
    std::string text_;
};

}  // namespace opendify::dify

#endif
