// Text of an answer in deltas -> what is said and what is thought (spec
// dify-api §6.7). The shapes of thoughts:
//
//     <think ...> ... </think>                          any case, attributes
//     <think><!--dify-deepseek-reasoning--> ... </think>  HTML-escaped
//     <details ...> <summary> Thinking... </summary> ... </details>
//     <details type="reasoning" ...> ... </details>
//     > 💭 ...                                          lines of a quotation
//     > ...
//
// Where a tag counts. An opening tag begins thoughts only at the beginning of
// a line (blanks may precede), after other thoughts, or of a round of tools;
// in the middle of a line only "<think>" with a line break right behind it,
// as Dify's plugins write it, and details with a Thinking summary, neither
// within `code`. Inside a code fence nothing counts. So an answer may speak
// about the tags. Thoughts that are not closed go on to the end of the answer;
// a closing tag without an opening one is text. Thoughts may speak about the
// tags, too: `</think>` does not close them, nor does a tag in other code of
// theirs if one outside of code follows soon (kMaxDoubt). Not so where thoughts
// begin before that, or once that was in vain: then their code was not closed.
//
// Tags are dropped, and so are blanks at the beginning and line breaks at the
// end of thoughts. Before the first word of the answer, blanks in front of
// thoughts and empty lines behind them are dropped.

#ifndef OPENDIFY_FLOW_THINK_SPLITTER_HPP
#define OPENDIFY_FLOW_THINK_SPLITTER_HPP

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>

#include "flow/think_tags.hpp"

namespace opendify {

// Pieces in the order of the answer, never empty; views live until the call
// returns.
class ThinkSink {
public:
    virtual ~ThinkSink() = default;
    virtual void on_text(std::string_view piece) = 0;
    virtual void on_thought(std::string_view piece) = 0;
    virtual void on_thought_end() = 0;
};

class ThinkSplitter {
public:
    enum class Tags {
        placed,    // count as said above
        anywhere,  // also within a line, `code` and fences
    };

    explicit ThinkSplitter(Tags tags = Tags::placed) : tags_(tags) {}

    // Cut anywhere. Held back is only what may still become a tag or is to be
    // dropped before one, at most kMaxHeld bytes; all else is passed on as
    // views into `piece`.
    void feed(std::string_view piece, ThinkSink &sink);

    // feed() would pass on a text without line breaks and wire::kMarkupBytes
    // as it is, and be as it was.
    bool passes_plain() const
    {
        return state_ == State::text && !fresh_ && held_.empty()
               && line_.in_line();
    }

    // A round of tools has ended: no tag spans it, one may begin here.
    void new_round(ThinkSink &sink);

    // The answer is over: what is held goes out. Ready for another one.
    void finish(ThinkSink &sink);

    void reset() { *this = ThinkSplitter(tags_); }

    static constexpr std::size_t kMaxTag = 512;
    static constexpr std::size_t kMaxBlanks = 256;
    static constexpr std::size_t kMaxDoubt = 1024;
    static constexpr std::size_t kMaxHeld =
        std::max(kMaxTag + kMaxBlanks, kMaxDoubt);

private:
    enum class State { text, think, details, quote };
    struct Match;

    void flush(ThinkSink &sink);
    void scan(std::string_view bytes, ThinkSink &sink);
    std::size_t scan_text(std::string_view bytes, ThinkSink &sink);
    std::size_t scan_beginning(std::string_view bytes);
    std::size_t scan_thought(std::string_view bytes, ThinkSink &sink);
    std::size_t scan_quote(std::string_view bytes, ThinkSink &sink);
    Match opening(std::string_view bytes) const;
    void think(std::string_view piece, ThinkSink &sink);
    Match within(std::string_view bytes, std::size_t &at) const;
    std::size_t breaks_before(const Match &tag, std::size_t breaks,
                              std::size_t held) const;
    void open(State state);
    void close(ThinkSink &sink);
    TagMatch::Verdict closes(const Match &tag, std::string_view bytes);
    TagMatch::Verdict is_word(const Match &tag, std::string_view bytes) const;
    std::string_view closing_tag() const
    {
        return state_ == State::think ? "</think" : "</details";
    }

    std::size_t plain_run(std::string_view bytes) const;

    // Where in its line a text is, and whether within code.
    struct Line {
        bool blank = true;    // only blanks so far
        bool quoted = false;  // within `code`
        char fence = 0;       // the mark that opened it
        char mark = 0;        // a run of marks begins the line,
        int  marks = 0;       // that long

        void note(char c);
        bool in_line() const { return !blank && marks == 0; }
        bool in_code() const { return quoted || fence != 0; }
    };

    Tags        tags_;
    State       state_ = State::text;
    bool        last_ = false;  // nothing follows: decide now

    // Of the text:
    bool fresh_ = true;           // no word yet
    bool after_thought_ = false;  // fresh, and there were thoughts
    Line line_;

    // Of the thoughts:
    bool lead_ = false;     // no word yet
    bool escaped_ = false;  // HTML
    bool marked_ = false;   // `code` begins here
    bool doubts_ = true;    // code may have a closing tag
    Line thought_line_;

    std::string held_;
    std::string joined_;  // held_ and what came after it
};

}  // namespace opendify

#endif
