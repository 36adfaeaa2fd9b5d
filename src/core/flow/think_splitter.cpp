#include "flow/think_splitter.hpp"

#include <algorithm>

#include "flow/think_match.hpp"

namespace opendify {

namespace {

using namespace think;

using Verdict = TagMatch::Verdict;

constexpr std::size_t kHold = std::string_view::npos;

bool is_blank(char c)
{
    return kBlanks.find(c) != std::string_view::npos;
}

}  // namespace

void ThinkSplitter::feed(std::string_view piece, ThinkSink &sink)
{
    if (held_.empty()) {
        scan(piece, sink);
        return;
    }

    held_.append(piece);
    joined_.swap(held_);
    held_.clear();
    scan(joined_, sink);
}

void ThinkSplitter::flush(ThinkSink &sink)
{
    last_ = true;
    feed({}, sink);
    last_ = false;
}

void ThinkSplitter::new_round(ThinkSink &sink)
{
    flush(sink);

    if (state_ == State::quote) {
        close(sink);
    }

    line_ = Line();
}

void ThinkSplitter::finish(ThinkSink &sink)
{
    flush(sink);

    if (state_ != State::text) {
        close(sink);
    }

    reset();
}

void ThinkSplitter::scan(std::string_view bytes, ThinkSink &sink)
{
    while (!bytes.empty()) {
        std::size_t used = 0;

        switch (state_) {
        case State::text:
            used = fresh_ ? scan_beginning(bytes)
                          : scan_text(bytes, sink);
            break;

        case State::think:
        case State::details:
            used = scan_thought(bytes, sink);
            break;

        case State::quote:
            used = scan_quote(bytes, sink);
            break;
        }

        if (used == kHold) {
            held_.assign(bytes);
            return;
        }

        bytes.remove_prefix(used);
    }
}

// Up to the first word: it decides whether the blanks before it are kept.
std::size_t ThinkSplitter::scan_beginning(std::string_view bytes)
{
    std::size_t blanks = run_of(kBlanks, bytes);

    if (blanks >= kMaxBlanks) {
        fresh_ = false;
        return 0;
    }

    if (blanks == bytes.size()) {
        fresh_ = !last_ || after_thought_;
        return !last_ ? kHold : after_thought_ ? blanks : 0;
    }

    Match match = opening(bytes.substr(blanks));

    if (match.verdict == Verdict::partial) {
        return kHold;
    }

    if (match.verdict == Verdict::full) {
        open(match.state);
        return blanks + match.size;
    }

    fresh_ = false;

    if (!after_thought_) {
        return 0;
    }

    return bytes.substr(0, blanks).rfind('\n') + 1;
}

std::size_t ThinkSplitter::scan_text(std::string_view bytes, ThinkSink &sink)
{
    for (std::size_t i = plain_run(bytes); i < bytes.size();
         i += 1 + plain_run(bytes.substr(i + 1)))
    {
        char c = bytes[i];

        if (c == '<' || c == '>') {
            Match match = opening(bytes.substr(i));

            if (match.verdict != Verdict::no && i > 0) {
                sink.on_text(bytes.substr(0, i));
                return i;
            }

            if (match.verdict == Verdict::partial) {
                return kHold;
            }

            if (match.verdict == Verdict::full) {
                open(match.state);
                return match.size;
            }
        }

        line_.note(c);
    }

    sink.on_text(bytes);
    return bytes.size();
}

std::size_t ThinkSplitter::scan_thought(std::string_view bytes,
                                        ThinkSink &sink)
{
    std::size_t blanks = lead_ ? run_of(kBlanks, bytes) : 0;

    if (blanks > 0) {
        return blanks;
    }

    for (std::size_t i = bytes.find_first_of("<&\r\n"); i < bytes.size();
         i = bytes.find_first_of("<&\r\n", i + 1))
    {
        Match match = within(bytes.substr(i), i);

        if (match.verdict == Verdict::no) {
            continue;
        }

        if (i > 0) {
            think(bytes.substr(0, i), sink);
            return i;
        }

        if (match.what == Match::What::close) {
            match.verdict = closes(match, bytes);
        }

        if (match.verdict == Verdict::no) {
            continue;
        }

        if (match.verdict == Verdict::partial) {
            return kHold;
        }

        if (match.what == Match::What::close) {
            close(sink);

        } else if (match.what == Match::What::marker) {
            escaped_ = true;

        } else {
            think(match.text, sink);
        }

        return match.size;
    }

    think(bytes, sink);
    return bytes.size();
}

void ThinkSplitter::think(std::string_view piece, ThinkSink &sink)
{
    for (char c : piece) {
        thought_line_.note(c);
    }

    lead_ = false;
    marked_ = thought_line_.quoted && piece.back() == '`';
    sink.on_thought(piece);
}

// A line that does not begin with ">" ends the quotation; empty lines inside
// are thoughts.
std::size_t ThinkSplitter::scan_quote(std::string_view bytes, ThinkSink &sink)
{
    std::size_t line = std::min(bytes.find_first_of(kBreaks), bytes.size());

    if (line > 0) {
        sink.on_thought(bytes.substr(0, line));
        return line;
    }

    std::size_t      breaks = run_of(kBreaks, bytes);
    std::string_view next = bytes.substr(breaks);

    if (breaks < kMaxBlanks && next.empty() && !last_) {
        return kHold;
    }

    if (breaks >= kMaxBlanks || next.empty() || next[0] != '>') {
        close(sink);
        return 0;
    }

    Verdict mark = match_literal(next, kQuote).verdict;

    if (mark == Verdict::partial && !last_) {
        return kHold;
    }

    sink.on_thought(bytes.substr(0, breaks));
    return breaks + (mark == Verdict::full        ? kQuote.size()
                     : next.substr(0, 2) == "> " ? 2
                                                  : 1);
}

void ThinkSplitter::open(State state)
{
    state_ = state;
    lead_ = true;
    escaped_ = false;
    marked_ = false;
    thought_line_ = Line();
}

void ThinkSplitter::close(ThinkSink &sink)
{
    state_ = State::text;
    after_thought_ = true;
    line_.blank = true;
    line_.quoted = false;
    line_.marks = 0;
    sink.on_thought_end();
}

// How many bytes may be passed over: note() would remember nothing of them.
[[gnu::hot]]
std::size_t ThinkSplitter::plain_run(std::string_view bytes) const
{
    return line_.in_line() ? run_of_plain(bytes) : 0;
}

void ThinkSplitter::Line::note(char c)
{
    if (c == '\n') {
        blank = true;
        quoted = false;
        marks = 0;
        return;
    }

    if (c == '`' || c == '~') {
        quoted = c == '`' ? !quoted : quoted;

        if (marks > 0 ? c == mark : blank) {
            mark = c;
            marks++;

            if (marks == 3 && (fence == 0 || fence == c)) {
                fence = fence == 0 ? c : '\0';
            }

            blank = false;
            return;
        }
    }

    marks = 0;
    blank = blank && is_blank(c);
}

}  // namespace opendify
