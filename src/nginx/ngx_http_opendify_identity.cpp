// Who asks, in which chat, with which inputs.

#include "ngx_http_opendify_client.hpp"

namespace opendify::glue {

namespace {

constexpr size_t kClientHashBytes = 8;

std::string_view trimmed(std::string_view text)
{
    auto is_blank = [](char c) { return c == ' ' || c == '\t'; };

    while (!text.empty() && is_blank(text.front())) {
        text.remove_prefix(1);
    }

    while (!text.empty() && is_blank(text.back())) {
        text.remove_suffix(1);
    }

    return text;
}

// The key behind "Bearer", "" if there is none. A header of another scheme
// (Basic) is of whoever guards the location, and tells clients apart as well.
std::string_view bearer(std::string_view header)
{
    static constexpr std::string_view kScheme = "bearer";

    auto value = trimmed(header);

    if (value.size() >= kScheme.size()
        && ngx_strncasecmp(borrow(value).data, borrow(kScheme).data,
                           kScheme.size())
               == 0
        && (value.size() == kScheme.size() || value[kScheme.size()] == ' '
            || value[kScheme.size()] == '\t'))
    {
        value.remove_prefix(kScheme.size());
    }

    return trimmed(value);
}

// Hash of the first key that the client showed, "" if it showed none. The same
// key by another header is the same client.
std::string_view key_hash(ngx_http_request_t *r)
{
    auto key = bearer(request_header(r, "authorization"));

    for (std::string_view name : {"api-key", "x-api-key"}) {
        if (key.empty()) {
            key = trimmed(request_header(r, name));
        }
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
    return conf->client == nullptr ? key_hash(r)
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
