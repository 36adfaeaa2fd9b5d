// Two things pass here: the replies to our calls, which end here, and nginx's
// own error pages in our locations (413, 429, 401, ...), whose HTML becomes an
// OpenAI error.

#include "ngx_http_opendify_client.hpp"

namespace opendify::glue {

namespace {

ngx_http_output_header_filter_pt next_header_filter;
ngx_http_output_body_filter_pt   next_body_filter;

RequestCtx *context(ngx_http_request_t *r)
{
    return static_cast<RequestCtx *>(
        ngx_http_get_module_ctx(r, ngx_http_opendify_module));
}

// A subrequest of the shell's has the call as its own context, too; until a
// redirect within nginx clears it.
CallCtx *call_of(ngx_http_request_t *sr)
{
    auto *own = context(sr);
    auto *call = own != nullptr && own->kind == CtxKind::call
                     ? static_cast<CallCtx *>(own)
                     : call_ctx(sr);

    return call != nullptr && call->sr == sr ? call : nullptr;
}

ngx_int_t replace_page(ngx_http_request_t *r)
{
    auto body = encode_status_error(static_cast<int>(r->headers_out.status));

    auto *ctx = make_context(r);
    if (ctx == nullptr) {
        return NGX_ERROR;
    }

    ctx->page = copy(r->pool, body);
    if (ctx->page.data == nullptr) {
        return NGX_ERROR;
    }

    ngx_http_clear_content_length(r);
    ngx_http_clear_accept_ranges(r);
    ngx_http_clear_last_modified(r);
    ngx_http_clear_etag(r);
    r->headers_out.content_type = borrow(kReplyType);  // a literal
    r->headers_out.content_type_len = r->headers_out.content_type.len;
    r->headers_out.content_type_lowcase = nullptr;
    ngx_str_null(&r->headers_out.charset);
    r->headers_out.content_length_n = static_cast<off_t>(ctx->page.len);

    return add_request_id(r) ? NGX_OK : NGX_ERROR;
}

ngx_int_t header_filter(ngx_http_request_t *r)
{
    if (r != r->main) {
        auto *call = call_of(r);

        if (call == nullptr) {
            return next_header_filter(r);
        }

        call_on_header(call);
        r->header_sent = 1;
        r->filter_need_in_memory = 1;

        return NGX_OK;
    }

    auto *ctx = context(r);

    if (r->headers_out.status < NGX_HTTP_BAD_REQUEST
        || (loc_conf(r)->pass.len == 0 && !loc_conf(r)->conversations)
        || (ctx != nullptr && ctx->answering))
    {
        return next_header_filter(r);
    }

    ngx_int_t rc = guarded(r->connection->log,
                           static_cast<ngx_int_t>(NGX_ERROR),
                           [r] { return replace_page(r); });

    return rc == NGX_OK ? next_header_filter(r) : rc;
}

ngx_int_t send_page(ngx_http_request_t *r, RequestCtx *ctx, ngx_chain_t *in)
{
    for (; in != nullptr; in = in->next) {
        in->buf->pos = in->buf->last;
        in->buf->file_pos = in->buf->file_last;
    }

    if (ctx->page_sent) {
        return next_body_filter(r, nullptr);
    }

    auto *b = static_cast<ngx_buf_t *>(ngx_calloc_buf(r->pool));
    if (b == nullptr) {
        return NGX_ERROR;
    }

    b->pos = ctx->page.data;
    b->last = ctx->page.data + ctx->page.len;
    b->memory = 1;
    b->last_buf = 1;
    b->last_in_chain = 1;
    ctx->page_sent = true;

    ngx_chain_t out = {b, nullptr};

    return next_body_filter(r, &out);
}

[[gnu::hot]]
ngx_int_t body_filter(ngx_http_request_t *r, ngx_chain_t *in)
{
    if (r != r->main) {
        auto *call = call_of(r);

        if (call == nullptr) {
            return next_body_filter(r, in);
        }

        ngx_int_t rc = guarded(r->connection->log,
                               static_cast<ngx_int_t>(NGX_ABORT),
                               [&] { return call_on_body(call, in); });

        if (rc == NGX_ABORT) {
            call_break(call);
            return NGX_ERROR;
        }

        return rc;
    }

    auto *ctx = context(r);

    if (ctx == nullptr || ctx->page.data == nullptr) {
        return next_body_filter(r, in);
    }

    return send_page(r, ctx, in);
}

}  // namespace

RequestCtx *make_context(ngx_http_request_t *r)
{
    auto *ctx = context(r);

    if (ctx == nullptr) {
        ctx = pool_make<RequestCtx>(r->pool, RequestCtx{CtxKind::neither});
        ngx_http_set_ctx(r, ctx, ngx_http_opendify_module);
    }

    return ctx;
}

ClientCtx *client_ctx(ngx_http_request_t *r)
{
    auto *ctx = context(r->main);

    return ctx != nullptr && ctx->kind == CtxKind::client
               ? static_cast<ClientCtx *>(ctx)
               : nullptr;
}

CallCtx *call_ctx(ngx_http_request_t *r)
{
    auto *ctx = context(r->main);

    return ctx != nullptr && ctx->kind == CtxKind::call
               ? static_cast<CallCtx *>(ctx)
               : nullptr;
}

ngx_int_t filter_init()
{
    next_header_filter = ngx_http_top_header_filter;
    ngx_http_top_header_filter = header_filter;

    next_body_filter = ngx_http_top_body_filter;
    ngx_http_top_body_filter = body_filter;

    return NGX_OK;
}

}  // namespace opendify::glue
