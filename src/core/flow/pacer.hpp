// Text of an answer that comes in bursts, let go at the rate at which it comes
// on average. Knows no clock; times are in ms and never go back.
//
//     comes     |||||..........|||||..........||||..........
//     goes out  |||||..........|..|..|..|..|..|..|..|..|....
//
// A burst is what comes within some ms of the piece before it, the rhythm the
// time from burst to burst. The first piece of a burst goes out at once if
// nothing is kept, the others are spread over the rhythm, a share a tick. So
// what comes evenly goes straight through, and so does everything before there
// is a rhythm: the first burst, and an answer that comes as a whole.

#ifndef OPENDIFY_FLOW_PACER_HPP
#define OPENDIFY_FLOW_PACER_HPP

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace opendify {

class Pacer {
public:
    // No text waits longer, if take() is called when it is due, or some ms
    // later. 0: nothing is ever kept.
    explicit Pacer(std::uint32_t max_lag_ms = 0) : max_lag_ms_(max_lag_ms) {}

    // False: `text` was not kept and goes out now, behind take_all().
    bool keep(std::string_view text, std::uint64_t now_ms)
    {
        return max_lag_ms_ != 0 && pace(text, now_ms);
    }

    // What goes out now, from the oldest on; "" if nothing is due. The view
    // lives until the next call of keep() or drop().
    std::string_view take(std::uint64_t now_ms);
    std::string_view take_all();
    void drop();
    void begin_anew() { *this = Pacer(max_lag_ms_); }

    std::uint64_t due_ms() const { return empty() ? 0 : due_ms_; }
    bool empty() const { return begin_ == kept_.size(); }

    static constexpr std::uint32_t kTickMs = 20;    // reads as a flow
    static constexpr std::uint32_t kBurstMs = 10;   // between its pieces
    static constexpr std::size_t   kMaxKept = 16 << 10;  // bytes, all told

private:
    struct Piece {
        std::uint64_t at_ms;  // when it came
        std::size_t   size;
    };

    bool pace(std::string_view text, std::uint64_t now_ms);
    bool begins_burst(std::uint64_t now_ms);
    std::size_t share_of(const Piece &piece, std::size_t wanted) const;
    void forget_taken();

    std::uint32_t      max_lag_ms_;
    std::vector<Piece> pieces_;     // whose texts are
    std::string        kept_;       // in here,
    std::size_t        first_ = 0;  // from this piece
    std::size_t        begin_ = 0;  // and this byte on

    std::uint64_t due_ms_ = 0;
    std::uint64_t last_ms_ = 0;   // when the newest piece came
    std::uint64_t burst_ms_ = 0;  // when its burst began
    std::uint64_t until_ms_ = 0;  // when the next one is expected
    std::uint64_t rhythm_ms_ = 0;  // max_lag_ms_ at most; 0: not known
    bool          any_ = false;    // piece has come
};

}  // namespace opendify

#endif
