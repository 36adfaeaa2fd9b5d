// Bytes to the client.

#include "ngx_http_opendify_client.hpp"

namespace opendify::glue {

namespace {

// A string that long does not move when it is swapped.
constexpr size_t kOnHeap = 64;

// Strings that no stream fills for now. Few are filled at a time, however many
// streams are open: so the memory that is written to is warm, and a stream
// that says nothing holds none.
constexpr size_t kMostSpare = 16;
constexpr size_t kLargestSpare = 128 * 1024;

std::vector<std::string> spare_strings;

bool set_common_headers(ngx_http_request_t *r)
{
    if (!add_request_id(r)) {
        return false;
    }

    auto *ctx = client_ctx(r);
    if (ctx == nullptr || !ctx->pipeline
        || ctx->pipeline->conversation_id().empty())
    {
        return true;
    }

    return add_header(r, "X-Dify-Conversation-Id",
                      ctx->pipeline->conversation_id());
}

void set_content_type(ngx_http_request_t *r, std::string_view type,
                      size_t bare_size)
{
    r->headers_out.content_type = borrow(type);  // a literal
    r->headers_out.content_type_len = bare_size;
    r->headers_out.content_type_lowcase = nullptr;
}

bool send_stream_header(ClientCtx *ctx)
{
    static constexpr std::string_view kType =
        "text/event-stream; charset=utf-8";
    auto *r = ctx->r;

    r->headers_out.status = NGX_HTTP_OK;
    r->headers_out.content_length_n = -1;
    set_content_type(r, kType, kType.find(';'));

    ctx->header_sent = true;
    ctx->answering = true;

    if (!set_common_headers(r) || !add_header(r, "Cache-Control", "no-cache")
        || !add_header(r, "X-Accel-Buffering", "no"))
    {
        return false;
    }

    ngx_int_t rc = ngx_http_send_header(r);

    return rc != NGX_ERROR && rc <= NGX_OK;
}

bool is_busy(const ClientCtx *ctx)
{
    return ctx->sending_buf.pos != ctx->sending_buf.last;
}

// What the pipeline has is on its way from here on.
ngx_chain_t take_output(ClientCtx *ctx, bool last)
{
    auto *b = &ctx->sending_buf;
    auto &output = ctx->pipeline->output();

    if (!ctx->sending.empty()) {
        std::string().swap(ctx->sending);
    }

    if (output.capacity() < kOnHeap) {
        output.reserve(kOnHeap);
    }

    *b = {};
    ngx_str_t bytes = borrow(output);
    b->start = b->pos = bytes.data;
    b->end = b->last = bytes.data + bytes.len;
    b->tag = &ngx_http_opendify_module;
    b->temporary = 1;
    b->flush = !last;
    b->last_buf = last;

    return {b, nullptr};
}

// All of it is sent, or nothing was written.
[[gnu::hot]]
void give_back(ClientCtx *ctx)
{
    auto &output = ctx->pipeline->output();

    output.clear();

    if (spare_strings.size() < kMostSpare && output.capacity() >= kOnHeap
        && output.capacity() <= kLargestSpare)
    {
        spare_strings.push_back(std::move(output));

    } else {
        output.shrink_to_fit();
    }
}

// It stays where it is until the client takes it; the pipeline goes on in
// other memory.
void keep_back(ClientCtx *ctx)
{
    ctx->sending.swap(ctx->pipeline->output());
}

[[gnu::hot]]
ngx_int_t pass_on(ClientCtx *ctx, bool last)
{
    auto out = take_output(ctx, last);
    ctx->sent_at = ngx_current_msec;

    ngx_int_t rc = ngx_http_output_filter(ctx->r, &out);

    if (is_busy(ctx)) {
        keep_back(ctx);

    } else {
        give_back(ctx);
    }

    return rc;
}

bool wait_for_client(ngx_http_request_t *r);

void on_writable(ngx_http_request_t *r)
{
    auto *ctx = client_ctx(r);
    auto *c = r->connection;
    auto *wev = c->write;

    if (wev->timedout) {
        ngx_log_error(NGX_LOG_INFO, c->log, NGX_ETIMEDOUT, "client timed out");
        c->timedout = 1;
        ngx_http_finalize_request(r, NGX_HTTP_REQUEST_TIME_OUT);
        return;
    }

    if (wev->delayed || r->aio) {
        if (!wait_for_client(r)) {
            ngx_http_finalize_request(r, NGX_ERROR);
        }
        return;
    }

    ngx_int_t rc = ngx_http_output_filter(r, nullptr);

    if (rc == NGX_ERROR || (is_behind(ctx) && !wait_for_client(r))) {
        ngx_http_finalize_request(r, NGX_ERROR);
        return;
    }

    // A timer of limit_rate's stays: without it the delay would never end.
    if (!is_behind(ctx) && !wev->delayed && wev->timer_set) {
        ngx_del_timer(wev);
    }

    bool ran = !ctx->broken && guarded(c->log, false, [ctx] {
        chat_run(ctx);
        return true;
    });

    if (!ran) {
        events_break(ctx);
    }
}

// The client takes no more for now: wait for it, send_timeout at most.
bool wait_for_client(ngx_http_request_t *r)
{
    auto *wev = r->connection->write;
    auto *clcf = static_cast<ngx_http_core_loc_conf_t *>(
        ngx_http_get_module_loc_conf(r, ngx_http_core_module));

    r->write_event_handler = on_writable;

    if (!wev->delayed) {
        ngx_add_timer(wev, clcf->send_timeout);
    }

    return ngx_handle_write_event(wev, clcf->send_lowat) == NGX_OK;
}

void record_error(ngx_http_request_t *r, const Failure &failure)
{
    auto *ctx = client_ctx(r);
    if (ctx == nullptr) {
        return;
    }

    ctx->error = std::string(error_code_name(failure));
}

// A client that is lost before the answer's end has left: the stage tells what
// it has left.
bool finish_request(ClientCtx *ctx, ngx_int_t rc)
{
    if (ctx->settled) {
        ctx->stage = Stage::finished;
    }

    ngx_http_finalize_request(ctx->r, rc);

    return false;
}

}  // namespace

void send_whole(ngx_http_request_t *r, ngx_uint_t status, std::string_view body)
{
    auto kept = copy(r->pool, body);

    if (kept.data == nullptr) {
        ngx_http_finalize_request(r, NGX_ERROR);
        return;
    }

    send_kept(r, status, view(kept));
}

void send_kept(ngx_http_request_t *r, ngx_uint_t status, std::string_view body)
{
    auto *ctx = make_context(r);

    if (ctx == nullptr) {
        ngx_http_finalize_request(r, NGX_ERROR);
        return;
    }

    ctx->answering = true;
    r->headers_out.status = status;
    r->headers_out.content_length_n = static_cast<off_t>(body.size());
    set_content_type(r, kReplyType, kReplyType.size());

    auto     *b = static_cast<ngx_buf_t *>(ngx_calloc_buf(r->pool));
    ngx_str_t bytes = borrow(body);

    if (b == nullptr || !set_common_headers(r)) {
        ngx_http_finalize_request(r, NGX_ERROR);
        return;
    }

    b->start = b->pos = bytes.data;
    b->end = b->last = bytes.data + bytes.len;
    b->temporary = 1;
    b->last_buf = 1;
    b->last_in_chain = 1;

    ngx_int_t rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        ngx_http_finalize_request(r, rc);
        return;
    }

