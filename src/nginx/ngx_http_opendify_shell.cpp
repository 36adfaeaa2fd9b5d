#include "ngx_http_opendify_shell.hpp"

#include "ngx_http_opendify_log.hpp"
#include "ngx_http_opendify_phases.hpp"

#include <sys/socket.h>

namespace opendify::glue {

namespace {

constexpr size_t kPoolSize = 512;

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

// The shell's log speaks of the client: a copy of its log, and a context.
bool copy_log(ngx_connection_t *c, const ShellOrigin &origin)
{
    auto *log = static_cast<ngx_log_t *>(ngx_palloc(c->pool, sizeof(ngx_log_t)));
    auto *ctx = static_cast<ngx_http_log_ctx_t *>(
        ngx_pcalloc(c->pool, sizeof(ngx_http_log_ctx_t)));

    if (log == nullptr || ctx == nullptr) {
        return false;
    }

    *log = origin.log;
    log->data = ctx;
    log->action = nullptr;
    ctx->connection = c;
    c->log = log;
    c->pool->log = log;
    c->read->log = log;
    c->write->log = log;

    return true;
}

bool copy_address(ngx_pool_t *pool, sockaddr *&address, socklen_t len)
{
    auto *to = static_cast<sockaddr *>(ngx_palloc(pool, len));

    if (to != nullptr) {
        ngx_memcpy(to, address, len);
    }

    address = to;

    return to != nullptr;
}

bool copy_addresses(ngx_connection_t *c, const ShellOrigin &origin)
{
    c->sockaddr = origin.address;
    c->socklen = origin.address_len;
    c->addr_text = copy(c->pool, view(origin.address_text));
    c->listening = origin.listening;
    c->local_sockaddr = origin.local;
    c->local_socklen = origin.local_len;

    return copy_address(c->pool, c->sockaddr, c->socklen)
           && c->addr_text.data != nullptr
           && (c->local_sockaddr == nullptr
               || copy_address(c->pool, c->local_sockaddr, c->local_socklen));
}

bool make_http_connection(ngx_connection_t *c, const ShellOrigin &origin)
{
    auto *hc = static_cast<ngx_http_connection_t *>(
        ngx_pcalloc(c->pool, sizeof(ngx_http_connection_t)));

    c->buffer = ngx_create_temp_buf(c->pool, 16);

    if (hc == nullptr || c->buffer == nullptr) {
        return false;
    }

    hc->addr_conf = origin.addr_conf;
    hc->conf_ctx = origin.conf_ctx;
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

ngx_connection_t *make_connection(const ShellOrigin &origin)
{
    // Of the worker: the client's own may be gone when there is none.
    auto *log = ngx_cycle->log;

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
    c->pool = ngx_create_pool(kPoolSize, log);

    if (c->pool == nullptr || !copy_log(c, origin) || !copy_addresses(c, origin)
        || !make_http_connection(c, origin))
    {
        c->log = log;
        close_shell_connection(c);
        return nullptr;
    }

    return c;
}

bool copy_request_line(ngx_http_request_t *shell, const ShellOrigin &origin)
{
    shell->request_line = copy(shell->pool, view(origin.request_line));
    shell->method_name = copy(shell->pool, view(origin.method_name));
    shell->unparsed_uri = copy(shell->pool, view(origin.unparsed_uri));
    shell->http_protocol = copy(shell->pool, view(origin.http_protocol));
    shell->headers_in.server = copy(shell->pool, view(origin.server));
    shell->http_version = NGX_HTTP_VERSION_11;

    return shell->request_line.data != nullptr
           && shell->method_name.data != nullptr
           && shell->unparsed_uri.data != nullptr
           && shell->http_protocol.data != nullptr
           && shell->headers_in.server.data != nullptr;
}

}  // namespace

ShellOrigin shell_origin(ngx_http_request_t *client)
{
    auto *c = client->connection;
    auto *cscf = static_cast<ngx_http_core_srv_conf_t *>(
        ngx_http_get_module_srv_conf(client, ngx_http_core_module));

    return {*c->log, c->sockaddr, c->socklen, c->addr_text, c->listening,
            c->local_sockaddr, c->local_socklen,
            client->http_connection->addr_conf, cscf->ctx,
            phases_variables(client),
            client->request_line, client->method_name, client->unparsed_uri,
            client->http_protocol, client->headers_in.server};
}

bool shell_keep(ngx_pool_t *pool, ShellOrigin &origin)
{
    if (!copy_address(pool, origin.address, origin.address_len)
        || (origin.local != nullptr
            && !copy_address(pool, origin.local, origin.local_len)))
    {
        return false;
    }

    if (origin.variables != nullptr) {
        origin.variables = phases_keep(pool, origin.conf_ctx,
                                       origin.variables);
    }

    for (auto *text : {&origin.address_text, &origin.request_line,
                       &origin.method_name, &origin.unparsed_uri,
                       &origin.http_protocol, &origin.server})
    {
        *text = copy(pool, view(*text));

        if (text->data == nullptr) {
            return false;
        }
    }

    return true;
}

ngx_http_request_t *shell_create(const ShellOrigin &origin)
{
    auto *c = make_connection(origin);
    if (c == nullptr) {
        return nullptr;
    }

    auto *shell = ngx_http_create_request(c);
    if (shell == nullptr) {
        close_shell_connection(c);
        return nullptr;
    }

#if (NGX_STAT_STUB)
    (void) ngx_atomic_fetch_add(ngx_stat_active, 1);
#endif

    c->data = shell;
    shell->logged = 1;
    log_no_arguments(shell);
    shell->post_action = 1;  // or one of the server would follow each call
    shell->uri_changes = 0;
    shell->read_event_handler = ngx_http_request_empty_handler;
    shell->write_event_handler = ngx_http_request_empty_handler;

    if (!copy_request_line(shell, origin)
        || !phases_share(shell, origin.conf_ctx, origin.variables))
    {
        shell_close(shell);
        return nullptr;
    }

    return shell;
}

void shell_on_event(ngx_event_t *ev)
{
    auto *c = static_cast<ngx_connection_t *>(ev->data);
    auto *r = static_cast<ngx_http_request_t *>(c->data);

    ngx_http_set_log_request(c->log, r);

    if (ev->delayed && ev->timedout) {
        ev->delayed = 0;
        ev->timedout = 0;
    }

    r->write_event_handler(r);
    ngx_http_run_posted_requests(c);
}

void shell_close(ngx_http_request_t *shell)
{
    auto *c = shell->connection;

    ngx_http_finalize_request(shell, NGX_ERROR);
    ngx_http_run_posted_requests(c);
}

}  // namespace opendify::glue
