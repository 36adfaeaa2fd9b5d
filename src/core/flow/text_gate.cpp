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
    while (!pieces_.empty() && pieces_.front().due_ms <= now_ms) {
        release_first(sink);
    }
}

void TextGate::flush(GateSink &sink)
{
    while (!pieces_.empty()) {
        release_first(sink);
    }
}

void TextGate::drop()
{
    pieces_.clear();
    kept_.clear();
    begin_ = 0;
}

std::uint64_t TextGate::due_ms() const
{
    return pieces_.empty() ? 0 : pieces_.front().due_ms;
}

void TextGate::release_first(GateSink &sink)
{
    Piece piece = pieces_.front();
    pieces_.pop_front();

    sink.on_release(piece.kind,
                    std::string_view(kept_).substr(begin_, piece.size));
    begin_ += piece.size;

    // The released half goes when it is the larger one.
    if (begin_ * 2 >= kept_.size()) {
        kept_.erase(0, begin_);
        begin_ = 0;
    }
}

}  // namespace opendify
