#include "flow/think_match.hpp"

#include <algorithm>

namespace opendify {

namespace {

using namespace think;

using Verdict = TagMatch::Verdict;

constexpr std::string_view kMarker = "<!--dify-deepseek-reasoning-->";

// A closing tag behind a "`": is there another one right behind it?
Verdict unless_quoted(const TagMatch &tag, std::string_view bytes, bool last)
{
    if (tag.size == bytes.size()) {
        return last ? Verdict::full : Verdict::partial;
    }

    return bytes[tag.size] == '`' ? Verdict::no : Verdict::full;
}

}  // namespace

// At a "<" or ">" of the text, or at its first word.
ThinkSplitter::Match ThinkSplitter::opening(std::string_view bytes) const
{
    bool anywhere = tags_ == Tags::anywhere;

    if (bytes[0] == '>' && line_.blank && (anywhere || line_.fence == 0)) {
        return Match(match_literal(bytes, kQuote), Match::What::open,
                     State::quote).bounded(bytes.size(), last_);
    }

    if (bytes[0] != '<' || (!anywhere && line_.in_code())) {
        return Match();
    }

    Match match(match_think(bytes), Match::What::open, State::think);

    if (match.verdict == Verdict::no) {
        match = Match(match_details(bytes), Match::What::open,
                      State::details);

    } else if (match.verdict == Verdict::full && !line_.blank && !anywhere) {
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
    Match match(match_closing(bytes.substr(breaks), closing_tag()),
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

// Whether a closing tag closes the thoughts. `bytes` begin with it.
TagMatch::Verdict ThinkSplitter::closes(const Match &tag,
                                        std::string_view bytes)
{
    const bool in_line = bytes[0] == '<';
    const bool in_code =
        in_line ? thought_line_.in_code() : thought_line_.fence != 0;

    if (tag.verdict != Verdict::full || !in_code) {
        return tag.verdict;
    }

    const Verdict marks = in_line && marked_
                              ? unless_quoted(tag, bytes, last_)
                              : Verdict::full;

    if (marks != Verdict::full || !doubts_) {
        return marks;
    }

    switch (is_word(tag, bytes)) {
    case Verdict::full:
        return Verdict::no;

    case Verdict::partial:
        return Verdict::partial;

    default:
        doubts_ = false;
        return Verdict::full;
    }
}

// Whether another closing tag follows it, outside of code and soon.
TagMatch::Verdict ThinkSplitter::is_word(const Match &tag,
                                         std::string_view bytes) const
{
    const bool is_all = last_ || bytes.size() >= kMaxDoubt;
    Line       line = thought_line_;

    bytes = bytes.substr(0, kMaxDoubt);

    for (std::size_t i = 0; i < bytes.size(); i++) {
        const std::string_view rest = bytes.substr(i);

        if (i >= tag.size && rest[0] == '<' && !line.in_code()) {
            if (match_closing(rest, closing_tag()).verdict == Verdict::full) {
                return Verdict::full;
            }

            if (match_think(rest).verdict == Verdict::full) {
                return Verdict::no;
            }
        }

        line.note(rest[0]);
    }

    return is_all ? Verdict::no : Verdict::partial;
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
