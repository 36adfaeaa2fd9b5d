#include "ngx_http_opendify_conf.hpp"

#include <initializer_list>

#include "ngx_http_opendify_client.hpp"
#include "ngx_http_opendify_zone.hpp"
#include "opendify/pipeline.hpp"

namespace opendify::glue {

namespace {

bool set_default(ngx_conf_t *cf, ngx_array_t **field,
                 std::initializer_list<std::string_view> values)
{
    if (*field != nullptr) {
        return true;
    }

    *field = ngx_array_create(cf->pool, values.size(),
                              sizeof(Value));
    if (*field == nullptr) {
        return false;
    }

    for (auto text : values) {
        ngx_str_t s = copy(cf->pool, text);

        if (s.data == nullptr || !push_value(cf, *field, &s)) {
            return false;
        }
    }

    return true;
}

bool set_defaults(ngx_conf_t *cf, LocConf *conf)
{
    return set_default(cf, &conf->user,
                       {"$opendify_request_user", "$http_x_openwebui_user_id",
                        "$opendify_client"})
           && set_default(cf, &conf->chat_id,
                          {"$http_x_openwebui_chat_id",
                           "$http_x_librechat_conversation_id",
                           "$http_x_session_id", "$http_session_id",
                           "$opendify_request_chat_id"})
           && set_default(cf, &conf->message_id,
                          {"$http_x_openwebui_message_id"})
           && set_default(cf, &conf->parent_id,
                          {"$http_x_openwebui_user_message_parent_id"});
}

// An "if" block is an unnamed location of its own; like proxy_pass, ours goes
// on in it.
void inherit_pass(ngx_conf_t *cf, const LocConf *prev, LocConf *conf)
{
    auto *clcf = static_cast<ngx_http_core_loc_conf_t *>(
        ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module));

    if (clcf->noname && clcf->handler == nullptr && conf->pass.len == 0
        && prev->pass.len != 0)
    {
        conf->pass = prev->pass;
        clcf->handler = handler;
    }
}

// Requests of a client's own. Their app belongs to the level that names it.
void merge_tasks(LocConf *conf, const LocConf *prev)
{
    if (conf->tasks == NGX_CONF_UNSET_UINT) {
        conf->task_app = prev->task_app;
    }

    ngx_conf_merge_uint_value(conf->tasks, prev->tasks,
                              static_cast<ngx_uint_t>(kTasksIsolate));
}

char *check_tasks(ngx_conf_t *cf, const MainConf *mcf, const LocConf *conf)
{
    auto name = conf->task_app;

    if (name.len == 0 || find_app(mcf, view(name)) != nullptr) {
        return kConfOk;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "\"opendify_tasks app=%V\" names no model: add "
                       "\"opendify_app %V key=app-...;\" to the http block",
                       &name, &name);

    return conf_error();
}

// How an answer looks.
void merge_form(LocConf *conf, LocConf *prev)
{
    auto content = static_cast<ngx_uint_t>(ReasoningMode::content);

    ngx_conf_merge_uint_value(conf->reasoning, prev->reasoning, content);
    ngx_conf_merge_uint_value(conf->steps, prev->steps,
                              static_cast<ngx_uint_t>(kStepsOff));
    ngx_conf_merge_uint_value(conf->suggested, prev->suggested,
                              static_cast<ngx_uint_t>(kSuggestedOff));
    ngx_conf_merge_value(conf->footnotes, prev->footnotes, 0);
    ngx_conf_merge_msec_value(conf->moderation_window,
                              prev->moderation_window, 0);
    ngx_conf_merge_msec_value(conf->pace, prev->pace, 0);

    for (auto field : {&LocConf::files_origin, &LocConf::system_input,
                       &LocConf::continue_text, &LocConf::form_pass})
    {
        if ((conf->*field).data == nullptr) {
            conf->*field = prev->*field;
        }
    }
}

// nginx would run it in the middle of a request that still has timers and
// calls.
char *check_post_action(ngx_conf_t *cf)
{
    auto *clcf = static_cast<ngx_http_core_loc_conf_t *>(
        ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module));

    if (clcf->post_action.data == nullptr) {
        return kConfOk;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "\"post_action %V\" cannot stand beside "
                       "\"opendify_pass\" nor above it: use \"access_log\" "
                       "with the $opendify_* variables, or move it into the "
                       "other locations", &clcf->post_action);

    return conf_error();
}

char *check_main(ngx_conf_t *cf, const MainConf *mcf)
{
    if (mcf->zone == nullptr) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"opendify_pass\" needs a zone for the "
                           "conversations: add \"opendify_zone conversations "
                           "32m;\" to the http block");
        return conf_error();
    }

    if (mcf->apps->nelts == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"opendify_pass\" needs an app: add \"opendify_app "
                           "NAME key=app-...;\" or \"opendify_apps "
                           "env:MODEL_CONFIG;\" to the http block");
        return conf_error();
    }

    return kConfOk;
}

}  // namespace

