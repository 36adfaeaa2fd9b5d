// Who asks, in which chat, with which inputs.

#include "ngx_http_opendify_client.hpp"

namespace opendify::glue {

namespace {

constexpr size_t kClientHashBytes = 8;

// Hash of the key that the client showed, "" if it showed none.
std::string_view bearer_hash(ngx_http_request_t *r)
{
    static constexpr std::string_view kScheme = "bearer ";

    auto key = request_header(r, "authorization");

    if (key.size() >= kScheme.size()
        && ngx_strncasecmp(borrow(key).data, borrow(kScheme).data,
                           kScheme.size())
               == 0)
    {
        key.remove_prefix(kScheme.size());
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

    return keep(r->pool, {reinterpret_cast<char *>(hex), sizeof(hex)});
}

}  // namespace

std::string_view client_of(ngx_http_request_t *r, const LocConf *conf)
{
    return conf->client == nullptr ? bearer_hash(r)
                                   : first_value(r, conf->client);
}

void identify(ClientCtx *ctx)
{
    auto *r = ctx->r;

    ctx->client = client_of(r, ctx->conf);
    ctx->user = first_value(r, ctx->conf->user);
    ctx->chat_id = first_value(r, ctx->conf->chat_id);
    ctx->named = !ctx->chat_id.empty()
                 || (!ctx->user.empty() && ctx->user != ctx->client);

    if (ctx->user.empty()) {
        ctx->user = "anonymous";
    }

    if (!is_backend_user(ctx->user)) {
        ctx->user = keep(r->pool, backend_user(ctx->user));
    }

    ctx->parent_id = first_value(r, ctx->conf->parent_id);
    ctx->scope = conversation_scope(ctx->app->key_digest, ctx->client,
                                    ctx->user, ctx->chat_id);

    if (ctx->conf->inputs == nullptr) {
        return;
    }

    auto *input = static_cast<InputConf *>(ctx->conf->inputs->elts);

    for (ngx_uint_t i = 0; i < ctx->conf->inputs->nelts; i++) {
        auto value = text_of(ctx->r, input[i].value);

        if (!value.empty()) {
            ctx->inputs.push_back(text_input(view(input[i].name), value));
        }
    }
}

}  // namespace opendify::glue
