// Large bodies are decoded in slices, between which other events have their
// turn; one after the other, so that they take the memory of one:
//
//     temporary file -> memory -> RequestDecoder -> turn
//                                  each large file -> a temporary file again
//
// From there it goes to Dify, whose answer may take its time.

#include "ngx_http_opendify_client.hpp"

#include <chrono>

namespace opendify::glue {

namespace {

// A smaller body is no work.
constexpr off_t kLargeBody = 256 * 1024;

// Less than a millisecond each; as many of them as fit into one turn.
constexpr size_t kSlice = 256 * 1024;
constexpr auto   kTurn = std::chrono::milliseconds(5);

ngx_queue_t waiting;
ngx_event_t work;

void on_work(ngx_event_t *ev);

void post_work()
{
    if (!work.posted && !ngx_queue_empty(&waiting)) {
        ngx_post_event(&work, &ngx_posted_next_events);
    }
}

void init_work()
{
    if (work.handler == nullptr) {
        ngx_queue_init(&waiting);
        work.handler = on_work;
        work.log = ngx_cycle->log;
    }
}

// One slice of the body; false if it cannot be read.
bool gather(LargeBody *body)
{
    auto *b = body->unread->buf;
    auto  left = ngx_buf_size(b) - body->at;
    auto  size = ngx_min(static_cast<size_t>(left), kSlice);
    auto  have = body->bytes.size();

    if (have == 0) {
        // What the reader of JSON puts behind it fits, too.
        body->bytes.reserve(body->size + 64);
    }

    if (b->in_file) {
        body->bytes.resize(have + size);

        if (ngx_read_file(b->file, borrow(body->bytes).data + have, size,
                          b->file_pos + body->at)
            != static_cast<ssize_t>(size))
        {
            return false;
        }

    } else if (ngx_buf_in_memory(b)) {
        body->bytes.append(reinterpret_cast<char *>(b->pos) + body->at, size);
    }

    body->at += static_cast<off_t>(size);

    if (body->at >= ngx_buf_size(b)) {
        body->unread = body->unread->next;
        body->at = 0;
    }

    return true;
}

ngx_temp_file_t *spool_of(ClientCtx *ctx)
{
    auto *r = ctx->r;
    auto *clcf = static_cast<ngx_http_core_loc_conf_t *>(
        ngx_http_get_module_loc_conf(r, ngx_http_core_module));
    auto *tf = static_cast<ngx_temp_file_t *>(
        ngx_pcalloc(r->pool, sizeof(ngx_temp_file_t)));

    if (tf == nullptr) {
        throw std::bad_alloc();
    }

    tf->file.fd = NGX_INVALID_FILE;
    tf->file.log = r->connection->log;
    tf->path = clcf->client_body_temp_path;
    tf->pool = r->pool;

    return tf;
}

// One slice of a file. What cannot be written stays in memory.
void put_aside(ClientCtx *ctx, LargeBody *body)
{
    auto *file = body->file;

    if (body->written == 0) {
        ctx->spools.push_back(spool_of(ctx));
    }

    auto       *tf = ctx->spools.back();
    auto        piece = std::string_view(file->bytes)
                            .substr(body->written, kSlice);
    ngx_buf_t   b = {};
    ngx_chain_t chain = {&b, nullptr};

    b.start = b.pos = borrow(piece).data;
    b.end = b.last = b.pos + piece.size();
    b.memory = 1;

    auto n = ngx_write_chain_to_temp_file(tf, &chain);

    if (n == NGX_ERROR) {
        body->file = nullptr;
        return;
    }

    tf->offset += n;
    body->written += static_cast<size_t>(n);

    if (body->written == file->bytes.size()) {
        file->spooled = body->written;
        file->spool = ctx->spools.size();
        std::string().swap(file->bytes);
        body->file = nullptr;
    }
}

enum class Slice { more, over, failed };

Slice slice(ClientCtx *ctx)
{
    auto *body = ctx->large.get();

    if (body->file != nullptr) {
        put_aside(ctx, body);
        return Slice::more;
    }

    if (body->decoder) {
        bool over = body->decoder->step(kSlice);

        body->file = body->decoder->large_file();
        body->written = 0;

        return over && body->file == nullptr ? Slice::over : Slice::more;
    }

    if (body->unread != nullptr) {
        return gather(body) ? Slice::more : Slice::failed;
    }

    body->decoder.emplace(ctx->completion ? RequestKind::completion
                                          : RequestKind::chat,
                          std::move(body->bytes), limits_of(ctx->conf));

    return Slice::more;
}

void turn_of(ClientCtx *ctx)
{
    auto begin = std::chrono::steady_clock::now();
    auto done = Slice::more;

    while (done == Slice::more
           && std::chrono::steady_clock::now() - begin < kTurn)
    {
        done = slice(ctx);
    }

    if (done == Slice::more) {
        return;
    }

    if (done == Slice::failed) {
        ngx_http_finalize_request(ctx->r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    auto turn = ctx->large->decoder->take();

    work_stop(ctx);
    chat_begin(ctx, std::move(turn));
}

void on_work(ngx_event_t *)
{
    if (ngx_queue_empty(&waiting)) {
        return;
    }

    auto *link = ngx_queue_data(ngx_queue_head(&waiting), WorkLink, queue);
    auto *ctx = link->ctx;
    auto *r = ctx->r;
    auto *c = r->connection;

    ngx_http_set_log_request(c->log, r);

    bool ran = guarded(c->log, false, [ctx] {
        turn_of(ctx);
        return true;
    });

    if (!ran) {
        events_break(ctx);
    }

    ngx_http_run_posted_requests(c);
    post_work();
}

}  // namespace

bool work_is_large(ngx_http_request_t *r)
{
    return body_size(r) > kLargeBody;
}

void work_start(ClientCtx *ctx)
{
    auto *r = ctx->r;

    if (!events_watch(ctx)) {
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    init_work();
    ctx->large = std::make_unique<LargeBody>();
    ctx->large->unread = r->request_body->bufs;
    ctx->large->size = static_cast<size_t>(body_size(r));
    ctx->large->link.ctx = ctx;
    ngx_queue_insert_tail(&waiting, &ctx->large->link.queue);
    post_work();
}

void work_stop(ClientCtx *ctx)
{
    if (ctx->large != nullptr) {
        ngx_queue_remove(&ctx->large->link.queue);
        ctx->large.reset();
    }
}

}  // namespace opendify::glue
