// $opendify_*: of the client's request, and copies of a few in the internal
// location, where r->main is the shell.

#include "ngx_http_opendify_client.hpp"

#include <array>

namespace opendify::glue {

namespace {

// What is longer may be no more than a user's id is to Dify.
constexpr size_t kLongest = 255;

enum Variable : uintptr_t {
    kModel, kAppMode, kUser, kChatId, kClient, kConversationId, kMessageId,
    kTaskId, kFirstTokenMs, kPromptTokens, kCompletionTokens, kTotalTokens,
    kFinishReason, kError, kStopped, kRequestUser, kRequestChatId,
    kTask, kAuthorization,
};

struct VariableRow {
    std::string_view name;
    Variable         variable;
};

constexpr std::array<VariableRow, 19> kVariables = {{
    {"opendify_model", kModel},
    {"opendify_app_mode", kAppMode},
    {"opendify_user", kUser},
    {"opendify_chat_id", kChatId},
    {"opendify_client", kClient},
    {"opendify_conversation_id", kConversationId},
    {"opendify_message_id", kMessageId},
    {"opendify_task_id", kTaskId},
    {"opendify_first_token_ms", kFirstTokenMs},
    {"opendify_prompt_tokens", kPromptTokens},
    {"opendify_completion_tokens", kCompletionTokens},
    {"opendify_total_tokens", kTotalTokens},
    {"opendify_finish_reason", kFinishReason},
    {"opendify_error", kError},
    {"opendify_stopped", kStopped},
    {"opendify_request_user", kRequestUser},
    {"opendify_request_chat_id", kRequestChatId},
    {"opendify_task", kTask},
    {"opendify_authorization", kAuthorization},
}};

// Lives as long as the call.
std::string_view of_call(const CallCtx *call, Variable variable)
{
    switch (variable) {
    case kAuthorization:
        return call_authorization(call);
    case kModel:
        return view(call->facts.app->name);
    case kAppMode:
        return app_mode_name(call->facts.mode);
    case kUser:
        return call->facts.user;
    case kChatId:
        return call->facts.chat_id;
    case kClient:
        return call->facts.client;
    default:
        return {};
    }
}

std::string_view text_of(const ClientCtx *ctx, std::int64_t number)
{
    return keep(ctx->r->pool, std::to_string(number));
}

// Of what has been answered.
std::string_view of_answer(const ClientCtx *ctx, Variable variable)
{
    const Pipeline *answer = ctx->pipeline ? &*ctx->pipeline : nullptr;

    if (answer == nullptr) {
        return {};
    }

    bool has_usage = answer->has_usage();

    switch (variable) {
    case kConversationId:
        return answer->conversation_id().empty() ? ctx->conversation_id
                                                 : answer->conversation_id();
    case kMessageId:
        return answer->message_id();
    case kTaskId:
        return answer->task_id();
    case kPromptTokens:
        return has_usage ? text_of(ctx, answer->usage().prompt_tokens) : "";
    case kCompletionTokens:
        return has_usage ? text_of(ctx, answer->usage().completion_tokens)
                         : "";
    case kTotalTokens:
        return has_usage ? text_of(ctx, answer->usage().total_tokens) : "";
    case kFinishReason:
        return answer->finish_reason();
    default:
        return {};
    }
}

// Until what it is of changes.
std::string_view of_client(const ClientCtx *ctx, Variable variable)
{
    switch (variable) {
    case kModel:
        return ctx->app == nullptr ? "" : view(ctx->app->name);
    case kAppMode:
        return ctx->mode == AppMode::unknown
                   ? ""
                   : app_mode_name(ctx->mode);
    case kUser:
        return ctx->user;
    case kChatId:
        return ctx->chat_id;
    case kClient:
        return ctx->client;
    case kFirstTokenMs:
        return ctx->first_token_ms < 0 ? ""
                                       : text_of(ctx, ctx->first_token_ms);
    case kError:
        return ctx->error;
    case kTask:
        return ctx->auxiliary ? "1" : "";
    case kStopped:
        return ctx->stopped ? "1" : "";
    case kRequestUser:
        return ctx->turn.user;
    case kRequestChatId:
        return ctx->turn.chat_id;
    default:
        return of_answer(ctx, variable);
    }
}

// As it is; lives as long as what it is of does not change.
std::string_view value_of(ngx_http_request_t *r, Variable variable)
{
    auto *client = client_ctx(r);
    auto *call = call_ctx(r);

    return client != nullptr ? of_client(client, variable)
           : call != nullptr ? of_call(call, variable)
                             : std::string_view();
}

// For whatever a directive makes of it: a header line, an address, a line of a
// log. A key is one already, and has no bound.
std::string_view shown(ngx_pool_t *pool, Variable variable,
                       std::string_view value)
{
    if (value.size() > kLongest && variable != kAuthorization
        && !is_backend_user(value))
    {
        return keep(pool, line_text(backend_user(value)));
    }

    return is_line_text(value) ? keep(pool, value)
                               : keep(pool, line_text(value));
}

ngx_int_t get(ngx_http_request_t *r, ngx_http_variable_value_t *v,
              uintptr_t data)
{
    return guarded(r->connection->log, static_cast<ngx_int_t>(NGX_ERROR), [&] {
        auto variable = static_cast<Variable>(data);
        auto value = value_of(r, variable);

        if (value.empty()) {
            v->not_found = 1;
            return static_cast<ngx_int_t>(NGX_OK);
        }

        value = shown(r->pool, variable, value);
        v->data = borrow(value).data;
        v->len = static_cast<unsigned>(value.size()) & 0x0fffffff;
        v->valid = 1;
        v->no_cacheable = 1;
        v->not_found = 0;

        return static_cast<ngx_int_t>(NGX_OK);
    });
}

}  // namespace

ngx_int_t add_variables(ngx_conf_t *cf)
{
    for (const auto &row : kVariables) {
        ngx_str_t name = borrow(row.name);

        auto *var = ngx_http_add_variable(cf, &name, NGX_HTTP_VAR_NOCACHEABLE);
        if (var == nullptr) {
            return NGX_ERROR;
        }

        var->get_handler = get;
        var->data = row.variable;
    }

    return NGX_OK;
}

ngx_int_t own_variable(std::string_view name)
{
    for (const auto &row : kVariables) {
        if (row.name == name) {
            return static_cast<ngx_int_t>(row.variable);
        }
    }

    return -1;
}

std::string_view own_value(ngx_http_request_t *r, ngx_int_t variable)
{
    auto value = value_of(r, static_cast<Variable>(variable));

    return value.empty() ? value : keep(r->pool, value);
}

}  // namespace opendify::glue
