// A request without a client: its connection has no socket of its own and is
// never in epoll. What a call's subrequest needs for a parent.

#ifndef NGX_HTTP_OPENDIFY_SHELL_HPP
#define NGX_HTTP_OPENDIFY_SHELL_HPP

#include "ngx_opendify.hpp"

namespace opendify::glue {

// What a shell has of a client: it looks to nginx like the client's request
// (addresses, server, log).
struct ShellOrigin {
    ngx_log_t             log;
    sockaddr             *address;
    socklen_t             address_len;
    ngx_str_t             address_text;
    ngx_listening_t      *listening;
    sockaddr             *local;  // may be null
    socklen_t             local_len;
    ngx_http_addr_conf_t *addr_conf;
    ngx_http_conf_ctx_t  *conf_ctx;
    ngx_http_variable_value_t *variables;  // of phases_variables()

    ngx_str_t request_line;
    ngx_str_t method_name;
    ngx_str_t unparsed_uri;
    ngx_str_t http_protocol;
    ngx_str_t server;
};

// Borrows from the client's request.
ShellOrigin shell_origin(ngx_http_request_t *client);

// Copies what was borrowed, so that it outlives the client. False without
// memory.
bool shell_keep(ngx_pool_t *pool, ShellOrigin &origin);

// With copies of all of it. Null when there is no connection to spare.
ngx_http_request_t *shell_create(const ShellOrigin &origin);

// Handler of its write event once its subrequest is there: a delay is over, a
// thread has done its work.
void shell_on_event(ngx_event_t *ev);

// Ends it with everything in it: cleanups run, an open upstream is closed, one
// that has ended went to keepalive before. Never from within its own stack.
void shell_close(ngx_http_request_t *shell);

}  // namespace opendify::glue

#endif
