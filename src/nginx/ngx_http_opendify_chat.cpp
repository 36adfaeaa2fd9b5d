// One turn of a chat, step by step:
//
//     chat_start: request understood, app and scope known
//     asking_mode, probing_mode: what kind of app is it (once per key)
//     answering: conversation chosen, main call under way
//     finished: everything is sent, or being sent

#include "ngx_http_opendify_client.hpp"

namespace opendify::glue {

namespace {

constexpr size_t kFullOutput = 64 * 1024;
constexpr size_t kClientHashBytes = 8;

Zone zone_of(const ClientCtx *ctx)
{
    auto *conf = main_conf(ctx->r);

    return Zone(conf->zone, conf->ttl);
}

std::string_view bytes_of(const Digest &digest)
{
    return {reinterpret_cast<const char *>(digest.data()), digest.size()};
}

// Heads belong to a scope: the same words in another scope are another head.
Digest scoped(const ClientCtx *ctx, std::string_view what)
{
    return digest_of({bytes_of(ctx->scope), what});
}

Digest head_after_answer(const ClientCtx *ctx)
{
    return ctx->conf->memory == kMemoryChat
               ? scoped(ctx, "chat")
               : scoped(ctx, bytes_of(ctx->pipeline->digest()));
}

// Hash of the key that the client showed, "" if it showed none.
std::string bearer_hash(ngx_http_request_t *r)
{
    static constexpr std::string_view kScheme = "bearer ";

    std::string key = request_header(r, "authorization");

    if (key.size() >= kScheme.size()
        && ngx_strncasecmp(borrow(key).data, borrow(kScheme).data,
                           kScheme.size())
               == 0)
    {
        key.erase(0, kScheme.size());
    }

    if (key.empty()) {
        key = request_header(r, "api-key");
    }

    if (key.empty()) {
        key = request_header(r, "x-api-key");
    }

    if (key.empty()) {
        return {};
    }

    Digest digest = digest_of({key});
    u_char hex[2 * kClientHashBytes];
    ngx_hex_dump(hex, digest.data(), kClientHashBytes);

    return {reinterpret_cast<char *>(hex), sizeof(hex)};
}

void identify(ClientCtx *ctx)
{
    auto *r = ctx->r;

    ctx->client = ctx->conf->client == nullptr
                      ? bearer_hash(r)
                      : first_value(r, ctx->conf->client);
    ctx->user = first_value(r, ctx->conf->user);

    if (ctx->user.empty()) {
        ctx->user = "anonymous";
    }

    ctx->user = backend_user(ctx->user);
    ctx->chat_id = first_value(r, ctx->conf->chat_id);
    ctx->scope = digest_of({bytes_of(ctx->app->key_digest), ctx->client,
                            ctx->user, ctx->chat_id});

    if (ctx->conf->inputs == nullptr) {
        return;
    }

    auto *input = static_cast<InputConf *>(ctx->conf->inputs->elts);

    for (ngx_uint_t i = 0; i < ctx->conf->inputs->nelts; i++) {
        ngx_str_t value;

        if (ngx_http_complex_value(r, &input[i].value, &value) == NGX_OK
            && value.len != 0)
        {
            ctx->inputs.push_back(text_input(view(input[i].name), view(value)));
        }
    }
}

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
    if (call->status == 0) {
        return call->rc == NGX_HTTP_GATEWAY_TIME_OUT
                   ? Failure{Errc::backend_timeout,
                             "Dify did not answer in time.", "", ""}
                   : Failure{Errc::backend_unreachable,
                             "Dify could not be reached.", "", ""};
    }

