// How a client's path is written: once for each route. Where "v1/" may stand or
// not, both ways are taken as long as one location rules them both; otherwise
// rules of the one would not hold for the other.

#include "ngx_http_opendify_client.hpp"

namespace opendify::glue {

namespace {

struct Found {
    ngx_http_core_loc_conf_t *location;
    bool                      final;  // expressions are not asked any more
};

ngx_http_core_loc_conf_t *core_conf(void **loc_conf)
{
    return static_cast<ngx_http_core_loc_conf_t *>(
        loc_conf[ngx_http_core_module.ctx_index]);
}

// In the tree of one level, as ngx_http_core_find_static_location() does.
Found find_static(ngx_http_core_loc_conf_t *level, ngx_str_t uri)
{
    Found found = {level, false};
    auto *node = level->static_locations;

    while (node != nullptr) {
        size_t len = node->len;
        size_t n = ngx_min(uri.len, len);
        auto   rc = ngx_filename_cmp(uri.data, node->name, n);

        if (rc != 0) {
            node = rc < 0 ? node->left : node->right;

        } else if (uri.len > len && node->inclusive != nullptr) {
            found.location = node->inclusive;
            uri.data += n;
            uri.len -= n;
            node = node->tree;

        } else if (uri.len > len) {
            node = node->right;

        } else if (uri.len == len && node->exact != nullptr) {
            return {node->exact, true};

        } else if (uri.len == len) {
            found.location = node->inclusive;
            return found;

        } else {
            node = node->left;
        }
    }

    return found;
}

Found find_location(ngx_http_core_loc_conf_t *level, ngx_str_t uri)
{
    auto found = find_static(level, uri);
    bool noregex = false;

    if (!found.final && found.location != level) {
#if (NGX_PCRE)
        noregex = found.location->noregex;
#endif
        found = find_location(found.location, uri);
    }

    if (found.final || noregex) {
        return found;
    }

#if (NGX_PCRE)
    for (auto **at = level->regex_locations; at != nullptr && *at != nullptr;
         at++)
    {
        if (ngx_regex_exec((*at)->regex->regex, &uri, nullptr, 0) >= 0) {
            return {find_location(*at, uri).location, true};
        }
    }
#endif

    return found;
}

ngx_http_core_loc_conf_t *location_of(ngx_http_request_t *r,
                                      std::string_view path)
{
    auto *cscf = static_cast<ngx_http_core_srv_conf_t *>(
        ngx_http_get_module_srv_conf(r, ngx_http_core_module));

    return find_location(core_conf(cscf->ctx->loc_conf), borrow(path)).location;
}

bool has_own_rules(ngx_http_core_loc_conf_t *location)
{
    auto *conf = static_cast<LocConf *>(
        location->loc_conf[ngx_http_opendify_module.ctx_index]);

    return location->exact_match || conf->pass.len == 0;
}

// Of an expression: what it matches.
std::string_view prefix_of(ngx_http_request_t *r)
{
    auto *location = core_conf(r->loc_conf);

#if (NGX_PCRE)
    if (location->regex != nullptr) {
        int   captures[3] = {};
        auto *regex = location->regex->regex;

        return ngx_regex_exec(regex, &r->uri, captures, 3) >= 0
                   ? view(r->uri).substr(
                         0, static_cast<size_t>(captures[1]))
                   : std::string_view();
    }
#endif

    return location->named || location->exact_match ? std::string_view()
                                                    : view(location->name);
}

// The way to write the route that the rules of the configuration are about.
std::string right_path(ngx_http_request_t *r, const Route &route)
{
    auto *location = core_conf(r->loc_conf);
    auto  path = view(r->uri);

    if (location->exact_match && path == view(location->name)) {
        return std::string(path);
    }

    if (route.other.empty()) {
        return route.path;
    }

    auto *given = location_of(r, route.path);
    auto *other = location_of(r, route.other);

    return given == other || (route.versioned && !has_own_rules(other))
               ? route.path
               : route.other;
}

bool redirect(ngx_http_request_t *r, const std::string &right)
{
    auto target = target_to_send(right, view(r->uri), view(r->unparsed_uri),
                                 !r->valid_unparsed_uri);

    if (target.empty()) {
        return false;
    }

    ngx_http_clear_location(r);
    r->headers_out.location = push_header(r, "Location",
                                          copy(r->pool, target));

    return r->headers_out.location != nullptr;
}

}  // namespace

ngx_int_t find_route(ngx_http_request_t *r, Route &route)
{
    route = route_of(view(r->uri), prefix_of(r));

    if (route.endpoint == Endpoint::unknown) {
        return NGX_HTTP_NOT_FOUND;
    }

    auto right = right_path(r, route);

    if (right == view(r->uri)) {
        return NGX_OK;
    }

    return redirect(r, right) ? NGX_HTTP_PERMANENT_REDIRECT
                              : NGX_HTTP_NOT_FOUND;
}

}  // namespace opendify::glue
