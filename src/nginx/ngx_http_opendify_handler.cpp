#include "ngx_http_opendify_client.hpp"

#include <openssl/rand.h>

#include "ngx_http_opendify_log.hpp"

namespace opendify::glue {

namespace {

constexpr size_t kIdBytes = 16;
constexpr size_t kIdsAtOnce = 64;

void on_body(ngx_http_request_t *r)
{
    auto *ctx = client_ctx(r);

    if (ctx == nullptr) {
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    bool handled = guarded(r->connection->log, false, [&] {
        if (work_is_large(r)) {
            work_start(ctx);
            return true;
        }

        std::string gathered;
        auto        body = read_body(r, gathered);

        if (body) {
            chat_start(ctx, *body);
        }

        return body.has_value();
    });

    if (!handled) {
        events_break(ctx);
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

// Unique, and nobody can guess the next one. A call of OpenSSL's takes as long
// for the ids of many requests as for one.
bool unique_id(u_char (&id)[kIdBytes])
{
    static u_char random[kIdsAtOnce * kIdBytes];
    static size_t left = 0;

    if (left == 0) {
        if (RAND_bytes(random, sizeof(random)) != 1) {
            return false;
        }

        left = sizeof(random);
    }

    left -= kIdBytes;
    ngx_memcpy(id, random + left, kIdBytes);

    return true;
}

// Gives $request_id a value where nobody has asked for it yet.
void make_request_id(ngx_http_request_t *r, ngx_http_variable_value_t *v)
{
    u_char id[kIdBytes];
    auto  *hex = static_cast<u_char *>(ngx_pnalloc(r->pool, 2 * kIdBytes));

    if (hex != nullptr && unique_id(id)) {
        ngx_hex_dump(hex, id, kIdBytes);
        v->data = hex;
        v->len = 2 * kIdBytes;
        v->valid = 1;
        v->no_cacheable = 0;
        v->not_found = 0;
    }
}

std::string_view memory_of(const ngx_buf_t *b)
{
    return {reinterpret_cast<char *>(b->pos),
            static_cast<size_t>(b->last - b->pos)};
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
    Route route;

    switch (find_route(r, route)) {

    case NGX_OK:
        break;

    case NGX_HTTP_PERMANENT_REDIRECT:
        return NGX_HTTP_PERMANENT_REDIRECT;

    default:
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
        auto failure = refuse_coding(request_header(r, "content-encoding"));

        if (failure) {
            return answer_now(r, std::move(*failure));
        }

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

off_t body_size(ngx_http_request_t *r)
{
    auto *cl = r->request_body == nullptr ? nullptr : r->request_body->bufs;
    off_t size = 0;

    for (; cl != nullptr; cl = cl->next) {
        size += ngx_buf_size(cl->buf);
    }

    return size;
}

std::optional<std::string_view> read_body(ngx_http_request_t *r,
                                          std::string &gathered)
{
    auto *cl = r->request_body == nullptr ? nullptr : r->request_body->bufs;

    if (cl != nullptr && cl->next == nullptr && ngx_buf_in_memory(cl->buf)) {
        return memory_of(cl->buf);
    }

    for (; cl != nullptr; cl = cl->next) {
        auto *b = cl->buf;

        if (b->in_file) {
            auto at = gathered.size();
            gathered.resize(at
                            + static_cast<size_t>(b->file_last - b->file_pos));

            ssize_t n = ngx_read_file(b->file, borrow(gathered).data + at,
                                      gathered.size() - at, b->file_pos);
            if (n != static_cast<ssize_t>(gathered.size() - at)) {
                return std::nullopt;
            }

        } else if (ngx_buf_in_memory(b)) {
            gathered.append(memory_of(b));
        }
    }

    return gathered;
}

ngx_int_t handler(ngx_http_request_t *r)
{
    log_no_arguments(r);

    return guarded(r->connection->log,
                   static_cast<ngx_int_t>(NGX_HTTP_INTERNAL_SERVER_ERROR),
                   [r] { return handle(r); });
}

std::string_view request_header(ngx_http_request_t *r,
                                std::string_view lowcase)
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
                return view(h[i].value);
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
    return add_header(r, "x-request-id", "req_", request_id(r));
}

}  // namespace opendify::glue
