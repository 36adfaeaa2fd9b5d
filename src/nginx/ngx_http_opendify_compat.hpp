// The differences between nginx 1.22 and mainline, all of them.

#ifndef NGX_HTTP_OPENDIFY_COMPAT_HPP
#define NGX_HTTP_OPENDIFY_COMPAT_HPP

#include "ngx_opendify.hpp"

#include "opendify/line_text.hpp"

namespace opendify::glue {

// Adds a response header whose value is in r's pool and fits a line. Since 1.23
// headers are linked lists, so the whole element is zeroed first. Null without
// memory, of the value too.
inline ngx_table_elt_t *push_header(ngx_http_request_t *r,
                                    std::string_view name, ngx_str_t value)
{
    auto *h = static_cast<ngx_table_elt_t *>(
        ngx_list_push(&r->headers_out.headers));
    if (h == nullptr) {
        return nullptr;
    }

    *h = {};
    h->key = borrow(name);  // a literal
    h->value = value;
    h->hash = value.data == nullptr ? 0 : 1;

    return value.data == nullptr ? nullptr : h;
}

// The value is anybody's text, in up to two parts.
inline bool add_header(ngx_http_request_t *r, std::string_view name,
                       std::string_view value, std::string_view then = {})
{
    auto text = is_line_text(value) && is_line_text(then)
                    ? copy(r->pool, value, then)
                    : copy(r->pool, line_text(value), line_text(then));

    return push_header(r, name, text) != nullptr;
}

}  // namespace opendify::glue

#endif
