// The table of directives, and the setters that nginx has not.

#include "ngx_http_opendify_client.hpp"

namespace opendify::glue {

namespace {

char *set_input(ngx_conf_t *cf, ngx_command_t *, void *conf)
{
    auto *lcf = static_cast<LocConf *>(conf);
    auto *value = arguments(cf);

    if (lcf->inputs == static_cast<ngx_array_t *>(NGX_CONF_UNSET_PTR)) {
        lcf->inputs = ngx_array_create(cf->pool, 4, sizeof(InputConf));
        if (lcf->inputs == nullptr) {
            return conf_error();
        }
    }

    auto *input = static_cast<InputConf *>(ngx_array_push(lcf->inputs));
    if (input == nullptr) {
        return conf_error();
    }

    input->name = value[1];

    return compile_value(cf, &value[2], &input->value) ? kConfOk
                                                       : conf_error();
}

// "a, b or c"
std::string names_of(const ngx_conf_enum_t *choice)
{
    std::string names(view(choice->name));

    while ((++choice)->name.len != 0) {
        names.append(choice[1].name.len != 0 ? ", " : " or ");
        names.append(view(choice->name));
    }

    return names;
}

// nginx's own setter does not say what there is to choose from.
char *set_choice(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    return guarded(cf->log, conf_error(), [&]() -> char * {
        auto *value = arguments(cf);
        auto *choices = static_cast<ngx_conf_enum_t *>(cmd->post);

        for (auto *choice = choices; choice->name.len != 0; choice++) {
            if (view(choice->name) == view(value[1])) {
                return ngx_conf_set_enum_slot(cf, cmd, conf);
            }
        }

        auto      names = names_of(choices);
        ngx_str_t known = borrow(names);

        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid value \"%V\" in \"%V\": it takes %V",
                           &value[1], &value[0], &known);
        return conf_error();
    });
}

// "https://dify.example.com", without a path.
char *set_origin(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    auto  value = arguments(cf)[1];
    auto  text = view(value);
    auto  scheme = text.find("://");

    if (!text.empty() && text.back() == '/') {
        value.len--;
        text.remove_suffix(1);
    }

    if ((text.substr(0, 7) != "http://" && text.substr(0, 8) != "https://")
        || text.size() == scheme + 3
        || text.find_first_of("/?# ", scheme + 3) != text.npos)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"opendify_files_origin %V\" must be scheme and "
                           "host of Dify's file addresses, such as "
                           "https://dify.example.com", &value);
        return conf_error();
    }

    arguments(cf)[1] = value;

    return ngx_conf_set_str_slot(cf, cmd, conf);
}

char *set_continue_text(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    if (view(arguments(cf)[1]).find_first_not_of(" \t\r\n") == std::string_view::npos) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"opendify_continue_text\" needs a text: Dify "
                           "takes no empty question");
        return conf_error();
    }

    return ngx_conf_set_str_slot(cf, cmd, conf);
}

ngx_conf_enum_t memories[] = {
    { ngx_string("history"), kMemoryHistory },
    { ngx_string("chat"), kMemoryChat },
    { ngx_null_string, 0 },
};

ngx_conf_enum_t reasonings[] = {
    { ngx_string("content"), static_cast<ngx_uint_t>(ReasoningMode::content) },
    { ngx_string("inline"), static_cast<ngx_uint_t>(ReasoningMode::inline_) },
    { ngx_string("off"), static_cast<ngx_uint_t>(ReasoningMode::off) },
    { ngx_null_string, 0 },
};

ngx_conf_enum_t steps[] = {
    { ngx_string("off"), kStepsOff },
    { ngx_string("reasoning"), kStepsReasoning },
    { ngx_null_string, 0 },
};

ngx_conf_enum_t suggestions[] = {
    { ngx_string("off"), kSuggestedOff },
    { ngx_string("text"), kSuggestedText },
    { ngx_null_string, 0 },
};

constexpr std::pair<std::string_view, Tasks> kTasks[] = {
    {"isolate", kTasksIsolate},
    {"reject", kTasksReject},
    {"off", kTasksOff},
};

char *set_tasks(ngx_conf_t *cf, ngx_command_t *, void *conf)
{
    auto *lcf = static_cast<LocConf *>(conf);
    auto  value = arguments(cf)[1];

    if (lcf->tasks != NGX_CONF_UNSET_UINT) {
        static char duplicate[] = "is duplicate";
        return duplicate;
    }

    if (has_prefix(value, "app=") && value.len > 4) {
        lcf->tasks = kTasksIsolate;
        lcf->task_app = borrow(view(value).substr(4));
        return kConfOk;
    }

    for (const auto &[word, tasks] : kTasks) {
        if (view(value) == word) {
            lcf->tasks = tasks;
            return kConfOk;
        }
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "unknown \"opendify_tasks %V\": it takes isolate, "
                       "app=NAME, reject or off", &value);
    return conf_error();
}

