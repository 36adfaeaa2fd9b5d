// The differences between nginx 1.22 and mainline, all of them.

#ifndef NGX_HTTP_OPENDIFY_COMPAT_HPP
#define NGX_HTTP_OPENDIFY_COMPAT_HPP

#include "ngx_opendify.hpp"

#include "opendify/line_text.hpp"

namespace opendify::glue {

// Adds a response header, its value, anybody's text, in up to two parts. Since
// 1.23 headers are linked lists, so the whole element is zeroed first.
inline bool add_header(ngx_http_request_t *r, std::string_view name,
                       std::string_view value, std::string_view then = {})
{
    auto *h = static_cast<ngx_table_elt_t *>(
        ngx_list_push(&r->headers_out.headers));
    if (h == nullptr) {
        return false;
    }

    *h = {};
    h->key = borrow(name);  // a literal
    h->value = is_line_text(value) && is_line_text(then)
                   ? copy(r->pool, value, then)
                   : copy(r->pool, line_text(value), line_text(then));
    h->hash = h->value.data == nullptr ? 0 : 1;

    return h->hash == 1;
}

}  // namespace opendify::glue

#endif
