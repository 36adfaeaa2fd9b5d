#include "ngx_http_opendify_client.hpp"

#include <openssl/rand.h>

namespace opendify::glue {

namespace {

void on_body(ngx_http_request_t *r)
{
    auto *ctx = client_ctx(r);

    if (ctx == nullptr) {
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    bool handled = guarded(r->connection->log, false, [&] {
        std::string body;

        if (!read_body(r, body)) {
            return false;
        }

        chat_start(ctx, body);
        return true;
    });

    if (!handled) {
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
    }
}

ngx_int_t read_request(ngx_http_request_t *r, bool completion)
{
    auto *ctx = pool_make<ClientCtx>(r->pool);
    if (ctx == nullptr) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ctx->r = r;
    ctx->conf = loc_conf(r);
    ctx->completion = completion;
    ctx->started_at = ngx_current_msec;
    ngx_http_set_ctx(r, ctx, ngx_http_opendify_module);

    ngx_int_t rc = ngx_http_read_client_request_body(r, on_body);

    return rc >= NGX_HTTP_SPECIAL_RESPONSE ? rc : NGX_DONE;
}

Result<std::string> static_reply(ngx_http_request_t *r, const Route &route)
{
    auto *conf = main_conf(r);
    auto *apps = static_cast<App *>(conf->apps->elts);

    if (route.endpoint == Endpoint::model) {
        auto *app = find_app(conf, route.model);

        if (app == nullptr) {
            return model_not_found(route.model);
        }

        return encode_model({view(app->name), conf->created});
    }

    std::vector<ModelEntry> models;
    for (ngx_uint_t i = 0; i < conf->apps->nelts; i++) {
        models.push_back({view(apps[i].name), conf->created});
    }

    return encode_models(models);
}

// Answers that need no body and no Dify. The body, if any, is discarded.
ngx_int_t answer_now(ngx_http_request_t *r, const Result<std::string> &reply)
{
    ngx_int_t rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK) {
        return rc;
    }

    r->main->count++;

    if (reply) {
        send_whole(r, NGX_HTTP_OK, *reply);

    } else {
        send_failure(r, reply.failure());
    }

    return NGX_DONE;
}

// Unique, and nobody can guess the next one. nginx's own asks OpenSSL for
// random bytes with every request, which takes several times as long.
std::optional<Digest> unique_id()
{
    static Digest        secret;
    static std::uint64_t count;

    if (count == 0
        && RAND_bytes(secret.data(), static_cast<int>(secret.size())) != 1)
    {
        return std::nullopt;
    }

    count++;

    return digest_of({bytes_of(secret),
                      {reinterpret_cast<const char *>(&count), sizeof(count)}});
}

// Gives $request_id a value where nobody has asked for it yet.
void make_request_id(ngx_http_request_t *r, ngx_http_variable_value_t *v)
{
    auto  id = unique_id();
    auto *hex = static_cast<u_char *>(
        ngx_pnalloc(r->pool, 2 * sizeof(Digest)));

    if (id && hex != nullptr) {
        ngx_hex_dump(hex, id->data(), id->size());
        v->data = hex;
        v->len = 2 * sizeof(Digest);
        v->valid = 1;
        v->no_cacheable = 0;
        v->not_found = 0;
    }
}

bool is_turn(const Route &route)
{
    return route.endpoint == Endpoint::chat_completions
           || route.endpoint == Endpoint::completions;
}

bool is_allowed(ngx_http_request_t *r, const Route &route)
{
    return is_turn(route)
               ? r->method == NGX_HTTP_POST
               : (r->method & (NGX_HTTP_GET | NGX_HTTP_HEAD)) != 0;
}

ngx_int_t handle(ngx_http_request_t *r)
{
    Route route = route_of(path_of(r));

    if (route.endpoint == Endpoint::unknown) {
        return answer_now(r, Failure{Errc::unknown_path,
                                     "Unknown request URL. This server has "
                                     "/v1/chat/completions, /v1/completions "
                                     "and /v1/models.", "", ""});
    }

    if (!is_allowed(r, route)) {
        if (!add_header(r, "Allow", route.allow)) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        return answer_now(r, Failure{Errc::method_not_allowed,
                                     "This URL takes "
                                         + std::string(route.allow) + ".",
                                     "", ""});
    }

    if (is_turn(route)) {
        return read_request(r, route.endpoint == Endpoint::completions);
    }

    return answer_now(r, static_reply(r, route));
}

}  // namespace

std::string_view path_of(ngx_http_request_t *r)
{
    auto path = view(r->unparsed_uri);
    path = path.substr(0, path.find('?'));

    auto *clcf = static_cast<ngx_http_core_loc_conf_t *>(
        ngx_http_get_module_loc_conf(r, ngx_http_core_module));
    auto prefix = view(clcf->name);

    // An unnamed location, an "if" block, has the name of the one around it.
    if (!clcf->exact_match
#if (NGX_PCRE)
        && clcf->regex == nullptr
#endif
        && path.substr(0, prefix.size()) == prefix)
    {
        path.remove_prefix(prefix.size());
    }

    return path;
}

bool read_body(ngx_http_request_t *r, std::string &out)
{
    auto *cl = r->request_body == nullptr ? nullptr : r->request_body->bufs;

    for (; cl != nullptr; cl = cl->next) {
        auto *b = cl->buf;

        if (b->in_file) {
            auto at = out.size();
            out.resize(at + static_cast<size_t>(b->file_last - b->file_pos));

            ssize_t n = ngx_read_file(b->file, borrow(out).data + at,
                                      out.size() - at, b->file_pos);
            if (n != static_cast<ssize_t>(out.size() - at)) {
                return false;
            }

        } else if (ngx_buf_in_memory(b)) {
            out.append(reinterpret_cast<char *>(b->pos),
                       static_cast<size_t>(b->last - b->pos));
        }
    }

    return true;
}

ngx_int_t handler(ngx_http_request_t *r)
{
    return guarded(r->connection->log,
                   static_cast<ngx_int_t>(NGX_HTTP_INTERNAL_SERVER_ERROR),
                   [r] { return handle(r); });
}

std::string request_header(ngx_http_request_t *r, std::string_view lowcase)
{
    for (auto *part = &r->headers_in.headers.part; part != nullptr;
         part = part->next)
    {
        auto *h = static_cast<ngx_table_elt_t *>(part->elts);

        for (ngx_uint_t i = 0; i < part->nelts; i++) {
            if (h[i].hash != 0 && h[i].key.len == lowcase.size()
                && ngx_strncmp(h[i].lowcase_key, lowcase.data(),
                               lowcase.size()) == 0)
            {
                return std::string(view(h[i].value));
            }
        }
    }

    return {};
}

std::string_view request_id(ngx_http_request_t *r)
{
    auto  index = static_cast<ngx_uint_t>(main_conf(r)->request_id_index);
    auto *v = &r->variables[index];

    if (!v->valid && !v->not_found) {
        make_request_id(r, v);
    }

    v = ngx_http_get_indexed_variable(r, index);

    if (v == nullptr || v->not_found) {
        return "0";
    }

    return {reinterpret_cast<char *>(v->data), v->len};
}

bool add_request_id(ngx_http_request_t *r)
{
    return add_header(r, "x-request-id",
                      std::string("req_").append(request_id(r)));
}

}  // namespace opendify::glue
