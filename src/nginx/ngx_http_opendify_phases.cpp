// What nginx's phases make of a call, beside what they made of the client's
// request: that one has been through the rewrites and limits of its server.

#include "ngx_http_opendify_phases.hpp"

#include "ngx_http_opendify_client.hpp"

namespace opendify::glue {

namespace {

// As $limit_req_status and $limit_conn_status tell them: nginx has no names.
enum : unsigned {
    kCounted = 1,  // not counted again
    kConnRefused = 2,
    kReqRefused = 3,
};

constexpr std::string_view kOfClient[] = {
    "scheme", "https", "http2", "http3", "request_id", "remote_user",
};
constexpr std::string_view kOfClientPrefixes[] = {
    "ssl_", "realip_", "proxy_protocol_",
};

enum class Sharing { never, set, always };

struct SharedVariable {
    ngx_uint_t index;
    Sharing    sharing;
};

// Facts about the client and its connection, of which a call has none. And
// what "set", "auth_request_set" and the like have made, as nginx shares it
// between a request and its subrequests.
Sharing sharing_of(const ngx_http_variable_t &variable)
{
    auto name = view(variable.name);

    for (auto known : kOfClient) {
        if (name == known) {
            return Sharing::always;
        }
    }

    for (auto prefix : kOfClientPrefixes) {
        if (has_prefix(variable.name, prefix)) {
            return Sharing::always;
        }
    }

    return (variable.flags & NGX_HTTP_VAR_CHANGEABLE) != 0
                   && (variable.flags & NGX_HTTP_VAR_NOCACHEABLE) == 0
                   && variable.set_handler == nullptr
               ? Sharing::set
               : Sharing::never;
}

ngx_http_core_main_conf_t *core_main_conf(ngx_http_conf_ctx_t *ctx)
{
    return static_cast<ngx_http_core_main_conf_t *>(
        ctx->main_conf[ngx_http_core_module.ctx_index]);
}

// Those that the configuration uses, listed at the first call; null without
// memory.
const ngx_array_t *shared_variables(ngx_http_conf_ctx_t *ctx)
{
    auto *conf = static_cast<MainConf *>(
        ctx->main_conf[ngx_http_opendify_module.ctx_index]);

    if (conf->shared_variables != nullptr) {
        return conf->shared_variables;
    }

    auto &all = core_main_conf(ctx)->variables;
    auto *known = static_cast<ngx_http_variable_t *>(all.elts);
    auto *list = ngx_array_create(ngx_cycle->pool, 4, sizeof(SharedVariable));

    for (ngx_uint_t i = 0; list != nullptr && i < all.nelts; i++) {
        auto sharing = sharing_of(known[i]);

        if (sharing != Sharing::never) {
            auto *entry = static_cast<SharedVariable *>(ngx_array_push(list));
            if (entry == nullptr) {
                return nullptr;
            }

            *entry = {i, sharing};
        }
    }

    return conf->shared_variables = list;
}

bool copy_value(ngx_pool_t *pool, const ngx_http_variable_value_t &from,
                ngx_http_variable_value_t &to)
{
    if (!from.valid || from.not_found || from.len == 0) {
        return true;
    }

    auto text = copy(pool, {reinterpret_cast<char *>(from.data), from.len});
    if (text.data == nullptr) {
        return false;
    }

    to = from;
    to.data = text.data;

    return true;
}

bool copy_values(ngx_pool_t *pool, ngx_http_conf_ctx_t *ctx,
                 const ngx_http_variable_value_t *from,
                 ngx_http_variable_value_t *to)
{
    auto *list = shared_variables(ctx);
    if (list == nullptr) {
        return false;
    }

    auto *shared = static_cast<SharedVariable *>(list->elts);

    for (ngx_uint_t i = 0; i < list->nelts; i++) {
        auto index = shared[i].index;

        if (!copy_value(pool, from[index], to[index])) {
            return false;
        }
    }

    return true;
}

// The limits of that module in the location are its server's. Both limit
// modules of nginx begin their configuration with the list of limits, and a
// level that has none of its own takes over the list of the level above.
bool takes_over_limits(ngx_http_request_t *r, ngx_int_t module)
{
    if (module < 0) {
        return true;
    }

    auto *cscf = static_cast<ngx_http_core_srv_conf_t *>(
        ngx_http_get_module_srv_conf(r, ngx_http_core_module));
    auto *own = static_cast<ngx_array_t *>(r->loc_conf[module]);
    auto *above = static_cast<ngx_array_t *>(cscf->ctx->loc_conf[module]);

    return own->elts == above->elts;
}

// Before limit_req and limit_conn. What stands in the internal location itself
// counts answers: not the calls around them, of which a stop is never refused.
ngx_int_t before_limits(ngx_http_request_t *r)
{
    if (r == r->main) {
        return NGX_DECLINED;
    }

    auto *call = call_ctx(r);
    if (call == nullptr || call->sr != r) {
        return NGX_DECLINED;
    }

    auto *conf = main_conf(r);
    bool  counts = call->use == CallUse::stream;

    if (r->main->limit_req_status == 0
        && (!counts || takes_over_limits(r, conf->limit_req)))
    {
        r->main->limit_req_status = kCounted;
    }

    if (r->main->limit_conn_status == 0
        && (!counts || takes_over_limits(r, conf->limit_conn)))
    {
        r->main->limit_conn_status = kCounted;
    }

    return NGX_DECLINED;
}

ngx_int_t module_index(ngx_conf_t *cf, std::string_view name)
{
    for (auto **module = cf->cycle->modules; *module != nullptr; module++) {
        if ((*module)->name == name) {
            return static_cast<ngx_int_t>((*module)->ctx_index);
        }
    }

    return -1;
}

}  // namespace

void phases_run(ngx_http_request_t *sr)
{
    auto *cmcf = static_cast<ngx_http_core_main_conf_t *>(
        ngx_http_get_module_main_conf(sr, ngx_http_core_module));
    auto *handlers = cmcf->phase_engine.handlers;

    sr->connection->log->action = nullptr;
    sr->phase_handler = 0;

    while (handlers[sr->phase_handler].checker
           != ngx_http_core_find_config_phase)
    {
        sr->phase_handler++;
    }

    sr->valid_location = 1;
    sr->write_event_handler = ngx_http_core_run_phases;
    ngx_http_core_run_phases(sr);
}

ngx_http_variable_value_t *phases_variables(ngx_http_request_t *client)
{
    auto *cscf = static_cast<ngx_http_core_srv_conf_t *>(
        ngx_http_get_module_srv_conf(client, ngx_http_core_module));
    auto *list = shared_variables(cscf->ctx);

    if (list == nullptr) {
        return nullptr;
    }

    auto *shared = static_cast<SharedVariable *>(list->elts);

    for (ngx_uint_t i = 0; i < list->nelts; i++) {
        if (shared[i].sharing == Sharing::always) {
            (void) ngx_http_get_indexed_variable(client, shared[i].index);
        }
    }

    return client->variables;
}

ngx_http_variable_value_t *phases_keep(ngx_pool_t *pool,
                                       ngx_http_conf_ctx_t *ctx,
                                       const ngx_http_variable_value_t *values)
{
    auto *kept = static_cast<ngx_http_variable_value_t *>(
        ngx_pcalloc(pool, core_main_conf(ctx)->variables.nelts
                              * sizeof(ngx_http_variable_value_t)));

    return kept != nullptr && copy_values(pool, ctx, values, kept) ? kept
                                                                   : nullptr;
}

bool phases_share(ngx_http_request_t *shell, ngx_http_conf_ctx_t *ctx,
                  const ngx_http_variable_value_t *values)
{
    return values != nullptr
           && copy_values(shell->pool, ctx, values, shell->variables);
}

bool phases_refused(const ngx_http_request_t *shell)
{
    return shell->limit_req_status == kReqRefused
           || shell->limit_conn_status == kConnRefused;
}

ngx_int_t phases_init(ngx_conf_t *cf)
{
    auto *conf = static_cast<MainConf *>(
        ngx_http_conf_get_module_main_conf(cf, ngx_http_opendify_module));
    auto *cmcf = static_cast<ngx_http_core_main_conf_t *>(
        ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module));

    conf->limit_req = module_index(cf, "ngx_http_limit_req_module");
    conf->limit_conn = module_index(cf, "ngx_http_limit_conn_module");

    // Handlers of a phase run last one first, and nginx's own stand before.
    auto *handler = static_cast<ngx_http_handler_pt *>(
        ngx_array_push(&cmcf->phases[NGX_HTTP_PREACCESS_PHASE].handlers));
    if (handler == nullptr) {
        return NGX_ERROR;
    }

    *handler = before_limits;

    return NGX_OK;
}

}  // namespace opendify::glue
