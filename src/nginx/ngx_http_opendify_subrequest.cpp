// What a call's subrequest sends, and what the client's log says of it.

#include "ngx_http_opendify_client.hpp"
#include "opendify/endpoint.hpp"

namespace opendify::glue {

namespace {

bool push_header(ngx_http_request_t *sr, std::string_view name,
                 std::string_view lowcase, std::string_view value,
                 ngx_table_elt_t **slot)
{
    auto *h = static_cast<ngx_table_elt_t *>(
        ngx_list_push(&sr->headers_in.headers));
    if (h == nullptr) {
        return false;
    }

    *h = {};
    h->hash = 1;
    h->key = borrow(name);
    h->lowcase_key = borrow(lowcase).data;
    h->value = borrow(value);

    if (slot != nullptr) {
        *slot = h;
    }

    return true;
}

// One more buffer of the body.
ngx_buf_t *add_buffer(ngx_pool_t *pool, ngx_chain_t **&last)
{
    auto *b = static_cast<ngx_buf_t *>(ngx_calloc_buf(pool));
    auto *cl = ngx_alloc_chain_link(pool);

    if (b == nullptr || cl == nullptr) {
        return nullptr;
    }

    *cl = {b, nullptr};
    *last = cl;
    last = &cl->next;

    return b;
}

// nginx sends it from `start` on again if it tries another server.
bool add_bytes(ngx_pool_t *pool, ngx_chain_t **&last, std::string_view bytes)
{
    auto     *b = add_buffer(pool, last);
    ngx_str_t text = borrow(bytes);

    if (b == nullptr) {
        return false;
    }

    b->start = b->pos = text.data;
    b->end = b->last = text.data + text.len;
    b->memory = 1;

    return true;
}

// The same of a file, from its beginning.
bool add_file(CallCtx *call, ngx_chain_t **&last)
{
    auto *b = add_buffer(call->sr->pool, last);

    if (b == nullptr) {
        return false;
    }

    b->in_file = 1;
    b->file = &call->spool;
    b->file_last = static_cast<off_t>(call->request.spooled);

    return true;
}

bool set_body(CallCtx *call, ngx_http_request_body_t *body)
{
    auto        *pool = call->sr->pool;
    auto        &request = call->request;
    ngx_chain_t **last = &body->bufs;

    if (!add_bytes(pool, last, request.body)
        || (!request.payload.empty() && !add_bytes(pool, last, request.payload))
        || (request.spool != 0 && !add_file(call, last))
        || (!request.tail.empty() && !add_bytes(pool, last, request.tail)))
    {
        return false;
    }

    for (auto *cl = body->bufs; cl != nullptr; cl = cl->next) {
        cl->buf->last_buf = cl->next == nullptr;
    }

    return true;
}

off_t size_of(ngx_chain_t *cl)
{
    off_t size = 0;

    for (; cl != nullptr; cl = cl->next) {
        size += ngx_buf_size(cl->buf);
    }

    return size;
}

}  // namespace

bool call_set_request(CallCtx *call)
{
    auto *sr = call->sr;
    static ngx_str_t post = ngx_string("POST");
    static ngx_str_t remove = ngx_string("DELETE");

    auto server = sr->headers_in.server;
    sr->headers_in = {};
    sr->headers_in.server = server;
    sr->headers_in.content_length_n = -1;
    sr->headers_in.keep_alive_n = -1;

    if (ngx_list_init(&sr->headers_in.headers, sr->pool, 2,
                      sizeof(ngx_table_elt_t))
        != NGX_OK)
    {
        return false;
    }

    if (!call->request.post && !call->request.removes) {
        return true;
    }

    auto *body = static_cast<ngx_http_request_body_t *>(
        ngx_pcalloc(sr->pool, sizeof(ngx_http_request_body_t)));
    if (body == nullptr || !set_body(call, body)) {
        return false;
    }

    sr->method = call->request.removes ? NGX_HTTP_DELETE : NGX_HTTP_POST;
    sr->method_name = call->request.removes ? remove : post;
    sr->request_body = body;
    sr->headers_in.content_length_n = size_of(body->bufs);

    return push_header(sr, "Content-Type", "content-type",
                       call->request.content_type.empty()
                           ? kReplyType
                           : std::string_view(call->request.content_type),
                       &sr->headers_in.content_type);
}

void call_copy_upstream_states(CallCtx *call)
{
    auto *r = call->client->r;
    auto *from = call->sr == nullptr ? nullptr : call->sr->upstream_states;

    if (from == nullptr || from->nelts == 0) {
        return;
    }

    if (r->upstream_states == nullptr) {
        r->upstream_states = ngx_array_create(r->pool, from->nelts,
                                              sizeof(ngx_http_upstream_state_t));
        if (r->upstream_states == nullptr) {
            return;
        }
    }

    auto *states = static_cast<ngx_http_upstream_state_t *>(from->elts);

    for (ngx_uint_t i = 0; i < from->nelts; i++) {
        auto *to = static_cast<ngx_http_upstream_state_t *>(
            ngx_array_push(r->upstream_states));
        if (to == nullptr) {
            return;
        }

        *to = states[i];

        if (to->response_time == static_cast<ngx_msec_t>(-1)) {
            to->response_time = ngx_current_msec - call->started_at;
        }

        if (to->peer != nullptr) {
            auto *peer = static_cast<ngx_str_t *>(
                ngx_palloc(r->pool, sizeof(ngx_str_t)));
            if (peer != nullptr) {
                *peer = copy(r->pool, view(*states[i].peer));
            }

            to->peer = peer;
        }
    }
}

}  // namespace opendify::glue
