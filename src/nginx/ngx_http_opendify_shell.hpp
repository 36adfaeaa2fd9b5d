// A request without a client: its connection has no socket of its own and is
// never in epoll. What a call's subrequest needs for a parent.

#ifndef NGX_HTTP_OPENDIFY_SHELL_HPP
#define NGX_HTTP_OPENDIFY_SHELL_HPP

#include "ngx_opendify.hpp"

namespace opendify::glue {

// Looks to nginx like the client's request (addresses, server, log), with
// copies of all of it. Null when there is no connection to spare.
ngx_http_request_t *shell_create(ngx_http_request_t *client);

// Ends it with everything in it: cleanups run, an open upstream is closed, one
// that has ended went to keepalive before. Never from within its own stack.
void shell_close(ngx_http_request_t *shell);

}  // namespace opendify::glue

#endif
