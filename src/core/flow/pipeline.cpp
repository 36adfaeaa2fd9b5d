#include <algorithm>
#include <utility>

#include "flow/pipeline_impl.hpp"
#include "opendify/human_form.hpp"
#include "opendify/prefetch.hpp"

namespace opendify {

void Pipeline::Impl::begin(AppMode mode)
{
    parser.reset();
    decode_as(mode);

    // A folded answer waits for its end anyway.
    gate = TextGate(head.stream ? options.moderation_window_ms : 0);
    writer.emplace(head, options, history, limits, out);
    writer->set_now(now_ms);

    out.clear();
    block.clear();
    usage = Usage{};
    failure = Failure{Errc::backend_failed, {}, {}, {}};
    fed = has_usage = replaced = muted = closed = false;
    progress.closing = progress.held = false;
    progress.ended = progress.failed = false;
}

void Pipeline::Impl::decode_as(AppMode mode)
{
    decoder.emplace(mode, limits, *this, options.steps, options.output_name);
}

void Pipeline::Impl::on_event(const TurnEvent &event)
{
    if (over() || progress.closing) {
        return;
    }

    switch (event.kind) {
    case TurnEvent::Kind::text:
    case TurnEvent::Kind::reasoning:
    case TurnEvent::Kind::reasoning_end:
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
        piece(event.kind, form_text(*event.form, options.seal));
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

// Straight through, where nothing is held back and nothing is open.
[[gnu::hot]]
void Pipeline::Impl::on_plain(std::string_view text)
{
    if (progress.closing || muted || over() || gate.delays()
        || !writer->put_plain(text))
    {
        on_event({TurnEvent::Kind::text, text});
        return;
    }

    if (folded && writer->encoder().full()) {
        fail_if_full();
    }
}

void Pipeline::Impl::piece(TurnEvent::Kind kind, std::string_view text)
{
    if (!muted) {
        gate.push(kind, text, now_ms, *writer);
        fail_if_full();
        end_where_cut();
    }
}

void Pipeline::Impl::replace(std::string_view whole)
{
    if (muted) {
        return;
    }

    replaced = true;
    commit_if_shown();
    gate.drop();
    writer->drop_held();

    // What the client has seen cannot be taken back, only ended: with what
    // stands in its place.
    if (progress.committed && writer->text_bytes() != 0) {
        muted = true;
        writer->new_paragraph();
        writer->on_release(TurnEvent::Kind::text, whole);
        writer->finish_text();
        writer->hurry();
        fail_if_full();
        return;
    }

    if (!progress.committed) {
        writer->take_back();
    }

    writer->on_release(TurnEvent::Kind::text, whole);
    fail_if_full();
    end_where_cut();
}

void Pipeline::Impl::end(FinishReason reason)
{
    gate.flush(*writer);
    writer->finish_text();
    finish = replaced           ? FinishReason::content_filter
             : writer->is_cut() ? FinishReason::stop
                                : reason;
    progress.closing = true;
    progress.held = options.hold_end && !writer->is_cut();
    go_on();
}

// At a stop sequence: what the backend says from here on does not count. What
// is shown is over before the backend is.
void Pipeline::Impl::end_where_cut()
{
    if (writer->is_cut() && !progress.closing && !over()) {
        gate.drop();
        finish = replaced ? FinishReason::content_filter : FinishReason::stop;
        progress.closing = true;
        go_on();
    }
}

// After the end was seen: what comes behind the text, when the text is out.
void Pipeline::Impl::go_on()
{
    fail_if_full();

    if (!progress.closing || over() || writer->keeps_text()) {
        return;
    }

    if (!closed) {
        closed = true;
        writer->close(!replaced && !writer->is_cut());
        fail_if_full();
    }

    if (!progress.held && !replaced) {
        writer->aside(block);
        fail_if_full();
    }

    if (!progress.held && !progress.failed) {
        writer->encoder().end(finish, has_usage ? &usage : nullptr, out);
        progress.ended = true;
    }
}

void Pipeline::Impl::fail(Failure &&why)
{
    if (over()) {
        return;
    }

    commit_if_shown();
    progress.held = false;
    progress.failed = true;
    failure = std::move(why);

    // What moderation has not passed is not shown.
    gate.drop();

    if (progress.committed) {
        writer->close(false);
        writer->encoder().error(failure, out);

    } else {
        writer->drop_held();
        out.clear();
    }
}

// What was written is the client's, sent or not: the bytes may have come in
// one piece or in many.
void Pipeline::Impl::commit_if_shown()
{
    if (!folded && writer->started()) {
        progress.committed = true;
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
                                   limits, std::move(options), output_,
                                   progress_))
{
    impl_->begin(mode);
}

Pipeline::~Pipeline() = default;

[[gnu::hot]]
void Pipeline::set_now(std::uint64_t now_ms)
{
    impl_->now_ms = now_ms;
    impl_->writer->set_now(now_ms);
}

std::uint64_t Pipeline::due_ms() const
{
    std::uint64_t held = impl_->gate.due_ms();
    std::uint64_t paced = impl_->writer->due_ms();

    return held == 0 || paced == 0 ? held + paced : std::min(held, paced);
}

void Pipeline::release()
{
    impl_->gate.release(impl_->now_ms, *impl_->writer);
    impl_->end_where_cut();
    impl_->writer->release();
    impl_->go_on();
}

void Pipeline::hurry()
{
    impl_->writer->hurry();
    impl_->go_on();
}

[[gnu::hot]]
void Pipeline::fetch_ahead() const
{
    constexpr std::size_t kUpToDecoder = 512;
    constexpr std::size_t kUpToSplitter = 192;

    prefetch<kUpToDecoder>(impl_.get());
    prefetch<kUpToSplitter>(&*impl_->writer);
}

[[gnu::hot]]
void Pipeline::feed(std::string_view bytes)
{
    if (!over()) {
        impl_->fed = true;
        impl_->parser.feed(bytes, *impl_->decoder);
    }
}

void Pipeline::finish()
{
    if (over() || closing()) {
        return;
    }

    impl_->decoder->close();
    impl_->parser.finish(*impl_->decoder);
    impl_->decoder->finish();

    if (closing()) {
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
    if (impl_->fed || over()) {
        impl_->begin(mode);

    } else {
        impl_->decode_as(mode);
    }
}

void Pipeline::complete(std::string_view block)
{
    if (progress_.held) {
        progress_.held = false;
        impl_->block = block;
        impl_->go_on();
    }
}

void Pipeline::commit()
{
    // A folded answer, or one that has failed, still has its status to give.
    if (impl_->head.stream && !progress_.failed) {
        progress_.committed = true;
    }
}

}  // namespace opendify
