#include "opendify/pipeline.hpp"

#include <optional>
#include <utility>

#include "dify/decode_stream.hpp"
#include "flow/answer_writer.hpp"
#include "flow/text_gate.hpp"
#include "opendify/human_form.hpp"
#include "wire/sse_parser.hpp"

namespace opendify {

struct Pipeline::Impl : TurnSink {
    Impl(AnswerHead answer_head, Fingerprint sent, const Limits &bounds,
         AnswerOptions shown, std::string &output)
        : head(std::move(answer_head)), options(std::move(shown)),
          limits(bounds), history(std::move(sent)), out(output),
          parser(limits.max_event_bytes)
    {
    }

    void begin(AppMode mode);
    void decode_as(AppMode mode);
    void on_event(const TurnEvent &event) override;
    void piece(TurnEvent::Kind kind, std::string_view text);
    void replace(std::string_view whole);
    void end(FinishReason reason);
    void complete(std::string_view block);
    void fail(Failure &&why);
    void fail_if_full();
    bool over() const { return ended || failed; }

    AnswerHead    head;
    AnswerOptions options;
    Limits        limits;
    Fingerprint   history;
    std::string  &out;

    wire::SseParser                        parser;
    std::optional<dify::StreamDecoder>     decoder;
    TextGate                               gate;
    std::optional<AnswerWriter>            writer;

    Usage         usage;
    Failure       failure{Errc::backend_failed, {}, {}, {}};
    FinishReason  finish = FinishReason::stop;
    std::uint64_t now_ms = 0;

