// What happens to a client's request from outside: it leaves, a timer fires, a
// call has news.

#include "ngx_http_opendify_client.hpp"
#include "ngx_http_opendify_stops.hpp"
#include "opendify/prefetch.hpp"

namespace opendify::glue {

namespace {

// Of a client's context: what each piece of the answer needs.
constexpr std::size_t kHotBytes = 576;

// What becomes of the conversation and of the call.
void leave_turn(ClientCtx *ctx)
{
    if (ctx->pipeline && ctx->pipeline->closing()) {
        // The turn has ended: what went out is the answer.
        guarded(ctx->r->connection->log, 0, [ctx] {
            if (!ctx->settled) {
                run_stop_if_cut(ctx);
                conversation_end(ctx);
            }

            return 0;
        });
        call_let_go(ctx->call, ctx->conf->drain);
        return;
    }

    if (ctx->call == nullptr) {
        conversation_put_back(ctx);
        return;
    }

    if (ctx->stage != Stage::answering) {
        conversation_put_back(ctx);
        call_let_go(ctx->call, 0);
        return;
    }

    auto *log = ctx->r->connection->log;

    if (ctx->pipeline->task_id().empty()) {
        // A chatflow says no more than a ping to what it does not take.
        guarded(log, 0, [ctx] {
            prepare_forget(ctx);
            return 0;
        });
        guarded(log, 0, [ctx] {
            conversation_give_up(ctx);
            return 0;
        });
        call_let_go(ctx->call, 0);
        return;
    }

    bool said = guarded(log, false, [ctx] {
        run_stop(ctx);
        return true;
    });

    if (!said) {
        stop_lost();
    }

    guarded(log, 0, [ctx] {
        conversation_hand_over(ctx, ctx->call);
        return 0;
    });

    call_let_go(ctx->call, ctx->conf->drain);
}

// The client's request ends, whatever the reason.
void leave(void *data)
{
    auto *ctx = static_cast<ClientCtx *>(data);

    if (ctx->left) {
        return;
    }

    ctx->left = true;
    events_stop(ctx);

    if (ctx->wake.posted) {
        ngx_delete_posted_event(&ctx->wake);
    }

    call_let_go(ctx->probe, 0);
    leave_turn(ctx);
    conversation_release(ctx);
}

// Runs `step` as an event of the client's connection.
template <class F>
void as_event(ngx_event_t *ev, F &&step)
{
    auto *ctx = static_cast<ClientCtx *>(ev->data);
    auto *r = ctx->r;
    auto *c = r->connection;

    ngx_http_set_log_request(c->log, r);

    bool ran = !ctx->broken && guarded(c->log, false, [&] {
        step(ctx);
        return true;
    });

    if (!ran) {
        events_break(ctx);
    }

    ngx_http_run_posted_requests(c);
}

[[gnu::hot]]
void on_wake(ngx_event_t *ev)
{
    as_event(ev, [](ClientCtx *ctx) { chat_run(ctx); });
}

void on_hold(ngx_event_t *ev)
{
    conversation_hold(static_cast<ClientCtx *>(ev->data));
}

void on_ping(ngx_event_t *ev)
{
    as_event(ev, [ev](ClientCtx *ctx) {
        ngx_msec_t silent = ngx_current_msec - ctx->sent_at;

        if (silent < ctx->conf->keepalive) {
            event_arm(ev, ctx->conf->keepalive - silent);
            return;
        }

        ctx->sent_at = ngx_current_msec;
        event_arm(ev, ctx->conf->keepalive);
        send_ping(ctx);
    });
}

// Nothing but a ping: the conversation may be gone at Dify.
void on_silence(ClientCtx *ctx)
{
    if (ctx->pipeline->stirred() || ctx->pipeline->over()
        || ctx->call == nullptr)
    {
        return;
    }

    if (ctx->call->status == 0) {
        event_arm(&ctx->stall, ctx->conf->stall);
        return;
    }

    ctx->probe = call_start(ctx,
                            encode_conversation_probe(ctx->conversation_id,
                                                      ctx->user),
                            CallUse::reply);
}

void on_stall(ngx_event_t *ev)
{
    as_event(ev, [](ClientCtx *ctx) {
        switch (ctx->stage) {

        case Stage::waiting:
            resume_poll(ctx);
            break;

        case Stage::waiting_turn:
            break;

        case Stage::suggesting:
            call_let_go(ctx->probe, 0);
            break;

        case Stage::answering:
            on_silence(ctx);
            return;

        default:
            return;
        }

        chat_run(ctx);
    });
}

void on_release(ngx_event_t *ev)
{
    as_event(ev, [](ClientCtx *ctx) {
        ctx->pipeline->set_now(ngx_current_msec);
        ctx->pipeline->release();
        chat_run(ctx);
    });
}

void init_event(ClientCtx *ctx, ngx_event_t *ev, ngx_event_handler_pt handler)
{
    ev->data = ctx;
    ev->handler = handler;
    ev->log = ctx->r->connection->log;
}

}  // namespace

void event_arm(ngx_event_t *ev, ngx_msec_t after_ms)
{
    if (after_ms != 0) {
        ngx_add_timer(ev, after_ms);
    }
}

void events_arm_release(ClientCtx *ctx)
{
    if (!holds_text(ctx->conf)) {
        return;
    }

    auto due = static_cast<ngx_msec_t>(ctx->pipeline->due_ms());

    if (due == 0 || ctx->pipeline->over()) {
        return;
    }

    if (ctx->release.timer_set) {
        if (static_cast<ngx_msec_int_t>(ctx->release.timer.key - due) <= 0) {
            return;
        }

        ngx_del_timer(&ctx->release);  // or nginx would round it
    }

    auto wait = static_cast<ngx_msec_int_t>(due - ngx_current_msec);
    ngx_add_timer(&ctx->release, wait > 0 ? static_cast<ngx_msec_t>(wait) : 1);
}

[[gnu::hot]]
void events_expect(ClientCtx *ctx)
{
    prefetch<kHotBytes>(ctx);
    prefetch(ctx->r->connection);
    ctx->pipeline->fetch_ahead();

    if (!chat_is_full(ctx)) {
        output_expect(ctx);
        ctx->pipeline->set_now(ngx_current_msec);
        ngx_post_event(&ctx->wake, &ngx_posted_events);
    }
}

void events_stop(ClientCtx *ctx)
{
    work_stop(ctx);

    for (auto *ev : {&ctx->hold, &ctx->ping, &ctx->stall, &ctx->release}) {
        if (ev->timer_set) {
            ngx_del_timer(ev);
        }
    }
}

void events_break(ClientCtx *ctx)
{
    auto *r = ctx->r;

    leave(ctx);
    ctx->stage = Stage::finished;
    ctx->answering = r->header_sent;

    // A page of nginx's where there is room for one.
    ngx_http_finalize_request(r, r->header_sent
                                     ? NGX_ERROR
                                     : NGX_HTTP_INTERNAL_SERVER_ERROR);
}

void call_let_go(CallCtx *&call, ngx_msec_t drain_ms)
{
    if (call != nullptr) {
        auto *released = call;
        call = nullptr;
        call_release(released, drain_ms);
    }
}

bool events_watch(ClientCtx *ctx)
{
    auto *r = ctx->r;
    auto *c = r->connection;
    auto *cln = ctx->watched ? nullptr : ngx_http_cleanup_add(r, 0);

    if (cln == nullptr) {
        return ctx->watched;
    }

    ctx->watched = true;

    init_event(ctx, &ctx->wake, on_wake);
    init_event(ctx, &ctx->hold, on_hold);
    init_event(ctx, &ctx->ping, on_ping);
    init_event(ctx, &ctx->stall, on_stall);
    init_event(ctx, &ctx->release, on_release);
    cln->handler = leave;
    cln->data = ctx;

    r->read_event_handler = ngx_http_test_reading;
    r->write_event_handler = ngx_http_request_empty_handler;

    if (ngx_handle_read_event(c->read, 0) != NGX_OK) {
        return false;
    }

    if (c->read->pending_eof) {
        ngx_post_event(c->read, &ngx_posted_events);  // it has left already
    }

    return true;
}

}  // namespace opendify::glue
