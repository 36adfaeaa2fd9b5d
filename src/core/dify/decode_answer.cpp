// The StreamDecoder's events that tell a piece of the answer: read as a
// document, or known again by the bytes around the piece.

#include "dify/decode_stream.hpp"

namespace opendify::dify {

namespace {

using wire::JsonValue;
using Kind = FrequentEvent::Kind;

}  // namespace

// Its ids were learnt when its like came first.
bool StreamDecoder::on_frequent(std::string_view data)
{
    const auto found = frequent_.read(data);

    if (found.kind == Kind::none) {
        return false;
    }

    on_answer(found.kind, found.text, found.plain);
    return true;
}

// All others are parsed.
[[gnu::hot, gnu::flatten]]
std::size_t StreamDecoder::take_sse_event(std::string_view bytes)
{
    constexpr std::size_t kAround =
        FrequentEvent::kFrame.size() + FrequentEvent::kFrameEnd.size();

    const auto found = frequent_.read_framed(bytes);

    if (found.kind == Kind::none || found.size > max_event_ + kAround
        || over_)
    {
        return 0;
    }

    on_answer(found.kind, found.text, found.plain);

    return found.size;
}

// What is read of such an event beside its text is the same in all of them.
void StreamDecoder::learn_frequent(std::string_view data, JsonValue root,
                                   JsonValue text)
{
    const Kind kind = frequent_kind(root["event"].string());

    if (kind != Kind::none && text.closing_quote() != 0) {
        frequent_.learn(kind, data, text.closing_quote());
    }
}

// Read as a document: the first one, and one behind an agent's row.
void StreamDecoder::on_piece(std::string_view data, JsonValue root,
                             JsonValue told)
{
    const Kind             kind = frequent_kind(root["event"].string());
    const std::string_view piece = cut_text_.join(told, data);

    if (kind == Kind::text_chunk) {
        text(piece);

    } else {
        on_answer_event(kind, piece);
    }

    // What completes it has to be read as a document, too.
    if (cut_text_.kept()) {
        frequent_.forget();

    } else if (rows_begun_ == 0) {
        learn_frequent(data, root, told);
    }
}

[[gnu::hot]]
void StreamDecoder::on_answer(Kind kind, std::string_view piece, bool plain)
{
    if (mode_ == AppMode::agent && kind != Kind::text_chunk) {
        piece = agent_text(kind, piece);
        note_line(piece);
    }

    text(piece, plain);
}

void StreamDecoder::on_answer_event(Kind kind, std::string_view piece)
{
    if (mode_ == AppMode::agent) {
        piece = agent_text(kind, piece);
    }

    part_steps(piece);
    note_line(piece);
    text(piece);
}

[[gnu::hot]]
void StreamDecoder::text(std::string_view piece, bool plain)
{
    // Empty pieces are normal: the end of a node is one.
    if (piece.empty()) {
        return;
    }

    said_ = said_ || piece.find_first_not_of(" \t\r\n") != piece.npos;

    if (plain) {
        sink_.on_plain(piece);

    } else {
        files_.said(piece);
        sink_.on_event({TurnEvent::Kind::text, piece});
    }
}

void StreamDecoder::on_reasoning(std::string_view data, JsonValue told)
{
    reasoning(cut_thought_.join(told["reasoning"], data));

    if (told["is_final"].boolean(false)) {
        reasoning(cut_thought_.drop());
        thought_over_ = true;
    }
}

}  // namespace opendify::dify
