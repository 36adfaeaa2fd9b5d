#include "flow/think_splitter.hpp"

#include <algorithm>

namespace opendify {

namespace {

constexpr std::string_view kBlanks = " \t\r\n";
constexpr std::string_view kBreaks = "\r\n";
constexpr std::string_view kQuote = "> \xf0\x9f\x92\xad ";
constexpr std::string_view kMarker = "<!--dify-deepseek-reasoning-->";
constexpr std::size_t      kHold = std::string_view::npos;

struct Entity {
    std::string_view name;
    std::string_view text;
};

constexpr Entity kEntities[] = {
    {"&lt;", "<"},   {"&gt;", ">"},    {"&amp;", "&"},  {"&quot;", "\""},
    {"&#39;", "'"},  {"&#x27;", "'"},  {"&apos;", "'"}, {"&#34;", "\""},
};

bool blank(char c)
{
    return kBlanks.find(c) != std::string_view::npos;
}

char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

// How many of the first bytes are in `set`.
std::size_t run_of(std::string_view set, std::string_view bytes)
{
    return std::min(bytes.find_first_not_of(set), bytes.size());
}

// full: a match, `at` bytes long. partial: the bytes end too early to say.
enum class Verdict { no, partial, full };

// Reads a tag from its "<". Each step is false when the tag ended there.
struct TagReader {
    bool word(std::string_view expected)
    {
        for (char c : expected) {
            if (at == bytes.size()) {
                verdict = Verdict::partial;
                return false;
            }

            if (lower(bytes[at]) != c) {
                verdict = Verdict::no;
                return false;
            }

            at++;
        }

        return true;
    }

    bool skip(std::string_view set)
    {
        at += run_of(set, bytes.substr(at));
        verdict = at < bytes.size() ? Verdict::full : Verdict::partial;
        return at < bytes.size();
    }

    // What follows a tag's name, with its ">".
    bool attributes()
    {
        std::size_t begin = at;

        if (at < bytes.size() && !blank(bytes[at]) && bytes[at] != '>') {
            verdict = Verdict::no;
            return false;
        }

        at = std::min(bytes.find_first_of("<>", at), bytes.size());
        attrs = bytes.substr(begin, at - begin);

        return word(">");
    }

    std::string_view bytes;
    std::size_t      at = 0;
    Verdict          verdict = Verdict::full;
    std::string_view attrs = {};
};

// Thoughts as Open WebUI stores them, or with the summary of Dify 0.15.
bool read_details(TagReader &tag)
{
    if (!tag.word("<details") || !tag.attributes()) {
        return false;
    }

    if (tag.attrs.find("type=\"reasoning\"") != std::string_view::npos) {
        return true;
    }

    return tag.skip(kBlanks) && tag.word("<summary") && tag.attributes()
           && tag.skip(kBlanks) && tag.word("thinking")
           && tag.skip(".\xe2\x80\xa6") && tag.skip(kBlanks)
           && tag.word("</summary") && tag.skip(kBlanks) && tag.word(">");
}

bool read_think(TagReader &tag)
{
    return tag.word("<think") && tag.attributes();
}

Verdict literal(std::string_view bytes, std::string_view expected)
{
    std::size_t size = std::min(bytes.size(), expected.size());

    if (bytes.substr(0, size) != expected.substr(0, size)) {
        return Verdict::no;
    }

    return size == expected.size() ? Verdict::full : Verdict::partial;
}

}  // namespace

struct ThinkSplitter::Match {
    enum class What { open, close, marker, entity };

    Verdict          verdict = Verdict::no;
    std::size_t      size = 0;  // of a full match
    What             what = What::open;
    State            state = State::text;
    std::string_view text = {};  // of an entity
};

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

