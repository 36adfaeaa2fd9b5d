// Agents. The rows of their steps (agent_thought) come again and again as they
// fill up, and stand between the texts of the steps:
//
//     row 1, text, row 1 (tool), row 1 (observation), row 2, text, row 2
//
// An agent-chat's row repeats the text of its step. A New Agent has rows of
// its own for thoughts, which grow from one to the next, and says its answer,
// or that of its last step, once more as a whole.

#include <algorithm>

#include "dify/decode_stream.hpp"
#include "dify/short_text.hpp"

namespace opendify::dify {

namespace {

using wire::JsonValue;
using Kind = FrequentEvent::Kind;

constexpr std::string_view kBlanks = " \t\r\n";
constexpr std::size_t      kMaxIdBytes = 100;

std::string_view without_lead(std::string_view text)
{
    text.remove_prefix(std::min(text.find_first_not_of(kBlanks),
                                text.size()));
    return text;
}

std::string_view trimmed(std::string_view text)
{
    return without_lead(text.substr(0, text.find_last_not_of(kBlanks) + 1));
}

}  // namespace

void StreamDecoder::on_row(JsonValue row)
{
    const std::string_view id = first_bytes(row["id"].string(), kMaxIdBytes);
    const std::int64_t     position = row["position"].integer(0);
    const bool             next = position > 0 ? position > row_
                                               : id != row_id_;

    if (next && !row_id_.empty()) {
        rows_begun_++;
    }

    if (next) {
        row_ = position;
        row_id_ = id;
    }

    // Where the row of a text comes behind it.
    if (mode_ == AppMode::agent && !row["tool"].string().empty()) {
        rows_begun_ = std::max<std::size_t>(rows_begun_, 1);
    }

    if (rows_begun_ > 0) {
        steps_begun_ = true;
        step_.clear();
        frequent_.forget();
    }

    if (mode_ == AppMode::agent) {
        on_thought(id, trimmed(row["thought"].string()));
    }
}

void StreamDecoder::on_thought(std::string_view id, std::string_view thought)
{
    if (thought.empty() || is_said(thought)) {
        return;
    }

    if (id != thought_id_) {
        thought_over_ = !thought_id_.empty();
        thought_id_ = id;
        thought_.clear();
    }

    std::string_view rest = thought;

    if (thought.substr(0, thought_.size()) == thought_) {
        rest.remove_prefix(thought_.size());
        thought_ += rest;

    } else {
        SaidText told;
        told.add(thought_);
        rest = told.new_in(thought);
        thought_ = thought;
    }

    reasoning(rest);
}

void StreamDecoder::reasoning(std::string_view piece)
{
    if (piece.empty()) {
        return;
    }

    if (thought_over_) {
        thought_over_ = false;
        sink_.on_event({TurnEvent::Kind::reasoning_end, {}});
    }

    sink_.on_event({TurnEvent::Kind::reasoning, piece});
}

// Whether a row's text is that of the answer.
bool StreamDecoder::is_said(std::string_view text) const
{
    return spoken_.new_in(text).empty()
           || (!step_.empty() && step_.new_in(text).empty());
}

// What is new of a piece of a New Agent's answer.
std::string_view StreamDecoder::agent_text(Kind kind, std::string_view piece)
{
    if (kind == Kind::message && !spoken_.empty()) {
        const std::string_view whole = piece;

        piece = spoken_.new_in(whole);

        if (piece.size() == whole.size() && steps_begun_) {
            piece = step_.new_in(whole);
        }
    }

    // Its model begins with empty lines, which Dify does not store.
    if (!said_) {
        piece = without_lead(piece);
    }

    if ((kind == Kind::agent_message || !spoken_.empty())
        && piece.size() <= max_spoken_ - spoken_.size()) {
        spoken_.add(piece);

        if (steps_begun_) {
            step_.add(piece);
        }
    }

    return piece;
}

// Dify stores a line break behind the text of each step, and trims the whole.
void StreamDecoder::part_steps(std::string_view next)
{
    std::size_t breaks = rows_begun_;

    if (breaks == 0 || next.empty()) {
        return;
    }

    rows_begun_ = 0;

    if (mode_ == AppMode::agent) {
        breaks = line_over_ || next.front() == '\n' ? 0 : 1;
    }

    if (said_ && breaks > 0) {
        text(std::string(breaks, '\n'));
    }
}

}  // namespace opendify::dify
