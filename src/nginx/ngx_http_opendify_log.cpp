#include "ngx_http_opendify_log.hpp"

namespace opendify::glue {

namespace {

// The same for all requests.
ngx_http_log_handler_pt nginx_handler;

ngx_str_t without_arguments(const ngx_str_t &s)
{
    return borrow(view(s).substr(0, view(s).find('?')));
}

// nginx reads them from the request, which is the same again afterwards.
u_char *handler_without_arguments(ngx_http_request_t *r,
                                  ngx_http_request_t *sr, u_char *buf,
                                  size_t len)
{
    auto *u = sr->upstream;
    auto  line = r->request_line;
    auto  uri = u == nullptr ? ngx_str_t{} : u->uri;

    r->request_line = without_arguments(line);

    if (u != nullptr) {
        u->uri = without_arguments(uri);
    }

    auto *end = nginx_handler(r, sr, buf, len);

    r->request_line = line;

    if (u != nullptr) {
        u->uri = uri;
    }

    return end;
}

}  // namespace

void log_no_arguments(ngx_http_request_t *r)
{
    if (r->log_handler != handler_without_arguments) {
        nginx_handler = r->log_handler;
        r->log_handler = handler_without_arguments;
    }
}

}  // namespace opendify::glue
