// One turn, step by step:
//
//     chat_start: request understood, app and scope known
//     prepare_run: what has to be known before the app is asked
//     answer_run: the app is asked, its answer is sent
//
// What ends it from outside (client gone, timers) is in _events.

#include "ngx_http_opendify_client.hpp"
#include "opendify/auxiliary.hpp"

namespace opendify::glue {

namespace {

constexpr size_t kFullOutput = 64 * 1024;

AnswerHead answer_head(const ClientCtx *ctx)
{
    AnswerHead       head;
    std::string_view kind = ctx->completion ? "cmpl-" : "chatcmpl-";
    auto             id = request_id(ctx->r).substr(0, 29);

    head.id.reserve(kind.size() + id.size());
    head.id.append(kind).append(id);
    head.created = ngx_time();
    head.model = ctx->turn.model;
    head.stream = ctx->turn.stream;
    head.include_usage = ctx->turn.include_usage;
    head.completion = ctx->completion;

    return head;
}

AnswerOptions answer_options(ClientCtx *ctx)
{
    auto         *conf = ctx->conf;
    AnswerOptions options;

    options.reasoning = static_cast<ReasoningMode>(conf->reasoning);
    options.steps = conf->steps == kStepsReasoning;
    options.footnotes = conf->footnotes != 0;
    options.hold_end = conf->suggested == kSuggestedText;
    options.moderation_window_ms = static_cast<std::uint32_t>(
        ctx->turn.stream ? conf->moderation_window : 0);
    options.pace_ms = static_cast<std::uint32_t>(conf->pace);
    options.files_origin = std::string(view(conf->files_origin));
    options.stop = std::move(ctx->turn.stop);
    options.output_name = std::string(view(ctx->app->output));
    options.seal = form_seal(ctx);

    return options;
}

bool understand(ClientCtx *ctx, Result<Turn> &&turn)
{
    if (!turn) {
        send_failure(ctx->r, turn.failure());
        return false;
    }

    ctx->turn = std::move(*turn);
    ctx->app = find_app(main_conf(ctx->r), ctx->turn.model);

    if (ctx->app == nullptr) {
        send_failure(ctx->r, model_not_found(ctx->turn.model));
        return false;
    }

    if (!asks_something(ctx->turn)) {
        send_failure(ctx->r, nothing_asked(ctx->turn));
        return false;
    }

    return true;
}

// Titles, tags and the like: they have no memory, and perhaps an
// app of their own.
bool sort_tasks(ClientCtx *ctx)
{
    auto *conf = ctx->conf;
    auto  task = request_header(ctx->r, "x-openwebui-task");

    ctx->message_id = first_value(ctx->r, conf->message_id);
    ctx->auxiliary = conf->tasks != kTasksOff
                     && is_auxiliary(ctx->turn, {task, ctx->message_id});

    if (!ctx->auxiliary) {
        return true;
    }

    if (conf->tasks == kTasksReject) {
        send_failure(ctx->r, {Errc::unsupported_value,
                              "This server does not answer the requests that "
                              "a chat client makes for itself: titles, tags, "
                              "searches.", "messages", ""});
        return false;
    }

    if (conf->task_app.len != 0) {
        ctx->app = find_app(main_conf(ctx->r), view(conf->task_app));
    }

    return true;
}

}  // namespace

Limits limits_of(const LocConf *conf)
{
    Limits limits;
    limits.max_event_bytes = conf->max_event_size;
    limits.max_text_bytes = conf->max_text;
    limits.max_json_values = static_cast<std::size_t>(conf->max_json_values);

    return limits;
}

void chat_start(ClientCtx *ctx, std::string_view body)
{
    auto limits = limits_of(ctx->conf);

    chat_begin(ctx, ctx->completion ? decode_completion_request(body, limits)
                                    : decode_chat_request(body, limits));
}

void chat_begin(ClientCtx *ctx, Result<Turn> &&turn)
{
    if (!understand(ctx, std::move(turn)) || !sort_tasks(ctx)) {
        return;
    }

    identify(ctx);

    if (!events_watch(ctx)) {
        ngx_http_finalize_request(ctx->r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    ctx->instructions = turn_instructions(
        ctx->turn, ctx->named ? ToldApart::by_name : ToldApart::by_text);
    ctx->pipeline.emplace(
        answer_head(ctx), AppMode::unknown,
        turn_fingerprint(ctx->turn, &ctx->history, ctx->instructions),
        limits_of(ctx->conf), answer_options(ctx));
    ctx->sent_at = ngx_current_msec;

    if (ctx->turn.stream) {
        event_arm(&ctx->ping, ctx->conf->keepalive);
    }

    prepare_start(ctx);

    if (ctx->pipeline->over()) {
        chat_run(ctx);
    }
}

[[gnu::hot]]
void chat_run(ClientCtx *ctx)
{
    if (answer_flow(ctx)) {
        return;
    }

    prepare_run(ctx);

    if (is_answering(ctx->stage)) {
        answer_run(ctx);
    }
}

[[gnu::hot]]
bool chat_is_full(const ClientCtx *ctx)
{
    auto &b = ctx->sending_buf;

    return ctx->pipeline->output().size()
               + static_cast<size_t>(b.last - b.pos)
           > kFullOutput;
}

}  // namespace opendify::glue