    bool fed = false;  // of the upstream: there is something to forget
    bool has_usage = false;
    bool held = false;  // the end was seen, complete() was not called
    bool ended = false;
    bool failed = false;
    bool committed = false;
    bool replaced = false;  // moderation: the finish is content_filter
    bool muted = false;     // replaced too late: nothing more is shown
};

void Pipeline::Impl::begin(AppMode mode)
{
    parser.reset();
    decode_as(mode);

    // A folded answer waits for its end anyway.
    gate = TextGate(head.stream ? options.moderation_window_ms : 0);
    writer.emplace(head, options, history, limits, out);

    out.clear();
    usage = Usage{};
    failure = Failure{Errc::backend_failed, {}, {}, {}};
    fed = has_usage = held = ended = failed = replaced = muted = false;
}

void Pipeline::Impl::decode_as(AppMode mode)
{
    decoder.emplace(mode, limits, *this, options.steps, options.output_name);
}

void Pipeline::Impl::on_event(const TurnEvent &event)
{
    if (over() || held) {
        return;
    }

    switch (event.kind) {
    case TurnEvent::Kind::text:
    case TurnEvent::Kind::reasoning:
    case TurnEvent::Kind::step:
        piece(event.kind, event.text);
        break;

    case TurnEvent::Kind::replace:
        replace(event.text);
        break;

    case TurnEvent::Kind::citation:
        writer->citation(*event.citation);
        break;

    case TurnEvent::Kind::file:
        piece(event.kind, AnswerWriter::file_piece(*event.file));
        break;

    case TurnEvent::Kind::form:
        piece(event.kind, form_text(*event.form));
        break;

    case TurnEvent::Kind::usage:
        usage = *event.usage;
        has_usage = true;
        break;

    case TurnEvent::Kind::error:
        fail(Failure(*event.failure));
        break;

    case TurnEvent::Kind::end:
        end(event.finish);
        break;
    }
}

void Pipeline::Impl::piece(TurnEvent::Kind kind, std::string_view text)
{
    if (!muted) {
        gate.push(kind, text, now_ms, *writer);
        fail_if_full();
    }
}

void Pipeline::Impl::replace(std::string_view whole)
{
    if (muted) {
        return;
    }

    replaced = true;
    gate.drop();
    writer->drop_held();

    // What the client has seen cannot be taken back, only ended.
    if (committed && writer->text_bytes() != 0) {
        muted = true;
        return;
    }

    if (!committed) {
        writer->take_back();
    }

    writer->on_release(TurnEvent::Kind::text, whole);
    fail_if_full();
}

void Pipeline::Impl::end(FinishReason reason)
{
    finish = replaced ? FinishReason::content_filter : reason;
    gate.flush(*writer);
    writer->close(!replaced);
    fail_if_full();

    if (over()) {
        return;
    }

    held = options.hold_end;

    if (!held) {
        complete({});
    }
}

void Pipeline::Impl::complete(std::string_view block)
{
    if (!replaced) {
        writer->aside(block);
        fail_if_full();
    }

    if (!failed) {
        held = false;
        ended = true;
        writer->encoder().end(finish, has_usage ? &usage : nullptr, out);
    }
}

void Pipeline::Impl::fail(Failure &&why)
{
    if (over()) {
        return;
    }

    held = false;
    failed = true;
    failure = std::move(why);

    // What moderation has not passed is not shown.
    gate.drop();

    if (committed) {
        writer->close(false);
        writer->encoder().error(failure, out);

    } else {
        out.clear();
    }
}

void Pipeline::Impl::fail_if_full()
{
    if (gate.bytes() > limits.max_answer_bytes) {
        fail({Errc::event_too_large,
              "The answer of the app is too long to be held back for "
              "moderation.", {}, {}});

    } else if (writer->encoder().full()) {
        fail({Errc::event_too_large,
              "The answer of the app is too long to be returned in one "
              "piece; ask for it with \"stream\": true.", {}, {}});
    }
}

Pipeline::Pipeline(AnswerHead head, AppMode mode, Fingerprint history,
                   const Limits &limits, AnswerOptions options)
    : impl_(std::make_unique<Impl>(std::move(head), std::move(history),
                                   limits, std::move(options), output_))
{
    impl_->begin(mode);
}

Pipeline::~Pipeline() = default;

void Pipeline::set_now(std::uint64_t now_ms)
{
    impl_->now_ms = now_ms;
}

std::uint64_t Pipeline::due_ms() const
{
    return impl_->gate.due_ms();
}

void Pipeline::release()
{
    impl_->gate.release(impl_->now_ms, *impl_->writer);
}

void Pipeline::feed(std::string_view bytes)
{
    if (!over()) {
        impl_->fed = true;
        impl_->parser.feed(bytes, *impl_->decoder);
    }
}

void Pipeline::finish()
{
    if (over() || held()) {
        return;
    }

    impl_->parser.finish(*impl_->decoder);
    impl_->decoder->finish();

    if (held()) {
        return;
    }

    impl_->fail({Errc::backend_closed,
                 "The connection to the app was closed before its answer "
                 "was complete.", {}, {}});
}

void Pipeline::fail(Failure failure)
{
    impl_->fail(std::move(failure));
}

void Pipeline::restart(AppMode mode)
{
    if (impl_->fed || impl_->over()) {
        impl_->begin(mode);

    } else {
        impl_->decode_as(mode);
    }
}

bool Pipeline::started() const
{
    return impl_->writer->started() || impl_->ended || impl_->held;
}

bool Pipeline::stirred() const
{
    return impl_->decoder->stirred();
}

bool Pipeline::ended() const
{
    return impl_->ended;
}

bool Pipeline::failed() const
{
    return impl_->failed;
}

bool Pipeline::held() const
{
    return impl_->held;
}

void Pipeline::complete(std::string_view block)
{
    if (impl_->held) {
        impl_->complete(block);
    }
}

const Failure &Pipeline::failure() const
{
    return impl_->failure;
}

void Pipeline::commit()
{
    // A folded answer, or one that has failed, still has its status to give.
    if (impl_->head.stream && !impl_->failed) {
        impl_->committed = true;
    }
}

bool Pipeline::committed() const
{
    return impl_->committed;
}

const std::string &Pipeline::task_id() const
{
    return impl_->decoder->task_id();
}

const std::string &Pipeline::conversation_id() const
{
    return impl_->decoder->conversation_id();
}

const std::string &Pipeline::message_id() const
{
    return impl_->decoder->message_id();
}

const Usage &Pipeline::usage() const
{
    return impl_->usage;
}

bool Pipeline::has_usage() const
{
    return impl_->has_usage;
}

std::string_view Pipeline::finish_reason() const
{
    if (!impl_->ended) {
        return {};
    }

    return openai::finish_name(impl_->finish);
}

std::size_t Pipeline::skipped_events() const
{
    return impl_->decoder->skipped();
}

Digest Pipeline::digest() const
{
    return impl_->writer->digest();
}

std::size_t Pipeline::text_bytes() const
{
    return impl_->writer->text_bytes();
}

}  // namespace opendify
