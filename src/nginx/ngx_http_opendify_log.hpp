// What nginx's error log tells of a request.

#ifndef NGX_HTTP_OPENDIFY_LOG_HPP
#define NGX_HTTP_OPENDIFY_LOG_HPP

#include "ngx_opendify.hpp"

namespace opendify::glue {

// From here on the lines about `r` and its subrequests show request and
// upstream without their arguments: Dify's API has the ids of users there.
void log_no_arguments(ngx_http_request_t *r);

}  // namespace opendify::glue

#endif