    return decode_error_reply(static_cast<int>(call->status), call->reply);
}

void choose_conversation(ClientCtx *ctx)
{
    auto zone = zone_of(ctx);
    Digest head;
    ConversationId id;

    ctx->conversation_id = request_header(ctx->r, "x-dify-conversation-id");

    if (ctx->conversation_id.empty()) {
        ctx->conversation_id = ctx->turn.conversation_id;
    }

    if (!ctx->conversation_id.empty()) {
        zone.take_conversation(ctx->scope, ctx->conversation_id);
        return;
    }

    if (ctx->conf->memory == kMemoryChat) {
        head = scoped(ctx, "chat");

    } else if (history_digest(ctx->turn, head)) {
        head = scoped(ctx, bytes_of(head));

    } else {
        return;
    }

    if (zone.take(head, id)) {
        ctx->conversation_id = std::string(id.view());
        ctx->taken = head;
    }
}

// Dify did not take the turn: the conversation's head is what it was.
void put_back(ClientCtx *ctx)
{
    ConversationId id;

    if (ctx->taken && id.assign(ctx->conversation_id)) {
        zone_of(ctx).put(ctx->scope, *ctx->taken, id);
    }

    ctx->taken.reset();
}

void arm(ngx_event_t *ev, ngx_msec_t after_ms)
{
    if (after_ms != 0) {
        ngx_add_timer(ev, after_ms);
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
        arm(&ctx->stall, ctx->conf->stall);
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

    choose_conversation(ctx);
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

void release(CallCtx *&call, ngx_msec_t drain_ms)
{
    if (call != nullptr) {
        auto *released = call;
        call = nullptr;
        call_release(released, drain_ms);
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

    release(ctx->call, 0);

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
        release(ctx->call, 0);
        fail(ctx, std::move(failure));
        return;
    }

    auto mode = decode_info(call->reply);
    release(ctx->call, 0);

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

    zone_of(ctx).drop(ctx->scope, ctx->conversation_id);
    ctx->conversation_id.clear();
    ctx->taken.reset();
    ctx->replayed = true;

    if (ctx->stall.timer_set) {
        ngx_del_timer(&ctx->stall);
    }

    release(ctx->probe, 0);
    release(ctx->call, 0);
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

    release(ctx->probe, 0);

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

// Before the client sees the end: its next turn was seen 40 ms later.
void remember(ClientCtx *ctx)
{
    auto &answer = *ctx->pipeline;
    ConversationId id;

    bool seen = answer.ended()
                || (answer.committed() && answer.text_bytes() != 0);

    if (seen && id.assign(answer.conversation_id())
        && !answer.conversation_id().empty())
    {
        zone_of(ctx).put(ctx->scope, head_after_answer(ctx), id);
        ctx->taken.reset();

    } else {
        put_back(ctx);
    }
}

void stop_timers(ClientCtx *ctx)
{
    for (auto *ev : {&ctx->ping, &ctx->stall}) {
        if (ev->timer_set) {
            ngx_del_timer(ev);
        }
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
    stop_timers(ctx);
    remember(ctx);

    if (ctx->pipeline->failed()) {
        log_failure(ctx);
    }

    release(ctx->probe, 0);
    release(ctx->call, ctx->conf->drain);
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

    if (pipeline.over()) {
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

// The client's request ends, whatever the reason.
void leave(void *data)
{
    auto *ctx = static_cast<ClientCtx *>(data);

    stop_timers(ctx);

    if (ctx->wake.posted) {
        ngx_delete_posted_event(&ctx->wake);
    }

    release(ctx->probe, 0);

    if (ctx->call == nullptr) {
        return;
    }

    if (ctx->stage != Stage::answering || ctx->pipeline->task_id().empty()) {
        put_back(ctx);
        release(ctx->call, 0);
        return;
    }

    guarded(ctx->r->connection->log, 0, [ctx] {
        auto &answer = *ctx->pipeline;
        auto *call = ctx->call;
        Mapping mapping = {ctx->scope, {}, {}};

        bool seen = answer.committed() && answer.text_bytes() != 0;

        if (mapping.id.assign(answer.conversation_id())
            && (seen || ctx->taken))
        {
            mapping.head = seen ? head_after_answer(ctx) : *ctx->taken;
            call->mapping = mapping;
            call->zone = main_conf(ctx->r)->zone;
            call->ttl = main_conf(ctx->r)->ttl;
        }

        ctx->stopped = true;
        call_start_detached(ctx->r, *ctx->app, ctx->conf,
                            encode_stop_call(ctx->mode, answer.task_id(),
                                             ctx->user),
                            call->facts);
        return 0;
    });

    release(ctx->call, ctx->conf->drain);
}

// Runs `step` as an event of the client's connection.
template <class F>
void as_event(ngx_event_t *ev, F &&step)
{
    auto *ctx = static_cast<ClientCtx *>(ev->data);
    auto *r = ctx->r;
    auto *c = r->connection;

    ngx_http_set_log_request(c->log, r);

    bool ran = guarded(c->log, false, [&] {
        step(ctx);
        return true;
    });

    if (!ran) {
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
    }

    ngx_http_run_posted_requests(c);
}

void on_wake(ngx_event_t *ev)
{
    as_event(ev, [](ClientCtx *ctx) { chat_run(ctx); });
}

void on_ping(ngx_event_t *ev)
{
    as_event(ev, [ev](ClientCtx *ctx) {
        ngx_msec_t silent = ngx_current_msec - ctx->sent_at;

        if (silent < ctx->conf->keepalive) {
            arm(ev, ctx->conf->keepalive - silent);
            return;
        }

        ctx->sent_at = ngx_current_msec;
        arm(ev, ctx->conf->keepalive);
        send_ping(ctx);
    });
}

void on_stall(ngx_event_t *ev)
{
    as_event(ev, [ev](ClientCtx *ctx) {
        if (ctx->pipeline->stirred() || ctx->call == nullptr) {
            return;
        }

        if (ctx->call->status == 0) {
            arm(ev, ctx->conf->stall);
            return;
        }

        ctx->probe = call_start(ctx,
                                encode_conversation_probe(ctx->conversation_id,
                                                          ctx->user),
                                false);
    });
}

void init_event(ClientCtx *ctx, ngx_event_t *ev, ngx_event_handler_pt handler)
{
    ev->data = ctx;
    ev->handler = handler;
    ev->log = ctx->r->connection->log;
}

bool watch(ClientCtx *ctx)
{
    auto *r = ctx->r;
    auto *c = r->connection;
    auto *cln = ngx_http_cleanup_add(r, 0);

    if (cln == nullptr) {
        return false;
    }

    init_event(ctx, &ctx->wake, on_wake);
    init_event(ctx, &ctx->ping, on_ping);
    init_event(ctx, &ctx->stall, on_stall);
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

    if (!watch(ctx)) {
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    ctx->pipeline = std::make_unique<Pipeline>(
        answer_head(ctx), AppMode::unknown, turn_fingerprint(ctx->turn),
        Limits{});
    ctx->sent_at = ngx_current_msec;

    if (ctx->turn.stream) {
        arm(&ctx->ping, ctx->conf->keepalive);
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
