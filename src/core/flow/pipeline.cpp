#include "opendify/pipeline.hpp"

#include <optional>
#include <utility>

#include "dify/decode_stream.hpp"
#include "openai/chat_encoder.hpp"
#include "wire/sse_parser.hpp"

namespace opendify {

struct Pipeline::Impl : TurnSink {
    Impl(AnswerHead answer_head, Fingerprint sent, const Limits &bounds,
         std::string &output)
        : head(std::move(answer_head)), limits(bounds),
          history(std::move(sent)), out(output),
          parser(limits.max_event_bytes)
    {
    }

    void begin(AppMode mode);
    void on_event(const TurnEvent &event) override;
    void text(std::string_view piece);
    void reasoning(std::string_view piece);
    void replace(std::string_view whole);
    void end(FinishReason reason);
    void fail(Failure &&why);
    void fail_if_full();
    bool over() const { return ended || failed; }

    AnswerHead   head;
    Limits       limits;
    Fingerprint  history;
    std::string &out;

    wire::SseParser                         parser;
    std::optional<dify::StreamDecoder>      decoder;
    std::unique_ptr<openai::ChatEncoder>    encoder;
    std::optional<Fingerprint>              answer;  // history + text so far

    Usage        usage;
    Failure      failure{Errc::backend_failed, {}, {}, {}};
    FinishReason finish = FinishReason::stop;
    std::size_t  text_bytes = 0;

    bool has_usage = false;
    bool started = false;
    bool ended = false;
    bool failed = false;
    bool committed = false;
    bool replaced = false;  // moderation: the finish is content_filter
    bool muted = false;     // replaced too late: nothing more is shown
};

void Pipeline::Impl::begin(AppMode mode)
{
    parser.reset();
    decoder.emplace(mode, limits, *this);
    encoder = head.stream ? openai::make_chat_stream_encoder(head)
                          : openai::make_chat_reply_encoder(head, limits);
    answer = history;
    answer->begin(Role::assistant);

    out.clear();
    usage = Usage{};
    failure = Failure{Errc::backend_failed, {}, {}, {}};
    text_bytes = 0;
    has_usage = started = ended = failed = replaced = muted = false;
}

void Pipeline::Impl::on_event(const TurnEvent &event)
{
    if (over()) {
        return;
    }

    switch (event.kind) {
    case TurnEvent::Kind::text:
        text(event.text);
        break;

    case TurnEvent::Kind::reasoning:
        reasoning(event.text);
        break;

    case TurnEvent::Kind::replace:
        replace(event.text);
        break;

    case TurnEvent::Kind::step:
    case TurnEvent::Kind::citation:
    case TurnEvent::Kind::file:
    case TurnEvent::Kind::form:
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

void Pipeline::Impl::text(std::string_view piece)
{
    if (piece.empty() || muted) {
        return;
    }

    started = true;
    text_bytes += piece.size();
    answer->add(piece);
    encoder->text(piece, out);
    fail_if_full();
}

void Pipeline::Impl::reasoning(std::string_view piece)
{
    if (piece.empty() || muted) {
        return;
    }

    started = true;
    encoder->reasoning(piece, out);
    fail_if_full();
}

void Pipeline::Impl::replace(std::string_view whole)
{
    if (muted) {
        return;
    }

    replaced = true;

    // Nothing was said that would have to be taken back.
    if (text_bytes == 0) {
        text(whole);
        return;
    }

    // What the client has seen cannot be taken back, only ended.
    if (committed) {
        muted = true;
        return;
    }

    text_bytes = whole.size();
    answer = history;
    answer->begin(Role::assistant);
    answer->add(whole);
    encoder->replace(whole, out);
    fail_if_full();
}

void Pipeline::Impl::end(FinishReason reason)
{
    started = true;
    ended = true;
    finish = replaced ? FinishReason::content_filter : reason;
    encoder->end(finish, has_usage ? &usage : nullptr, out);
}

void Pipeline::Impl::fail(Failure &&why)
{
    if (over()) {
        return;
    }

    failed = true;
    failure = std::move(why);

    if (committed) {
        encoder->error(failure, out);

    } else {
        out.clear();
    }
}

void Pipeline::Impl::fail_if_full()
{
    if (encoder->full()) {
        fail({Errc::event_too_large,
              "The answer of the app is too long to be returned in one "
              "piece; ask for it with \"stream\": true.", {}, {}});
    }
}

Pipeline::Pipeline(AnswerHead head, AppMode mode, Fingerprint history,
                   const Limits &limits, AnswerOptions)
    : impl_(std::make_unique<Impl>(std::move(head), std::move(history),
                                   limits, output_))
{
    impl_->begin(mode);
}

Pipeline::~Pipeline() = default;

void Pipeline::feed(std::string_view bytes)
{
    if (!over()) {
        impl_->parser.feed(bytes, *impl_->decoder);
    }
}

void Pipeline::finish()
{
    if (over()) {
        return;
    }

    impl_->parser.finish(*impl_->decoder);
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
    impl_->begin(mode);
}

bool Pipeline::started() const
{
    return impl_->started;
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
    return impl_->answer->digest();
}

std::size_t Pipeline::text_bytes() const
{
    return impl_->text_bytes;
}

}  // namespace opendify
