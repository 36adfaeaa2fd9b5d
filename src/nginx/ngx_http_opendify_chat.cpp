// One turn of a chat, step by step:
//
//     chat_start: request understood, app and scope known
//     asking_mode, probing_mode: what kind of app is it (once per key)
//     answering: conversation chosen, main call under way
//     finished: everything is sent, or being sent
//
// What ends it from outside (client gone, timers) is in _events.

#include "ngx_http_opendify_client.hpp"

namespace opendify::glue {

namespace {

constexpr size_t kFullOutput = 64 * 1024;

// The answer ends with this failure: a status, or an event if the stream has
// begun.
void fail(ClientCtx *ctx, Failure failure)
{
    ctx->stage = Stage::answering;
    ctx->pipeline->fail(std::move(failure));
}

Failure no_connection()
{
    return {Errc::no_connection,
            "The server has no connection to spare: try again later.", "", ""};
}

// What a call that is over, without an event stream, means.
Failure call_failure(const CallCtx *call)
{
    if (call->status != 0) {
        return decode_error_reply(static_cast<int>(call->status), call->reply);
    }

    switch (call->rc) {

    case NGX_HTTP_GATEWAY_TIME_OUT:
        return {Errc::backend_timeout, "Dify did not answer in time.", "", ""};

    // No proxy has seen the call: the location is not there, or has none.
    case NGX_HTTP_FORBIDDEN:
    case NGX_HTTP_NOT_FOUND:
    case NGX_HTTP_NOT_ALLOWED:
        return {Errc::backend_misconfigured,
                "The location that opendify_pass names does not pass calls "
                "to Dify.", "", ""};

    default:
        return {Errc::backend_unreachable, "Dify could not be reached.",
                "", ""};
    }
}

void ask(ClientCtx *ctx)
{
    ChatCall chat;
    chat.turn = &ctx->turn;
    chat.mode = ctx->mode;
    chat.user = ctx->user;
    chat.conversation_id = ctx->conversation_id;
    chat.inputs = ctx->inputs;

    auto request = encode_chat_call(chat);

    ctx->stage = Stage::answering;

    if (!request) {
        fail(ctx, request.failure());
        return;
    }

    ctx->pipeline->restart(ctx->mode);
    ctx->call = call_start(ctx, *request, true);

    if (ctx->call == nullptr) {
        fail(ctx, no_connection());
        return;
    }

    if (ctx->mode == AppMode::chatflow && !ctx->conversation_id.empty()) {
        event_arm(&ctx->stall, ctx->conf->stall);
    }
}

void start_main(ClientCtx *ctx)
{
    if (ctx->mode == AppMode::completion || ctx->mode == AppMode::workflow) {
        fail(ctx, {Errc::unsupported_value,
                   "The model `" + std::string(view(ctx->app->name))
                       + "` is a Dify " + std::string(app_mode_name(ctx->mode))
                       + " app; this endpoint serves chat, agent and chatflow "
                         "apps.", "model", ""});
        return;
    }

    conversation_choose(ctx);
    ask(ctx);
}

void start_call(ClientCtx *ctx, Stage stage, const BackendRequest &request)
{
    ctx->stage = stage;
    ctx->call = call_start(ctx, request, false);

    if (ctx->call == nullptr) {
        fail(ctx, no_connection());
    }
}

void set_mode(ClientCtx *ctx, AppMode mode)
{
    ctx->mode = mode;
    zone_of(ctx).set_app_mode(ctx->app->key_digest, mode);
    start_main(ctx);
}

void on_mode_probe(ClientCtx *ctx)
{
    bool chat = ctx->call->status == NGX_HTTP_OK;
    auto failure = call_failure(ctx->call);

    call_let_go(ctx->call, 0);

    if (chat) {
        set_mode(ctx, AppMode::chat);

    } else {
        fail(ctx, std::move(failure));
    }
}

void on_info(ClientCtx *ctx)
{
    auto *call = ctx->call;

    if (call->status != NGX_HTTP_OK) {
        auto failure = call_failure(call);
        call_let_go(ctx->call, 0);
        fail(ctx, std::move(failure));
        return;
    }

    auto mode = decode_info(call->reply);
    call_let_go(ctx->call, 0);

    if (!mode) {
        fail(ctx, mode.failure());

    } else if (*mode == AppMode::unknown) {
        start_call(ctx, Stage::probing_mode, encode_mode_probe());

    } else {
        set_mode(ctx, *mode);
    }
}

// The conversation is gone at Dify: the turn goes into a new one.
void replay(ClientCtx *ctx)
{
    ngx_log_error(NGX_LOG_WARN, ctx->r->connection->log, 0,
                  "opendify: a conversation is gone at Dify, replaying the "
                  "messages in a new one");

    conversation_drop(ctx);
    ctx->replayed = true;

    if (ctx->stall.timer_set) {
        ngx_del_timer(&ctx->stall);
    }

    call_let_go(ctx->probe, 0);
    call_let_go(ctx->call, 0);
    ask(ctx);
}

bool may_replay(const ClientCtx *ctx)
{
    return !ctx->replayed && !ctx->conversation_id.empty()
           && ctx->pipeline->text_bytes() == 0;
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

    if (call != nullptr && call->event_stream) {
        ctx->pipeline->finish();
        return;
    }

    auto failure = call != nullptr
                       ? call_failure(call)
                       : Failure{Errc::backend_unreachable,
                                 "The call to Dify was lost.", "", ""};

    if (failure.errc == Errc::conversation_not_found && may_replay(ctx)) {
        replay(ctx);

    } else {
        ctx->pipeline->fail(std::move(failure));
    }
}

void log_failure(ClientCtx *ctx)
{
    const auto &failure = ctx->pipeline->failure();
    const auto &head = error_head(failure.errc);
    ngx_str_t code = borrow(!failure.code.empty() ? failure.code
                            : !head.code.empty()  ? head.code
                                                  : head.type);

    ngx_uint_t level = head.status >= 500 ? NGX_LOG_ERR : NGX_LOG_WARN;

    ngx_log_error(level, ctx->r->connection->log, 0,
                  "opendify: the turn failed: %V", &code);
}

void settle(ClientCtx *ctx)
{
    ctx->settled = true;
    events_stop(ctx);
    conversation_remember(ctx);

    if (ctx->pipeline->failed()) {
        log_failure(ctx);
    }

    call_let_go(ctx->probe, 0);
    call_let_go(ctx->call, ctx->conf->drain);
}

void answer(ClientCtx *ctx)
{
    if (ctx->probe != nullptr && ctx->probe->done) {
        on_stall_probe(ctx);
    }

    if (!ctx->pipeline->over()
        && (ctx->call == nullptr || ctx->call->done))
    {
        on_call_over(ctx);
    }

    auto &pipeline = *ctx->pipeline;

    if (pipeline.failed() && !pipeline.committed() && may_replay(ctx)
        && pipeline.failure().errc == Errc::conversation_not_found)
    {
        replay(ctx);
    }

    if (ctx->first_token_ms < 0 && pipeline.started()) {
        ctx->first_token_ms = static_cast<ngx_int_t>(ngx_current_msec
                                                     - ctx->started_at);
    }

    if (pipeline.over() && !ctx->settled) {
        settle(ctx);
    }

    if (pipeline.failed() && !pipeline.committed()) {
        ctx->stage = Stage::finished;
        send_failure(ctx->r, pipeline.failure());

    } else if (!ctx->turn.stream) {
        if (pipeline.ended()) {
            send_reply(ctx);
        }

    } else if (pipeline.started() || pipeline.committed()) {
        pipeline.commit();

        if (send_stream(ctx) && ctx->call != nullptr && !chat_is_full(ctx)) {
            call_resume(ctx->call);
        }
    }
}

AnswerHead answer_head(const ClientCtx *ctx)
{
    AnswerHead head;

    head.id = "chatcmpl-" + request_id(ctx->r).substr(4, 29);
    head.created = ngx_time();
    head.model = std::string(view(ctx->app->name));
    head.stream = ctx->turn.stream;
    head.include_usage = ctx->turn.include_usage;

    return head;
}

}  // namespace

void chat_start(ClientCtx *ctx, std::string_view body)
{
    auto *r = ctx->r;
    auto turn = decode_chat_request(body, Limits{});

    if (!turn) {
        send_failure(r, turn.failure());
        return;
    }

    ctx->turn = std::move(*turn);
    ctx->app = find_app(main_conf(r), ctx->turn.model);

    if (ctx->app == nullptr) {
        send_failure(r, {Errc::model_not_found,
                         "The model `" + ctx->turn.model
                             + "` does not exist.", "model", ""});
        return;
    }

    if (!asks_something(ctx->turn)) {
        send_failure(r, {Errc::empty_query,
                         "There is no question after the last answer.",
                         "messages", ""});
        return;
    }

    identify(ctx);

    if (!events_watch(ctx)) {
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    ctx->pipeline = std::make_unique<Pipeline>(
        answer_head(ctx), AppMode::unknown, turn_fingerprint(ctx->turn),
        Limits{});
    ctx->sent_at = ngx_current_msec;

    if (ctx->turn.stream) {
        event_arm(&ctx->ping, ctx->conf->keepalive);
    }

    ctx->mode = ctx->app->mode != AppMode::unknown
                    ? ctx->app->mode
                    : zone_of(ctx).app_mode(ctx->app->key_digest);

    if (ctx->mode == AppMode::unknown) {
        start_call(ctx, Stage::asking_mode, encode_info_call());

    } else {
        start_main(ctx);
    }

    if (ctx->pipeline->over()) {
        chat_run(ctx);
    }
}

void chat_run(ClientCtx *ctx)
{
    if (ctx->stage == Stage::asking_mode || ctx->stage == Stage::probing_mode) {
        if (ctx->call == nullptr) {
            fail(ctx, {Errc::backend_unreachable,
                       "The call to Dify was lost.", "", ""});

        } else if (!ctx->call->done) {
            return;

        } else if (ctx->stage == Stage::asking_mode) {
            on_info(ctx);

        } else {
            on_mode_probe(ctx);
        }

        if (!ctx->pipeline->over()) {
            return;
        }
    }

    if (ctx->stage == Stage::answering) {
        answer(ctx);
    }
}

bool chat_is_full(const ClientCtx *ctx)
{
    return ctx->turn.stream
           && ctx->pipeline->output().size() - ctx->output_at > kFullOutput;
}

}  // namespace opendify::glue
