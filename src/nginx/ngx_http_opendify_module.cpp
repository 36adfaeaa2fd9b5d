#include "ngx_http_opendify_client.hpp"
#include "ngx_http_opendify_phases.hpp"
#include "ngx_http_opendify_persist.hpp"

namespace opendify::glue {

namespace {

ngx_int_t postconfiguration(ngx_conf_t *cf)
{
    if (check_passes(cf) != NGX_OK || phases_init(cf) != NGX_OK) {
        return NGX_ERROR;
    }

    return filter_init();
}

// clang-format off
ngx_http_module_t module_ctx = {
    add_variables,     /* preconfiguration */
    postconfiguration, /* postconfiguration */

    create_main_conf,  /* create main configuration */
    init_main_conf,    /* init main configuration */

    nullptr,           /* create server configuration */
    nullptr,           /* merge server configuration */

    create_loc_conf,   /* create location configuration */
    merge_loc_conf     /* merge location configuration */
};
// clang-format on

}  // namespace

}  // namespace opendify::glue

// clang-format off
ngx_module_t ngx_http_opendify_module = {
    NGX_MODULE_V1,
    &opendify::glue::module_ctx,  /* module context */
    opendify::glue::commands,     /* module directives */
    NGX_HTTP_MODULE,              /* module type */
    nullptr,                      /* init master */
    nullptr,                      /* init module */
    opendify::glue::persist_init_process, /* init process */
    nullptr,                      /* init thread */
    nullptr,                      /* exit thread */
    nullptr,                      /* exit process */
    nullptr,                      /* exit master */
    NGX_MODULE_V1_PADDING
};
// clang-format on
