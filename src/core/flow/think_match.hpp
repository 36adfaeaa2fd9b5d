// What of a tag a ThinkSplitter sees.

#ifndef OPENDIFY_FLOW_THINK_MATCH_HPP
#define OPENDIFY_FLOW_THINK_MATCH_HPP

#include <string_view>

#include "flow/think_splitter.hpp"
#include "flow/think_tags.hpp"

namespace opendify {

namespace think {

constexpr std::string_view kBlanks = " \t\r\n";
constexpr std::string_view kBreaks = "\r\n";
constexpr std::string_view kQuote = "> \xf0\x9f\x92\xad ";

}  // namespace think

struct ThinkSplitter::Match : TagMatch {
    enum class What { open, close, marker, entity };

    Match() = default;
    Match(TagMatch match, What meaning, State opened = State::text)
        : TagMatch(match), what(meaning), state(opened)
    {
    }

    // What outgrows a tag is none.
    Match bounded(std::size_t held, bool last) const
    {
        bool late = verdict == Verdict::partial && (last || held > kMaxTag);

        return late || size > kMaxTag ? Match() : *this;
    }

    What  what = What::open;
    State state = State::text;  // that begins
};

}  // namespace opendify

#endif
