// What a pipeline is made of.

#ifndef OPENDIFY_FLOW_PIPELINE_IMPL_HPP
#define OPENDIFY_FLOW_PIPELINE_IMPL_HPP

#include <optional>
#include <utility>

#include "dify/decode_stream.hpp"
#include "flow/answer_writer.hpp"
#include "flow/text_gate.hpp"
#include "opendify/pipeline.hpp"
#include "wire/sse_parser.hpp"

namespace opendify {

struct Pipeline::Impl : TurnSink {
    Impl(AnswerHead answer_head, Fingerprint sent, const Limits &bounds,
         AnswerOptions shown, std::string &output, Progress &where)
        : out(output), progress(where), folded(!answer_head.stream),
          parser(bounds.max_event_bytes),
          head(std::move(answer_head)), options(std::move(shown)),
          limits(bounds), history(std::move(sent))
    {
    }

    void begin(AppMode mode);
    void decode_as(AppMode mode);
    void on_event(const TurnEvent &event) override;
    void on_plain(std::string_view text) override;
    void piece(TurnEvent::Kind kind, std::string_view text);
    void replace(std::string_view whole);
    void end(FinishReason reason);
    void end_where_cut();
    void go_on();
    void fail(Failure &&why);
    void commit_if_shown();
    void fail_if_full();
    bool over() const { return progress.ended || progress.failed; }

    // What each piece of the answer needs stands first, here and in the parts.
    std::string  &out;
    Progress     &progress;
    std::uint64_t now_ms = 0;
    const bool    folded;

    bool fed = false;  // of the upstream: there is something to forget
    bool has_usage = false;
    bool closed = false;   // all that comes before the block is written
    bool replaced = false;  // moderation: the finish is content_filter
    bool muted = false;     // replaced too late: nothing more is shown

    TextGate                           gate;
    wire::SseParser                    parser;
    std::optional<dify::StreamDecoder> decoder;
    std::optional<AnswerWriter>        writer;

    AnswerHead    head;
    AnswerOptions options;
    Limits        limits;
    Fingerprint   history;
    Usage         usage;
    Failure       failure{Errc::backend_failed, {}, {}, {}};
    FinishReason  finish = FinishReason::stop;
    std::string   block;  // before the end
};

}  // namespace opendify

#endif