    blank_line_ = true;
    quoted_ = false;
    fence_ = 0;
    marks_ = 0;
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
    for (std::size_t i = 0; i < bytes.size(); i++) {
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

        note(c);
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

    for (std::size_t i = 0; i < bytes.size(); i++) {
        Match match = within(bytes.substr(i));

        if (match.verdict == Verdict::no) {
            continue;
        }

        if (i > 0) {
            lead_ = false;
            sink.on_thought(bytes.substr(0, i));
            return i;
        }

        if (match.verdict == Verdict::partial) {
            return kHold;
        }

        if (match.what == Match::What::close) {
            close(sink);

        } else if (match.what == Match::What::marker) {
            escaped_ = true;

        } else {
            lead_ = false;
            sink.on_thought(match.text);
        }

        return match.size;
    }

    lead_ = false;
    sink.on_thought(bytes);
    return bytes.size();
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

    Verdict mark = literal(next, kQuote);

    if (mark == Verdict::partial && !last_) {
        return kHold;
    }

    sink.on_thought(bytes.substr(0, breaks));
    return breaks + (mark == Verdict::full        ? kQuote.size()
                     : next.substr(0, 2) == "> " ? 2
                                                  : 1);
}

// At a "<" or ">" of the text, or at its first word.
ThinkSplitter::Match ThinkSplitter::opening(std::string_view bytes) const
{
    bool  anywhere = tags_ == Tags::anywhere;
    Match match;

    if (fence_ != 0 && !anywhere) {
        return match;
    }

    if (bytes[0] == '>') {
        match = {blank_line_ ? literal(bytes, kQuote) : Verdict::no,
                 kQuote.size(), Match::What::open, State::quote, {}};

    } else if (bytes[0] == '<' && (anywhere || !quoted_)) {
        TagReader tag{bytes};
        match.state = State::think;
        read_think(tag);

        if (tag.verdict == Verdict::no) {
            tag = TagReader{bytes};
            match.state = State::details;
            read_details(tag);

        } else if (tag.verdict == Verdict::full && !blank_line_ && !anywhere) {
            // Behind other words only with a line break.
            tag.verdict = tag.at == bytes.size() ? Verdict::partial
                          : kBreaks.find(bytes[tag.at]) != kHold
                              ? Verdict::full
                              : Verdict::no;
        }

        match.verdict = tag.verdict;
        match.size = tag.at;
    }

    if (match.verdict == Verdict::partial
        && (last_ || bytes.size() > kMaxTag))
    {
        match.verdict = Verdict::no;
    }

    return match.size > kMaxTag ? Match{} : match;
}

// At any byte of thoughts between tags.
ThinkSplitter::Match ThinkSplitter::within(std::string_view bytes) const
{
    Match match;

    if (bytes[0] == '&' && escaped_) {
        for (const Entity &entity : kEntities) {
            match = {literal(bytes, entity.name), entity.name.size(),
                     Match::What::entity, state_, entity.text};

            if (match.verdict != Verdict::no) {
                break;
            }
        }

    } else if (bytes[0] == '<' || bytes[0] == '\n' || bytes[0] == '\r') {
        std::size_t breaks = run_of(kBreaks, bytes);

        if (breaks >= kMaxBlanks) {
            return match;
        }

        TagReader tag{bytes, breaks};
        bool      named = tag.word(state_ == State::think ? "</think"
                                                          : "</details");
        if (named && tag.skip(kBlanks)) {
            tag.word(">");
        }

        match = {tag.verdict, tag.at, Match::What::close, state_, {}};

        if (tag.verdict == Verdict::no && breaks == 0) {
            match = {literal(bytes, kMarker), kMarker.size(),
                     Match::What::marker, state_, {}};
        }
    }

    if (match.verdict == Verdict::partial
        && (last_ || bytes.size() > kMaxTag))
    {
        match.verdict = Verdict::no;
    }

    return match.size > kMaxTag ? Match{} : match;
}

void ThinkSplitter::open(State state)
{
    state_ = state;
    lead_ = true;
    escaped_ = false;
}

void ThinkSplitter::close(ThinkSink &sink)
{
    state_ = State::text;
    after_thought_ = true;
    blank_line_ = true;
    quoted_ = false;
    marks_ = 0;
    sink.on_thought_end();
}

// Keeps in mind where in its line the text is.
void ThinkSplitter::note(char c)
{
    if (c == '\n') {
        blank_line_ = true;
        quoted_ = false;
        marks_ = 0;
        return;
    }

    if (c == '`' || c == '~') {
        quoted_ = c == '`' ? !quoted_ : quoted_;

        if (marks_ > 0 ? c == mark_ : blank_line_) {
            mark_ = c;
            marks_++;

            if (marks_ == 3 && (fence_ == 0 || fence_ == c)) {
                fence_ = fence_ == 0 ? c : '\0';
            }

            blank_line_ = false;
            return;
        }
    }

    marks_ = 0;
    blank_line_ = blank_line_ && blank(c);
}

}  // namespace opendify
