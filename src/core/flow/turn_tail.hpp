// The end of a stream that nobody shows any more.

#ifndef OPENDIFY_FLOW_TURN_TAIL_HPP
#define OPENDIFY_FLOW_TURN_TAIL_HPP

#include <utility>

#include "dify/decode_stream.hpp"
#include "opendify/turn_end.hpp"
#include "wire/sse_parser.hpp"

namespace opendify {

class StreamTail : public TurnTail, private TurnSink {
public:
    // `parser` may be within an event.
    StreamTail(wire::SseParser &&parser, AppMode mode, const Limits &limits)
        : parser_(std::move(parser)), decoder_(mode, limits, *this)
    {
    }

    void feed(std::string_view bytes) override
    {
        parser_.feed(bytes, decoder_);
    }

    void finish() override
    {
        parser_.finish(decoder_);
        decoder_.finish();
    }

    bool complete() const override { return complete_; }
    bool over() const override { return decoder_.over(); }

private:
    void on_event(const TurnEvent &event) override
    {
        complete_ = complete_ || event.kind == TurnEvent::Kind::end;
    }

    void on_plain(std::string_view) override {}

    wire::SseParser     parser_;
    dify::StreamDecoder decoder_;
    bool                complete_ = false;
};

}  // namespace opendify

#endif