void *create_main_conf(ngx_conf_t *cf)
{
    auto *conf = static_cast<MainConf *>(
        ngx_pcalloc(cf->pool, sizeof(MainConf)));
    if (conf == nullptr) {
        return nullptr;
    }

    conf->ttl = 30 * 24 * 3600;
    conf->created = ngx_time();
    conf->apps = ngx_array_create(cf->pool, 8, sizeof(App));
    conf->targets = ngx_array_create(cf->pool, 4, sizeof(PassTarget));

    return conf->apps == nullptr || conf->targets == nullptr ? nullptr : conf;
}

char *init_main_conf(ngx_conf_t *cf, void *conf)
{
    static ngx_str_t request_id = ngx_string("request_id");
    auto *mcf = static_cast<MainConf *>(conf);

    mcf->request_id_index = ngx_http_get_variable_index(cf, &request_id);

    return mcf->request_id_index == NGX_ERROR ? conf_error() : kConfOk;
}

void *create_loc_conf(ngx_conf_t *cf)
{
    auto *conf = static_cast<LocConf *>(ngx_pcalloc(cf->pool, sizeof(LocConf)));
    if (conf == nullptr) {
        return nullptr;
    }

    conf->user = static_cast<ngx_array_t *>(NGX_CONF_UNSET_PTR);
    conf->chat_id = static_cast<ngx_array_t *>(NGX_CONF_UNSET_PTR);
    conf->message_id = static_cast<ngx_array_t *>(NGX_CONF_UNSET_PTR);
    conf->parent_id = static_cast<ngx_array_t *>(NGX_CONF_UNSET_PTR);
    conf->client = static_cast<ngx_array_t *>(NGX_CONF_UNSET_PTR);
    conf->inputs = static_cast<ngx_array_t *>(NGX_CONF_UNSET_PTR);
    conf->memory = NGX_CONF_UNSET_UINT;
    conf->reasoning = NGX_CONF_UNSET_UINT;
    conf->steps = NGX_CONF_UNSET_UINT;
    conf->suggested = NGX_CONF_UNSET_UINT;
    conf->tasks = NGX_CONF_UNSET_UINT;
    conf->footnotes = NGX_CONF_UNSET;
    conf->moderation_window = NGX_CONF_UNSET_MSEC;
    conf->pace = NGX_CONF_UNSET_MSEC;
    conf->keepalive = NGX_CONF_UNSET_MSEC;
    conf->stall = NGX_CONF_UNSET_MSEC;
    conf->drain = NGX_CONF_UNSET_MSEC;
    conf->max_event_size = NGX_CONF_UNSET_SIZE;
    conf->max_text = NGX_CONF_UNSET_SIZE;
    conf->max_json_values = NGX_CONF_UNSET;

    return conf;
}

char *merge_loc_conf(ngx_conf_t *cf, void *parent, void *child)
{
    return guarded(cf->log, conf_error(), [&]() -> char * {
        auto *prev = static_cast<LocConf *>(parent);
        auto *conf = static_cast<LocConf *>(child);
        ngx_array_t *none = nullptr;

        ngx_conf_merge_ptr_value(conf->user, prev->user, none);
        ngx_conf_merge_ptr_value(conf->chat_id, prev->chat_id, none);
        ngx_conf_merge_ptr_value(conf->message_id, prev->message_id, none);
        ngx_conf_merge_ptr_value(conf->parent_id, prev->parent_id, none);
        ngx_conf_merge_ptr_value(conf->client, prev->client, none);
        ngx_conf_merge_ptr_value(conf->inputs, prev->inputs, none);
        ngx_conf_merge_uint_value(conf->memory, prev->memory,
                                  static_cast<ngx_uint_t>(kMemoryHistory));
        merge_form(conf, prev);
        merge_tasks(conf, prev);
        ngx_conf_merge_msec_value(conf->keepalive, prev->keepalive, 15000);
        ngx_conf_merge_msec_value(conf->stall, prev->stall, 3000);
        ngx_conf_merge_msec_value(conf->drain, prev->drain, 3000);
        ngx_conf_merge_size_value(conf->max_event_size, prev->max_event_size,
                                  Limits{}.max_event_bytes);
        ngx_conf_merge_size_value(conf->max_text, prev->max_text,
                                  Limits{}.max_text_bytes);
        ngx_conf_merge_value(conf->max_json_values, prev->max_json_values,
                             static_cast<ngx_int_t>(
                                 Limits{}.max_json_values));

        inherit_pass(cf, prev, conf);

        auto *mcf = static_cast<MainConf *>(
            ngx_http_conf_get_module_main_conf(cf, ngx_http_opendify_module));

        if (conf->pass.len == 0 || conf->conversations) {
            return merge_conversations(cf, mcf, conf, prev);
        }

        if (!set_defaults(cf, conf)
            || check_handler(cf, handler) != kConfOk
            || check_post_action(cf) != kConfOk)
        {
            return conf_error();
        }

        return check_main(cf, mcf) == kConfOk ? check_tasks(cf, mcf, conf)
                                              : conf_error();
    });
}

}  // namespace opendify::glue
