#include "dify/cut_character.hpp"

#include "dify/frequent_event.hpp"
#include "wire/json_escape.hpp"

namespace opendify::dify {

namespace {

constexpr std::string_view kReplacement = "\xef\xbf\xbd";
constexpr std::size_t      kEscape = 6;  // "\ud83d"
constexpr std::size_t      kPair = 2 * kEscape;

bool is_first_half(std::string_view escape)
{
    return wire::read_escape(std::string(escape) + "\\udc00").size == kPair;
}

}  // namespace

std::string_view CutCharacter::join(wire::JsonValue piece,
                                    std::string_view event)
{
    const std::size_t quote = piece.closing_quote();
    std::string_view  text = piece.string();
    std::string       before;

    if (text.empty()) {
        return text;
    }

    if (kept()) {
        const std::size_t open = opening_quote(event, quote);
        const auto        pair = wire::read_escape(
            half_.append(event.substr(open + 1, kEscape)));

        before = pair.size == kPair ? pair.view() : kReplacement;
        text.remove_prefix(pair.size == kPair ? kReplacement.size() : 0);
        half_.clear();
    }

    // Read as U+FFFD, it is no escaped backslash with letters behind it.
    if (text.size() >= kReplacement.size() && quote > kEscape
        && text.substr(text.size() - kReplacement.size()) == kReplacement
        && is_first_half(event.substr(quote - kEscape, kEscape)))
    {
        half_ = event.substr(quote - kEscape, kEscape);
        text.remove_suffix(kReplacement.size());
    }

    if (before.empty()) {
        return text;
    }

    text_ = before.append(text);

    return text_;
}

std::string_view CutCharacter::drop()
{
    const bool had = kept();
    half_.clear();

    return had ? kReplacement : std::string_view();
}

}  // namespace opendify::dify
