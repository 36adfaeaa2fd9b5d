// opendify_pass, and the check that its target is a location that proxies.

#include "ngx_http_opendify_client.hpp"

namespace opendify::glue {

namespace {

using Tree = ngx_http_location_tree_node_t;

ngx_http_core_loc_conf_t *core_conf(void **loc_conf)
{
    return static_cast<ngx_http_core_loc_conf_t *>(
        loc_conf[ngx_http_core_module.ctx_index]);
}

// The location with the longest prefix of `uri`, as nginx finds it.
ngx_http_core_loc_conf_t *find_location(const Tree *node, ngx_str_t uri)
{
    ngx_http_core_loc_conf_t *best = nullptr;

    while (node != nullptr) {
        size_t len = node->len;
        size_t n = ngx_min(uri.len, len);
        auto rc = ngx_filename_cmp(uri.data,
                                   const_cast<u_char *>(node->name), n);

        if (rc != 0) {
            node = rc < 0 ? node->left : node->right;

        } else if (uri.len > len && node->inclusive != nullptr) {
            best = node->inclusive;
            uri.data += n;
            uri.len -= n;
            node = node->tree;

        } else if (uri.len > len) {
            node = node->right;

        } else if (uri.len == len) {
            return node->inclusive != nullptr ? node->inclusive : best;

        } else {
            node = node->left;
        }
    }

    return best;
}

// Regular expressions are believed: which of them matches depends on the call.
bool leads_to_a_handler(ngx_http_core_loc_conf_t *clcf, const ngx_str_t &uri)
{
    for ( ;; ) {
#if (NGX_PCRE)
        if (clcf->regex_locations != nullptr) {
            return true;
        }
#endif

        auto *inner = find_location(clcf->static_locations, uri);

        if (inner == nullptr) {
            return clcf->handler != nullptr && clcf->handler != handler;
        }

        clcf = inner;
    }
}

bool check(ngx_conf_t *cf, const PassTarget &target)
{
    std::string path = std::string(view(target.uri)) + "/info";

    if (leads_to_a_handler(core_conf(target.server->ctx->loc_conf),
                           borrow(path)))
    {
        return true;
    }

    ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                  "\"%V %V\" leads to no location of this server that "
                  "proxies: add \"location %V/ { internal; include "
                  "opendify_proxy.conf; proxy_pass https://dify/v1/; }\" in "
                  "%V:%ui", &target.directive, &target.uri, &target.uri,
                  &target.file, target.line);

    return false;
}

}  // namespace

char *add_target(ngx_conf_t *cf, ngx_str_t *pass)
{
    auto *value = arguments(cf);
    auto *mcf = static_cast<MainConf *>(
        ngx_http_conf_get_module_main_conf(cf, ngx_http_opendify_module));

    if (pass->len != 0) {
        static char duplicate[] = "is duplicate";
        return duplicate;
    }

    if (value[1].len < 2 || value[1].data[0] != '/') {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V %V\" must name the internal location that "
                           "proxies to Dify, such as \"%V /_dify;\"",
                           &value[0], &value[1], &value[0]);
        return conf_error();
    }

    *pass = value[1];

    if (pass->data[pass->len - 1] == '/') {
        pass->len--;
    }

    auto *target = static_cast<PassTarget *>(ngx_array_push(mcf->targets));
    if (target == nullptr) {
        return conf_error();
    }

    *target = {value[0], *pass,
               static_cast<ngx_http_core_srv_conf_t *>(
                   ngx_http_conf_get_module_srv_conf(cf, ngx_http_core_module)),
               cf->conf_file->file.name, cf->conf_file->line};

    return kConfOk;
}

char *check_handler(ngx_conf_t *cf, ngx_http_handler_pt wanted)
{
    auto *clcf = static_cast<ngx_http_core_loc_conf_t *>(
        ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module));

    if (clcf->handler == wanted) {
        return kConfOk;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "location \"%V\" has \"opendify_pass\" and another "
                       "directive that answers its requests, such as "
                       "\"proxy_pass\": give each a location of its own",
                       &clcf->name);

    return conf_error();
}

char *set_pass(ngx_conf_t *cf, ngx_command_t *, void *conf)
{
    auto *lcf = static_cast<LocConf *>(conf);
    auto *clcf = static_cast<ngx_http_core_loc_conf_t *>(
        ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module));

    if (lcf->pass.len == 0 && !lcf->conversations
        && check_handler(cf, nullptr) != kConfOk)
    {
        return conf_error();
    }

    clcf->handler = handler;

    return add_target(cf, &lcf->pass);
}

char *set_form_pass(ngx_conf_t *cf, ngx_command_t *, void *conf)
{
    return add_target(cf, &static_cast<LocConf *>(conf)->form_pass);
}

ngx_int_t check_passes(ngx_conf_t *cf)
{
    return guarded(cf->log, static_cast<ngx_int_t>(NGX_ERROR), [cf] {
        auto *mcf = static_cast<MainConf *>(
            ngx_http_conf_get_module_main_conf(cf, ngx_http_opendify_module));
        auto *targets = static_cast<PassTarget *>(mcf->targets->elts);

        for (ngx_uint_t i = 0; i < mcf->targets->nelts; i++) {
            if (!check(cf, targets[i])) {
                return static_cast<ngx_int_t>(NGX_ERROR);
            }
        }

        return static_cast<ngx_int_t>(NGX_OK);
    });
}

}  // namespace opendify::glue
