#include "ngx_http_opendify_client.hpp"

#include <sys/socket.h>

namespace opendify::glue {

namespace {

constexpr std::size_t kShellPoolSize = 1024;
constexpr std::size_t kMaxReplyBytes = 1 << 20;

// One socket a worker, never in epoll: what a shell's connection is given in
// place of its own, so that a shell costs no system call.
ngx_socket_t shell_socket(ngx_log_t *log)
{
    static ngx_socket_t fd = -1;

    if (fd == -1) {
        fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

        if (fd == -1) {
            ngx_log_error(NGX_LOG_CRIT, log, ngx_socket_errno,
                          "opendify: socket() failed");
        }
    }

    return fd;
}

void ignore_event(ngx_event_t *) {}

// The shell's log speaks of the client: a copy of its log and context.
bool copy_log(ngx_connection_t *c, ngx_http_request_t *client)
{
    auto *log = static_cast<ngx_log_t *>(ngx_palloc(c->pool, sizeof(ngx_log_t)));
    auto *ctx = static_cast<ngx_http_log_ctx_t *>(
        ngx_pcalloc(c->pool, sizeof(ngx_http_log_ctx_t)));

    if (log == nullptr || ctx == nullptr) {
        return false;
    }

    *log = *client->connection->log;
    log->data = ctx;
    log->action = nullptr;
    ctx->connection = c;
    c->log = log;
    c->pool->log = log;
    c->read->log = log;
    c->write->log = log;

    return true;
}

bool copy_addresses(ngx_connection_t *c, ngx_http_request_t *client)
{
    auto *from = client->connection;

    c->sockaddr = static_cast<sockaddr *>(ngx_palloc(c->pool, from->socklen));
    c->addr_text = copy(c->pool, view(from->addr_text));

    if (c->sockaddr == nullptr || c->addr_text.data == nullptr) {
        return false;
    }

    ngx_memcpy(c->sockaddr, from->sockaddr, from->socklen);
    c->socklen = from->socklen;
    c->listening = from->listening;

    if (from->local_sockaddr == nullptr) {
        return true;
    }

    c->local_sockaddr = static_cast<sockaddr *>(
        ngx_palloc(c->pool, from->local_socklen));
    if (c->local_sockaddr == nullptr) {
        return false;
    }

    ngx_memcpy(c->local_sockaddr, from->local_sockaddr, from->local_socklen);
    c->local_socklen = from->local_socklen;

    return true;
}

bool make_http_connection(ngx_connection_t *c, ngx_http_request_t *client)
{
    auto *hc = static_cast<ngx_http_connection_t *>(
        ngx_pcalloc(c->pool, sizeof(ngx_http_connection_t)));
    auto *cscf = static_cast<ngx_http_core_srv_conf_t *>(
        ngx_http_get_module_srv_conf(client, ngx_http_core_module));

    c->buffer = ngx_create_temp_buf(c->pool, 16);

    if (hc == nullptr || c->buffer == nullptr) {
        return false;
    }

    hc->addr_conf = client->http_connection->addr_conf;
    hc->conf_ctx = cscf->ctx;
    c->data = hc;

    return true;
}

void close_shell_connection(ngx_connection_t *c)
{
    auto *pool = c->pool;

    c->destroyed = 1;
    ngx_close_connection(c);

    if (pool != nullptr) {
        ngx_destroy_pool(pool);
    }
}

ngx_connection_t *make_connection(ngx_http_request_t *client)
{
    auto *log = client->connection->log;

    ngx_socket_t fd = shell_socket(log);
    if (fd == -1) {
        return nullptr;
    }

    auto *c = ngx_get_connection(fd, log);
    if (c == nullptr) {
        return nullptr;
    }

    c->shared = 1;
    c->read->handler = ignore_event;
    c->write->handler = ignore_event;
    c->read->active = 1;
    c->write->active = 1;
    c->write->ready = 1;
    c->tcp_nodelay = NGX_TCP_NODELAY_DISABLED;
    c->number = ngx_atomic_fetch_add(ngx_connection_counter, 1);
    c->start_time = ngx_current_msec;
    c->pool = ngx_create_pool(kShellPoolSize, log);

    if (c->pool == nullptr || !copy_log(c, client) || !copy_addresses(c, client)
        || !make_http_connection(c, client))
    {
        c->log = log;
        close_shell_connection(c);
        return nullptr;
    }

    return c;
}

bool copy_request_line(ngx_http_request_t *shell, ngx_http_request_t *client)
{
    shell->request_line = copy(shell->pool, view(client->request_line));
    shell->method_name = copy(shell->pool, view(client->method_name));
    shell->unparsed_uri = copy(shell->pool, view(client->unparsed_uri));
    shell->http_protocol = copy(shell->pool, view(client->http_protocol));
    shell->headers_in.server = copy(shell->pool,
                                    view(client->headers_in.server));
    shell->http_version = NGX_HTTP_VERSION_11;

    return shell->request_line.data != nullptr
           && shell->method_name.data != nullptr
           && shell->unparsed_uri.data != nullptr
           && shell->http_protocol.data != nullptr
           && shell->headers_in.server.data != nullptr;
}

void terminate(CallCtx *call)
{
    auto *c = call->shell->connection;

    if (call->mapping) {
        Zone(call->zone, call->ttl)
            .put(call->mapping->scope, call->mapping->head, call->mapping->id);
        call->mapping.reset();
    }

    ngx_http_finalize_request(call->shell, NGX_ERROR);
    ngx_http_run_posted_requests(c);
}

void on_wake(ngx_event_t *ev)
{
    auto *call = static_cast<CallCtx *>(ev->data);

    guarded(ev->log, 0, [&] {
        if (call->kill || (call->done && call->client == nullptr)) {
            terminate(call);

        } else if (call->sr != nullptr && !call->done) {
            auto *c = call->shell->connection;
            call->sr->write_event_handler(call->sr);
            ngx_http_run_posted_requests(c);
        }

        return 0;
    });
}

void on_drained(ngx_event_t *ev)
{
    guarded(ev->log, 0, [&] {
        terminate(static_cast<CallCtx *>(ev->data));
        return 0;
    });
}

void on_shell_closed(void *data)
{
    auto *call = static_cast<CallCtx *>(data);

    if (call->wake.posted) {
        ngx_delete_posted_event(&call->wake);
    }

    if (call->drain.timer_set) {
        ngx_del_timer(&call->drain);
    }

    if (call->client != nullptr) {
        if (call->client->call == call) {
            call->client->call = nullptr;
        }

        if (call->client->probe == call) {
            call->client->probe = nullptr;
        }

        ngx_post_event(&call->client->wake, &ngx_posted_events);
        call->client = nullptr;
    }
}

ngx_int_t on_done(ngx_http_request_t *sr, void *data, ngx_int_t rc)
{
    auto *call = static_cast<CallCtx *>(data);

    if (call->sr != sr || call->done) {
        return NGX_OK;
    }

    call->done = true;
    call->rc = rc;
    ngx_post_event(call->client != nullptr ? &call->client->wake : &call->wake,
                   &ngx_posted_events);

    return NGX_OK;
}

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

// Everything that a subrequest would otherwise share with its parent.
bool set_request(CallCtx *call, ngx_http_request_t *sr)
{
    static ngx_str_t post = ngx_string("POST");

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

    if (!call->post) {
        return true;
    }

    auto *body = static_cast<ngx_http_request_body_t *>(
        ngx_pcalloc(sr->pool, sizeof(ngx_http_request_body_t)));
    auto *b = static_cast<ngx_buf_t *>(ngx_calloc_buf(sr->pool));
    auto *cl = ngx_alloc_chain_link(sr->pool);
    if (body == nullptr || b == nullptr || cl == nullptr) {
        return false;
    }

    ngx_str_t bytes = borrow(call->body);
    b->start = b->pos = bytes.data;
    b->end = b->last = bytes.data + bytes.len;
    b->memory = 1;
    b->last_buf = 1;
    *cl = {b, nullptr};
    body->bufs = cl;

    sr->method = NGX_HTTP_POST;
    sr->method_name = post;
    sr->request_body = body;
    sr->headers_in.content_length_n = static_cast<off_t>(bytes.len);

    return push_header(sr, "Content-Type", "content-type", "application/json",
                       &sr->headers_in.content_type);
}

// First event of the shell: its subrequest goes out.
void on_start(ngx_event_t *ev)
{
    auto *c = static_cast<ngx_connection_t *>(ev->data);
    auto *shell = static_cast<ngx_http_request_t *>(c->data);
    auto *call = static_cast<CallCtx *>(
        ngx_http_get_module_ctx(shell, ngx_http_opendify_module));

    ev->handler = ignore_event;

    auto *ps = static_cast<ngx_http_post_subrequest_t *>(
        ngx_palloc(shell->pool, sizeof(ngx_http_post_subrequest_t)));
    ngx_str_t uri = borrow(call->uri);
    ngx_str_t args = borrow(call->args);

    if (ps != nullptr) {
        *ps = {on_done, call};

        if (ngx_http_subrequest(shell, &uri, &args, &call->sr, ps, 0) == NGX_OK
            && set_request(call, call->sr))
        {
            ngx_http_run_posted_requests(c);
            return;
        }
    }

    call->kill = true;
    ngx_post_event(&call->wake, &ngx_posted_events);
}

CallCtx *make_shell(ngx_http_request_t *client)
{
    auto *c = make_connection(client);
    if (c == nullptr) {
        return nullptr;
    }

    auto *shell = ngx_http_create_request(c);
    if (shell == nullptr) {
        close_shell_connection(c);
        return nullptr;
    }

    (void) ngx_atomic_fetch_add(ngx_stat_active, 1);

    c->data = shell;
    shell->logged = 1;
    shell->read_event_handler = ngx_http_request_empty_handler;
    shell->write_event_handler = ngx_http_request_empty_handler;

    auto *call = pool_make<CallCtx>(shell->pool);
    auto *cln = ngx_http_cleanup_add(shell, 0);

    if (call == nullptr || cln == nullptr || !copy_request_line(shell, client)) {
        ngx_http_finalize_request(shell, NGX_ERROR);
        ngx_http_run_posted_requests(c);
        return nullptr;
    }

    call->shell = shell;
    cln->handler = on_shell_closed;
    cln->data = call;
    ngx_http_set_ctx(shell, call, ngx_http_opendify_module);

    call->wake = {};
    call->wake.data = call;
    call->wake.handler = on_wake;
    call->wake.log = c->log;
    call->drain = {};
    call->drain.data = call;
    call->drain.handler = on_drained;
    call->drain.log = c->log;
    call->started_at = ngx_current_msec;

    return call;
}

CallCtx *start(ngx_http_request_t *r, const App &app, const LocConf *conf,
               const BackendRequest &request, const CallFacts &facts)
{
    auto *call = make_shell(r);
    if (call == nullptr) {
        return nullptr;
    }

    call->uri.assign(view(conf->pass)).append(request.path);
    call->args = request.args;
    call->body = request.body;
    call->post = request.post;
    call->authorization.assign("Bearer ").append(app.key.reveal());
    call->facts = facts;

    auto *c = call->shell->connection;
    c->write->handler = on_start;
    ngx_post_event(c->write, &ngx_posted_events);

    return call;
}

// So that $upstream_* of the client's access log say what is known by now.
void copy_upstream_states(CallCtx *call)
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

bool is_event_stream(const ngx_http_headers_out_t &out)
{
    static constexpr std::string_view kType = "text/event-stream";

    return out.status == NGX_HTTP_OK && out.content_encoding == nullptr
           && out.content_type.len >= kType.size()
           && ngx_strncasecmp(out.content_type.data, borrow(kType).data,
                              kType.size()) == 0;
}

void consume(CallCtx *call, std::string_view bytes)
{
    if (call->client == nullptr) {
        return;
    }

    if (call->event_stream && call->streams_to_client) {
        call->client->pipeline->feed(bytes);
        ngx_post_event(&call->client->wake, &ngx_posted_events);

    } else if (call->reply.size() < kMaxReplyBytes) {
        call->reply.append(bytes.substr(0, kMaxReplyBytes
                                               - call->reply.size()));
    }
}

bool is_blocked(const CallCtx *call)
{
    return call->client != nullptr && call->event_stream
           && call->streams_to_client && chat_is_full(call->client);
}

}  // namespace

CallCtx *call_start(ClientCtx *client, const BackendRequest &request,
                    bool streams_to_client)
{
    CallFacts facts = {std::string(view(client->app->name)),
                       std::string(app_mode_name(client->mode)), client->user,
                       client->chat_id, client->client};

    auto *call = start(client->r, *client->app, client->conf, request, facts);

    if (call != nullptr) {
        call->client = client;
        call->streams_to_client = streams_to_client;
    }

    return call;
}

void call_start_detached(ngx_http_request_t *r, const App &app,
                         const LocConf *conf, const BackendRequest &request,
                         const CallFacts &facts)
{
    if (start(r, app, conf, request, facts) == nullptr) {
        ngx_log_error(NGX_LOG_WARN, r->connection->log, 0,
                      "opendify: no connection for the stop call");
    }
}

void call_release(CallCtx *call, ngx_msec_t drain_ms)
{
    if (call->client != nullptr) {
        copy_upstream_states(call);
        call->client = nullptr;
    }

    if (call->done || drain_ms == 0) {
        call->kill = true;
        ngx_post_event(&call->wake, &ngx_posted_events);
        return;
    }

    ngx_add_timer(&call->drain, drain_ms);

    if (call->kept != nullptr) {
        ngx_post_event(&call->wake, &ngx_posted_events);
    }
}

void call_resume(CallCtx *call)
{
    if (call->kept != nullptr) {
        ngx_post_event(&call->wake, &ngx_posted_events);
    }
}

void call_on_header(CallCtx *call)
{
    auto &out = call->sr->headers_out;

    // A garbage reply is taken as HTTP/0.9 and has status 0.
    call->status = out.status == 0 ? NGX_HTTP_BAD_GATEWAY : out.status;
    call->event_stream = is_event_stream(out);
}

ngx_int_t call_on_body(CallCtx *call, ngx_chain_t *in)
{
    auto *pool = call->sr->pool;

    if (call->kept != nullptr || is_blocked(call)) {
        if (in != nullptr && ngx_chain_add_copy(pool, &call->kept, in) != NGX_OK)
        {
            return NGX_ERROR;
        }

        in = nullptr;

        while (call->kept != nullptr && !is_blocked(call)) {
            auto *cl = call->kept;
            auto *b = cl->buf;

            if (ngx_buf_in_memory(b)) {
                consume(call, {reinterpret_cast<char *>(b->pos),
                               static_cast<size_t>(b->last - b->pos)});
            }

            b->pos = b->last;
            call->kept = cl->next;
            ngx_free_chain(pool, cl);
        }
    }

    for (; in != nullptr; in = in->next) {
        auto *b = in->buf;

        if (ngx_buf_in_memory(b) && b->pos != b->last) {
            consume(call, {reinterpret_cast<char *>(b->pos),
                           static_cast<size_t>(b->last - b->pos)});
        }

        b->pos = b->last;
        b->file_pos = b->file_last;
    }

    return NGX_OK;
}

}  // namespace opendify::glue
