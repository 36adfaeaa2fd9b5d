// The main call and what becomes of its answer:
//
//     answer_start: the call goes out
//     answer_run: its bytes have come, or its end: send, replay, fail
//     suggesting: the answer is complete, a block is added to it
//     settle: the conversation is remembered, the call is let go

#include "ngx_http_opendify_client.hpp"
#include "ngx_http_opendify_stops.hpp"

namespace opendify::glue {

namespace {

// Dify has a model make them up; nobody waits longer for the end of an answer.
constexpr ngx_msec_t kSuggestTimeout = 5000;

bool may_begin_anew(const ClientCtx *ctx)
{
    return ctx->pipeline->text_bytes() == 0 && !ctx->pipeline->committed();
}

bool may_replay(const ClientCtx *ctx)
{
    return !ctx->replayed && !ctx->conversation_id.empty()
           && ctx->pipeline->text_bytes() == 0;
}

// The conversation is gone at Dify, or takes no more turns: this one goes into
// a new one.
void replay(ClientCtx *ctx)
{
    ngx_log_error(NGX_LOG_WARN, ctx->r->connection->log, 0,
                  "opendify: a conversation is gone at Dify or takes no more "
                  "turns, replaying the messages in a new one");

    conversation_drop(ctx);
    ctx->replayed = true;

    if (ctx->stall.timer_set) {
        ngx_del_timer(&ctx->stall);
    }

    call_let_go(ctx->probe, 0);
    call_let_go(ctx->call, 0);
    ctx->pipeline->restart(ctx->mode);
    prepare_again(ctx);
}

// Dify refused what it was given, which may be files that it has no more.
void send_files_anew(ClientCtx *ctx)
{
    prepare_forget(ctx);
    call_let_go(ctx->call, 0);
    ctx->pipeline->restart(ctx->mode);
    prepare_again(ctx);
}

void forget(ClientCtx *ctx)
{
    switch (ctx->pipeline->failure().errc) {

    case Errc::backend_misconfigured:  // it may be of another kind by now
        zone_of(ctx).set_app_mode(ctx->app->key_digest, AppMode::unknown);
        break;

    case Errc::backend_rejected:
    case Errc::run_failed:
    case Errc::backend_closed:
        prepare_forget(ctx);
        break;

    default:
        break;
    }
}

void on_stall_probe(ClientCtx *ctx)
{
    auto failure = call_failure(ctx->probe);
    bool gone = ctx->probe->status != 0 && ctx->probe->status != NGX_HTTP_OK
                && failure.errc == Errc::conversation_not_found;

    call_let_go(ctx->probe, 0);

    if (gone && may_replay(ctx) && !ctx->pipeline->stirred()) {
        replay(ctx);
    }
}

// What the main call's end means for the answer.
void on_call_over(ClientCtx *ctx)
{
    auto *call = ctx->call;

    if (call != nullptr && call->use == CallUse::reply) {
        resume_on_record(ctx);
        return;
    }

    if (call != nullptr && call->event_stream) {
        if (!resume_unheard(ctx)) {
            ctx->pipeline->finish();
        }

        return;
    }

    auto failure = call_failure(call);

    if (ctx->form_answer && call != nullptr && call->status != 0) {
        call_let_go(ctx->call, 0);  // this Dify streams no resumed runs
        resume_submit(ctx);

    } else if (failure.errc == Errc::conversation_not_found
               && may_replay(ctx))
    {
        replay(ctx);

    } else {
        ctx->pipeline->fail(std::move(failure));
    }
}

// Nobody asks again with messages whose answer is being shown; a chat's
// history is the largest thing that a stream would hold.
void let_go_of_messages(ClientCtx *ctx)
{
    if (!ctx->asked && ctx->pipeline->committed()
        && ctx->pipeline->text_bytes() != 0)
    {
        for (auto &message : ctx->turn.messages) {
            std::string().swap(message.text);
        }

        ctx->asked = true;
    }
}

void settle(ClientCtx *ctx)
{
    events_stop(ctx);
    conversation_end(ctx);
    ctx->settled = true;
    conversation_release(ctx);

    log_unclear_events(ctx);

    if (ctx->pipeline->failed()) {
        log_failure(ctx);
        forget(ctx);
    }

    call_let_go(ctx->probe, 0);
    call_let_go(ctx->call, ctx->conf->drain);
}

void suggest(ClientCtx *ctx)
{
    bool wanted = !ctx->pipeline->message_id().empty()
                  && (!ctx->form.readable || ctx->form.form->suggested);

    call_let_go(ctx->probe, 0);

    if (wanted) {
        ctx->probe = call_start(
            ctx,
            encode_suggested_call(ctx->pipeline->message_id(), ctx->user),
            CallUse::reply);
    }

    if (ctx->probe == nullptr) {
        ctx->pipeline->complete("");
        return;
    }

    ctx->stage = Stage::suggesting;
    event_arm(&ctx->stall, kSuggestTimeout);
}

void on_suggested(ClientCtx *ctx)
{
    std::string block;

    if (ctx->probe != nullptr && ctx->probe->done
        && ctx->probe->status == NGX_HTTP_OK)
    {
        block = suggested_block(decode_suggested(ctx->probe->reply));
    }

    call_let_go(ctx->probe, 0);
    ctx->stage = Stage::answering;
    ctx->pipeline->complete(block);
}

// What the calls have brought.
void look_at_calls(ClientCtx *ctx)
{
    if (ctx->stage == Stage::suggesting) {
        if (ctx->probe == nullptr || ctx->probe->done) {
            on_suggested(ctx);
        }

        return;
    }

    if (ctx->stage == Stage::submitting) {
        if (ctx->probe == nullptr || ctx->probe->done) {
            resume_on_submitted(ctx);
        }

    } else if (ctx->form_answer && ctx->call != nullptr
               && ctx->call->event_stream)
    {
        resume_submit(ctx);

    } else if (ctx->probe != nullptr && ctx->probe->done) {
        on_stall_probe(ctx);
    }

    auto &pipeline = *ctx->pipeline;

    if (ctx->stage == Stage::answering && !pipeline.over()
        && !pipeline.closing()
        && (ctx->call == nullptr || ctx->call->done))
    {
        on_call_over(ctx);
    }

    if (pipeline.failed() && !pipeline.committed() && may_replay(ctx)
        && pipeline.failure().errc == Errc::conversation_not_found)
    {
        replay(ctx);
    }

    if (pipeline.failed() && may_begin_anew(ctx) && ctx->call != nullptr
        && ctx->files_known && !ctx->form_answer
        && pipeline.failure().errc == Errc::backend_rejected)
    {
        send_files_anew(ctx);
    }

    if (pipeline.held()) {
        suggest(ctx);
    }
}

// Sends what there is to be sent.
void show(ClientCtx *ctx)
{
    auto &pipeline = *ctx->pipeline;

    if (pipeline.failed() && !pipeline.committed()) {
        ctx->stage = Stage::finished;
        send_failure(ctx->r, pipeline.failure());

    } else if (!ctx->turn.stream) {
        if (pipeline.ended()) {
            send_reply(ctx);
        }

    } else if (pipeline.started() || pipeline.committed()) {
        pipeline.commit();

        let_go_of_messages(ctx);

        if (send_stream(ctx) && ctx->call != nullptr && !chat_is_full(ctx)) {
            call_resume(ctx->call);
        }
    }
}

// Only more of the answer's text has come, as mostly in a stream.
bool is_flowing(const ClientCtx *ctx)
{
    auto &pipeline = *ctx->pipeline;

    return ctx->asked && ctx->stage == Stage::answering && !pipeline.over()
           && !pipeline.closing() && ctx->call != nullptr && !ctx->call->done
           && ctx->probe == nullptr && !holds_text(ctx->conf)
           && !is_behind(ctx);
}

}  // namespace

void run_stop(ClientCtx *ctx)
{
    ctx->stopped = true;
    stop_add(ctx->r, ctx->conf,
             encode_stop_call(ctx->mode, ctx->pipeline->task_id(), ctx->user),
             ctx->call);
}

void run_stop_if_cut(ClientCtx *ctx)
{
    if (ctx->pipeline->is_cut_short() && !ctx->stopped && ctx->call != nullptr
        && !ctx->call->done && !ctx->pipeline->task_id().empty())
    {
        run_stop(ctx);
    }
}

[[gnu::hot]]
bool answer_flow(ClientCtx *ctx)
{
    if (!is_flowing(ctx)) {
        return false;
    }

    if (ctx->pipeline->output().empty()) {
        output_unexpect(ctx);

    } else if (!send_more(ctx)) {
        return true;
    }

    if (!chat_is_full(ctx)) {
        call_resume(ctx->call);
    }

    return true;
}

void answer_call(ClientCtx *ctx, BackendRequest &&request)
{
    ctx->stage = Stage::answering;
    ctx->pipeline->restart(ctx->mode);
    ctx->call = call_start(ctx, std::move(request), CallUse::stream);

    if (ctx->call == nullptr) {
        turn_fail(ctx, no_connection());
    }
}

void answer_start(ClientCtx *ctx, const ChatCall &chat)
{
    auto request = encode_chat_call(chat);

    if (!request) {
        turn_fail(ctx, std::move(request.failure()));
        return;
    }

    answer_call(ctx, std::move(*request));

    if (ctx->call != nullptr && ctx->mode == AppMode::chatflow
        && !ctx->conversation_id.empty())
    {
        event_arm(&ctx->stall, ctx->conf->stall);
    }
}

void answer_run(ClientCtx *ctx)
{
    look_at_calls(ctx);

    if (ctx->first_token_ms < 0 && ctx->pipeline->started()) {
        ctx->first_token_ms = static_cast<ngx_int_t>(ngx_current_msec
                                                     - ctx->started_at);
    }

    if (is_behind(ctx)) {
        ctx->pipeline->hurry();
    }

    run_stop_if_cut(ctx);

    if (ctx->pipeline->over() && !ctx->settled) {
        settle(ctx);
    }

    events_arm_release(ctx);

    output_unexpect(ctx);

    if (is_answering(ctx->stage)) {
        show(ctx);
    }
}

}  // namespace opendify::glue
