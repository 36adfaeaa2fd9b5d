#include "flow/pacer.hpp"

#include <algorithm>

#include "flow/grapheme_border.hpp"

namespace opendify {

namespace {

// A tick may come that much too late.
constexpr std::uint64_t kSlackMs = 5;

// What is hardly longer than its share is not cut.
constexpr std::size_t kWhole = 16;

}  // namespace

bool Pacer::pace(std::string_view text, std::uint64_t now_ms)
{
    bool begins = begins_burst(now_ms);

    if (empty()) {
        if (begins || now_ms + kTickMs + kSlackMs >= until_ms_) {
            return false;
        }

        due_ms_ = now_ms + kTickMs;
    }

    forget_taken();

    if (kept_.size() - begin_ + text.size()
            + (pieces_.size() - first_ + 1) * sizeof(Piece)
        > kMaxKept)
    {
        return false;
    }

    kept_.append(text);
    pieces_.push_back({now_ms, text.size()});

    return true;
}

bool Pacer::begins_burst(std::uint64_t now_ms)
{
    bool begins = !any_ || now_ms - last_ms_ >= kBurstMs;

    if (begins && any_) {
        // Beyond the lag one rhythm is as good as another.
        auto gap = std::min<std::uint64_t>(now_ms - burst_ms_, max_lag_ms_);
        rhythm_ms_ = rhythm_ms_ == 0 ? gap : (3 * rhythm_ms_ + gap + 2) / 4;
        until_ms_ = now_ms + rhythm_ms_;
    }

    if (begins) {
        burst_ms_ = now_ms;
    }

    any_ = true;
    last_ms_ = now_ms;

    return begins;
}

std::string_view Pacer::take(std::uint64_t now_ms)
{
    if (empty() || now_ms < due_ms_) {
        return {};
    }

    std::uint64_t left = until_ms_ > now_ms ? until_ms_ - now_ms : 0;
    std::uint64_t ticks =
        std::max<std::uint64_t>((left + kTickMs - 1) / kTickMs, 1);
    std::size_t   kept = kept_.size() - begin_;
    std::size_t   share = (kept + ticks - 1) / ticks;
    std::size_t   from = begin_;

    due_ms_ = now_ms + kTickMs;

    while (first_ < pieces_.size()) {
        Piece &piece = pieces_[first_];
        bool   last_tick =
            piece.at_ms + max_lag_ms_ < due_ms_ + kSlackMs;

        if (!last_tick && begin_ - from >= share) {
            break;
        }

        std::size_t size =
            last_tick ? piece.size : share_of(piece, share - (begin_ - from));
        begin_ += size;
        piece.size -= size;

        if (piece.size != 0) {
            break;
        }

        first_++;
    }

    return std::string_view(kept_).substr(from, begin_ - from);
}

std::size_t Pacer::share_of(const Piece &piece, std::size_t wanted) const
{
    if (piece.size <= wanted + kWhole) {
        return piece.size;
    }

    return grapheme_border(
        std::string_view(kept_).substr(begin_, piece.size), wanted);
}

std::string_view Pacer::take_all()
{
    std::size_t from = begin_;

    begin_ = kept_.size();
    first_ = pieces_.size();

    return std::string_view(kept_).substr(from);
}

void Pacer::drop()
{
    pieces_.clear();
    kept_.clear();
    first_ = begin_ = 0;
}

// The taken half goes when it is the larger one.
void Pacer::forget_taken()
{
    if (begin_ * 2 >= kept_.size()) {
        kept_.erase(0, begin_);
        pieces_.erase(pieces_.begin(),
                      pieces_.begin() + static_cast<std::ptrdiff_t>(first_));
        first_ = begin_ = 0;
    }
}

}  // namespace opendify