    ngx_chain_t out = {b, nullptr};
    ngx_http_finalize_request(r, ngx_http_output_filter(r, &out));
}

void send_failure(ngx_http_request_t *r, const Failure &failure)
{
    const auto &head = error_head(failure.errc);

    record_error(r, failure);

    int retry_after = failure.retry_after_s != 0 ? failure.retry_after_s
                                                 : head.retry_after;

    if ((retry_after != 0
         && !add_header(r, "Retry-After", std::to_string(retry_after)))
        || (!head.may_retry && !add_header(r, "x-should-retry", "false")))
    {
        ngx_http_finalize_request(r, NGX_ERROR);
        return;
    }

    send_whole(r, static_cast<ngx_uint_t>(head.status), encode_error(failure));
}

void send_reply(ClientCtx *ctx)
{
    ctx->stage = Stage::finished;
    send_kept(ctx->r, NGX_HTTP_OK, ctx->pipeline->output());
}

[[gnu::hot]]
void output_expect(ClientCtx *ctx)
{
    auto &output = ctx->pipeline->output();

    if (output.empty() && !spare_strings.empty()) {
        output = std::move(spare_strings.back());
        spare_strings.pop_back();
    }
}

void output_unexpect(ClientCtx *ctx)
{
    if (ctx->pipeline->output().empty()) {
        give_back(ctx);
    }
}

[[gnu::hot]]
bool is_behind(const ClientCtx *ctx)
{
    return ctx->r->connection->buffered || is_busy(ctx);
}

[[gnu::hot]]
bool send_more(ClientCtx *ctx)
{
    ngx_int_t rc = pass_on(ctx, false);

    return rc != NGX_ERROR && (!is_behind(ctx) || wait_for_client(ctx->r))
               ? true
               : finish_request(ctx, NGX_ERROR);
}

bool send_stream(ClientCtx *ctx)
{
    auto *r = ctx->r;
    bool  last = ctx->pipeline->over();

    if (ctx->pipeline->failed()) {
        record_error(r, ctx->pipeline->failure());
    }

    if (!ctx->header_sent && !send_stream_header(ctx)) {
        return finish_request(ctx, NGX_ERROR);
    }

    if (is_busy(ctx)) {
        return true;
    }

    if (ctx->pipeline->output().empty()) {
        return last ? finish_request(ctx, ngx_http_send_special(
                                              r, NGX_HTTP_LAST))
                    : true;
    }

    if (!last) {
        return send_more(ctx);
    }

    return finish_request(ctx, pass_on(ctx, true));
}

void send_ping(ClientCtx *ctx)
{
    // Over: the end is on its way, and nothing comes after it.
    if (ctx->pipeline->over() || is_behind(ctx)) {
        return;
    }

    ctx->pipeline->commit();
    ctx->pipeline->output().append(kKeepAliveComment);
    send_stream(ctx);
}

}  // namespace opendify::glue