// What every event has before it says anything takes half of that.
ngx_conf_num_bounds_t event_sizes = { ngx_conf_check_num_bounds, 1024, -1 };

// The shortest request has fewer.
ngx_conf_num_bounds_t value_counts = { ngx_conf_check_num_bounds, 100, -1 };

constexpr ngx_uint_t kAnyLevel =
    NGX_HTTP_MAIN_CONF | NGX_HTTP_SRV_CONF | NGX_HTTP_LOC_CONF;

}  // namespace

// clang-format off
ngx_command_t commands[] = {

    { ngx_string("opendify_zone"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_2MORE,
      set_zone,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      nullptr },

    { ngx_string("opendify_app"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_1MORE,
      set_app,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      nullptr },

    { ngx_string("opendify_apps"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      set_apps,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      nullptr },

    { ngx_string("opendify_pass"),
      NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      set_pass,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      nullptr },

    { ngx_string("opendify_conversations"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS|NGX_CONF_TAKE1,
      set_conversations,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      nullptr },

    { ngx_string("opendify_user"),
      kAnyLevel|NGX_CONF_1MORE,
      set_values,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(LocConf, user),
      nullptr },

    { ngx_string("opendify_chat_id"),
      kAnyLevel|NGX_CONF_1MORE,
      set_values,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(LocConf, chat_id),
      nullptr },

    { ngx_string("opendify_message_id"),
      kAnyLevel|NGX_CONF_1MORE,
      set_values,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(LocConf, message_id),
      nullptr },

    { ngx_string("opendify_parent_id"),
      kAnyLevel|NGX_CONF_1MORE,
      set_values,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(LocConf, parent_id),
      nullptr },

    { ngx_string("opendify_client"),
      kAnyLevel|NGX_CONF_1MORE,
      set_values,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(LocConf, client),
      nullptr },

    { ngx_string("opendify_input"),
      kAnyLevel|NGX_CONF_TAKE2,
      set_input,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      nullptr },

    { ngx_string("opendify_memory"),
      kAnyLevel|NGX_CONF_TAKE1,
      set_choice,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(LocConf, memory),
      &memories },

    { ngx_string("opendify_reasoning"),
      kAnyLevel|NGX_CONF_TAKE1,
      set_choice,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(LocConf, reasoning),
      &reasonings },

    { ngx_string("opendify_steps"),
      kAnyLevel|NGX_CONF_TAKE1,
      set_choice,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(LocConf, steps),
      &steps },

    { ngx_string("opendify_suggested"),
      kAnyLevel|NGX_CONF_TAKE1,
      set_choice,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(LocConf, suggested),
      &suggestions },

    { ngx_string("opendify_footnotes"),
      kAnyLevel|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(LocConf, footnotes),
      nullptr },

    { ngx_string("opendify_moderation_window"),
      kAnyLevel|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(LocConf, moderation_window),
      nullptr },

    { ngx_string("opendify_pace"),
      kAnyLevel|NGX_CONF_TAKE12,
      set_pace,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      nullptr },

    { ngx_string("opendify_files_origin"),
      kAnyLevel|NGX_CONF_TAKE1,
      set_origin,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(LocConf, files_origin),
      nullptr },

    { ngx_string("opendify_system_input"),
      kAnyLevel|NGX_CONF_TAKE1,
      ngx_conf_set_str_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(LocConf, system_input),
      nullptr },

    { ngx_string("opendify_continue_text"),
      kAnyLevel|NGX_CONF_TAKE1,
      set_continue_text,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(LocConf, continue_text),
      nullptr },

    { ngx_string("opendify_form_pass"),
      NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      set_form_pass,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(LocConf, form_pass),
      nullptr },

    { ngx_string("opendify_tasks"),
      kAnyLevel|NGX_CONF_TAKE1,
      set_tasks,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      nullptr },

    { ngx_string("opendify_keepalive"),
      kAnyLevel|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(LocConf, keepalive),
      nullptr },

    { ngx_string("opendify_stall"),
      kAnyLevel|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(LocConf, stall),
      nullptr },

    { ngx_string("opendify_drain"),
      kAnyLevel|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(LocConf, drain),
      nullptr },

    { ngx_string("opendify_max_event_size"),
      kAnyLevel|NGX_CONF_TAKE1,
      ngx_conf_set_size_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(LocConf, max_event_size),
      &event_sizes },

    { ngx_string("opendify_max_json_values"),
      kAnyLevel|NGX_CONF_TAKE1,
      ngx_conf_set_num_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(LocConf, max_json_values),
      &value_counts },

    { ngx_string("opendify_max_text"),
      kAnyLevel|NGX_CONF_TAKE1,
      ngx_conf_set_size_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(LocConf, max_text),
      nullptr },

      ngx_null_command
};
// clang-format on

}  // namespace opendify::glue
