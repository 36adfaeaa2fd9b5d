// A call on its way through nginx's phases.

#ifndef NGX_HTTP_OPENDIFY_PHASES_HPP
#define NGX_HTTP_OPENDIFY_PHASES_HPP

#include "ngx_opendify.hpp"

namespace opendify::glue {

// Runs sr through nginx's phases from the search for its location on. The
// rewrites of the server have run once, for the client's request: run for the
// call as well, what is meant for clients would redirect or refuse it.
void phases_run(ngx_http_request_t *sr);

// limit_req or limit_conn of the internal location refused the call.
bool phases_refused(const ngx_http_request_t *shell);

ngx_int_t phases_init(ngx_conf_t *cf);

// What the internal location sees of the client's variables: its values, by
// index. Borrowed from the client's request; null without memory.
ngx_http_variable_value_t *phases_variables(ngx_http_request_t *client);

// Copies of those that are seen, in the pool; null without memory.
ngx_http_variable_value_t *phases_keep(ngx_pool_t *pool,
                                       ngx_http_conf_ctx_t *ctx,
                                       const ngx_http_variable_value_t *values);

// Gives them to a shell, as copies. False without memory.
bool phases_share(ngx_http_request_t *shell, ngx_http_conf_ctx_t *ctx,
                  const ngx_http_variable_value_t *values);

}  // namespace opendify::glue

#endif
