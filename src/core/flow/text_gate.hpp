// Pieces of an answer on their way out, each let go some time after it came.
// Order is kept; a clock and JSON are not known here. Times are in ms and
// never go back.

#ifndef OPENDIFY_FLOW_TEXT_GATE_HPP
#define OPENDIFY_FLOW_TEXT_GATE_HPP

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "opendify/turn.hpp"

namespace opendify {

class GateSink {
public:
    virtual ~GateSink() = default;
    // The view lives until the call returns. It must not call the gate.
    virtual void on_release(TurnEvent::Kind kind, std::string_view text) = 0;
};

class TextGate {
public:
    // With 0 pieces go through at once, without being copied.
    explicit TextGate(std::uint32_t window_ms = 0) : window_ms_(window_ms) {}

    bool delays() const { return window_ms_ != 0; }

    void push(TurnEvent::Kind kind, std::string_view text,
              std::uint64_t now_ms, GateSink &sink);
    void release(std::uint64_t now_ms, GateSink &sink);  // what is due
    void flush(GateSink &sink);                          // everything
    void drop();  // takes back what was not yet released

    std::uint64_t due_ms() const;  // of the next piece, 0: none
    std::size_t   bytes() const { return kept_.size() - begin_; }

private:
    struct Piece {
        TurnEvent::Kind kind;
        std::uint64_t   due_ms;
        std::size_t     size;
    };

    bool empty() const { return first_ == pieces_.size(); }
    void release_first(GateSink &sink);

    std::uint32_t window_ms_;

    // What is released goes when it is the larger half.
    std::vector<Piece> pieces_;
    std::size_t        first_ = 0;  // of those that are held
    std::string        kept_;       // the texts,
    std::size_t        begin_ = 0;  // from here on
};

}  // namespace opendify

#endif
