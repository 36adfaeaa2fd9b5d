// The StreamDecoder's events that tell a piece of the answer: read as a
// document, or known again by the bytes around the piece.

#include "dify/decode_stream.hpp"
#include "dify/new_text.hpp"

namespace opendify::dify {

namespace {

using wire::JsonValue;
using Kind = FrequentEvent::Kind;

}  // namespace

// Its ids were learnt when its like came first.
bool StreamDecoder::on_frequent(std::string_view data)
{
    const auto found = frequent_.read(data);

    if (found.kind == Kind::none || found.size != data.size()) {
        return false;
    }

    on_answer(found.kind, found.text);
    return true;
}

// As Dify writes it: one line of data. All others are parsed.
std::size_t StreamDecoder::take_sse_event(std::string_view bytes)
{
    constexpr std::string_view kData = "data: ";
    constexpr std::string_view kEnd = "\n\n";

    if (over_ || bytes.substr(0, kData.size()) != kData) {
        return 0;
    }

    const auto        found = frequent_.read(bytes.substr(kData.size()));
    const std::size_t end = kData.size() + found.size;

    if (found.size == 0 || found.size > max_event_
        || bytes.substr(end, kEnd.size()) != kEnd)
    {
        return 0;
    }

    on_answer(found.kind, found.text);

    return end + kEnd.size();
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

void StreamDecoder::on_answer(Kind kind, std::string_view piece)
{
    if (mode_ == AppMode::agent && kind != Kind::text_chunk) {
        if (kind == Kind::message && !spoken_.empty()) {
            piece = new_text(piece, spoken_);
        }

        if ((kind == Kind::agent_message || !spoken_.empty())
            && piece.size() <= max_spoken_ - spoken_.size()) {
            spoken_ += piece;
        }
    }

    text(piece);
}

}  // namespace opendify::dify
