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
    auto *b = static_cast<ngx_buf_t *>(ngx_calloc_buf(sr->pool));
    auto *cl = ngx_alloc_chain_link(sr->pool);
    if (body == nullptr || b == nullptr || cl == nullptr) {
        return false;
    }

    ngx_str_t bytes = borrow(call->request.body);
    b->start = b->pos = bytes.data;
    b->end = b->last = bytes.data + bytes.len;
    b->memory = 1;
    b->last_buf = 1;
    *cl = {b, nullptr};
    body->bufs = cl;

    sr->method = call->request.removes ? NGX_HTTP_DELETE : NGX_HTTP_POST;
    sr->method_name = call->request.removes ? remove : post;
    sr->request_body = body;
    sr->headers_in.content_length_n = static_cast<off_t>(bytes.len);

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
