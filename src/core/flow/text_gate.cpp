#include "flow/text_gate.hpp"

namespace opendify {

void TextGate::push(TurnEvent::Kind kind, std::string_view text,
                    std::uint64_t now_ms, GateSink &sink)
{
    if (window_ms_ == 0) {
        sink.on_release(kind, text);
        return;
    }

    // A due time of 0 would say that there is none.
    pieces_.push_back({kind, now_ms + window_ms_, text.size()});
    kept_.append(text);
}

void TextGate::release(std::uint64_t now_ms, GateSink &sink)
{
    while (!empty() && pieces_[first_].due_ms <= now_ms) {
        release_first(sink);
    }
}

void TextGate::flush(GateSink &sink)
{
    while (!empty()) {
        release_first(sink);
    }
}

void TextGate::drop()
{
    pieces_.clear();
    first_ = 0;
    kept_.clear();
    begin_ = 0;
}

std::uint64_t TextGate::due_ms() const
{
    return empty() ? 0 : pieces_[first_].due_ms;
}

void TextGate::release_first(GateSink &sink)
{
    const Piece piece = pieces_[first_++];

    sink.on_release(piece.kind,
                    std::string_view(kept_).substr(begin_, piece.size));
    begin_ += piece.size;

    if (first_ * 2 >= pieces_.size()) {
        pieces_.erase(pieces_.begin(), pieces_.begin() + first_);
        first_ = 0;
    }

    if (begin_ * 2 >= kept_.size()) {
        kept_.erase(0, begin_);
        begin_ = 0;
    }
}

}  // namespace opendify
