#include "flow/think_match.hpp"

#include <algorithm>

namespace opendify {

namespace {

using namespace think;

using Verdict = TagMatch::Verdict;

constexpr std::string_view kMarker = "<!--dify-deepseek-reasoning-->";

}  // namespace

// At a "<" or ">" of the text, or at its first word.
ThinkSplitter::Match ThinkSplitter::opening(std::string_view bytes) const
{
    bool anywhere = tags_ == Tags::anywhere;

    if (bytes[0] == '>' && blank_line_ && (anywhere || fence_ == 0)) {
        return Match(match_literal(bytes, kQuote), Match::What::open,
                     State::quote).bounded(bytes.size(), last_);
    }

    if (bytes[0] != '<' || (!anywhere && (fence_ != 0 || quoted_))) {
        return Match();
    }

    Match match(match_think(bytes), Match::What::open, State::think);

    if (match.verdict == Verdict::no) {
        match = Match(match_details(bytes), Match::What::open,
                      State::details);

    } else if (match.verdict == Verdict::full && !blank_line_ && !anywhere) {
        // Behind other words only with a line break.
        match.verdict = match.size == bytes.size() ? Verdict::partial
                        : kBreaks.find(bytes[match.size]) != kBreaks.npos
                            ? Verdict::full
                            : Verdict::no;
    }

    return match.bounded(bytes.size(), last_);
}

// At a byte of thoughts that may begin something else. Of a run of line breaks
// `at` moves to the first that may, or to the last one.
ThinkSplitter::Match ThinkSplitter::within(std::string_view bytes,
                                           std::size_t &at) const
{
    if (bytes[0] == '&') {
        return Match(escaped_ ? match_entity(bytes) : TagMatch(),
                     Match::What::entity).bounded(bytes.size(), last_);
    }

    const std::size_t breaks = run_of(kBreaks, bytes);
    Match match(match_closing(bytes.substr(breaks),
                              state_ == State::think ? "</think"
                                                     : "</details"),
                Match::What::close);

    if (breaks > 0) {
        at += breaks - 1;

        const std::size_t taken = breaks_before(match, breaks, bytes.size());
        if (taken == 0) {
            return Match();
        }

        at -= taken - 1;
        match.size += taken;

        return match;
    }

    if (match.verdict == Verdict::no) {
        match = Match(match_literal(bytes, kMarker), Match::What::marker);
    }

    return match.bounded(bytes.size(), last_);
}

// How many of the line breaks in front of a closing tag go with it.
std::size_t ThinkSplitter::breaks_before(const Match &tag, std::size_t breaks,
                                         std::size_t held) const
{
    const std::size_t size =
        tag.verdict == Verdict::full ? tag.size : held - breaks;

    if (tag.verdict == Verdict::no || size > kMaxTag
        || (tag.verdict == Verdict::partial && last_))
    {
        return 0;
    }

    return std::min({breaks, kMaxBlanks - 1, kMaxTag - size});
}

}  // namespace opendify
