#include "ngx_http_opendify_conf.hpp"

#include <cstdlib>
#include <initializer_list>

#include "ngx_http_opendify_client.hpp"
#include "ngx_http_opendify_zone.hpp"
#include "opendify/app_list.hpp"

namespace opendify::glue {

namespace {

constexpr size_t kMaxKeyFile = 64 * 1024;
constexpr char  *kOk = nullptr;  // NGX_CONF_OK, without its cast

char *error()
{
    return static_cast<char *>(NGX_CONF_ERROR);
}

ngx_str_t *arguments(ngx_conf_t *cf)
{
    return static_cast<ngx_str_t *>(cf->args->elts);
}

bool has_prefix(const ngx_str_t &s, std::string_view prefix)
{
    return view(s).substr(0, prefix.size()) == prefix;
}

std::string_view trimmed(std::string_view s)
{
    constexpr std::string_view kBlanks = " \t\r\n";

    auto from = s.find_first_not_of(kBlanks);

    return from == s.npos ? std::string_view()
                          : s.substr(from, s.find_last_not_of(kBlanks) - from
                                               + 1);
}

// Contents of a small file, without blanks at its ends.
bool read_file(ngx_conf_t *cf, std::string_view path, ngx_str_t *out)
{
    ngx_str_t name = copy(cf->pool, path);

    if (name.data == nullptr
        || ngx_conf_full_name(cf->cycle, &name, 1) != NGX_OK)
    {
        return false;
    }

    ngx_fd_t fd = ngx_open_file(name.data, NGX_FILE_RDONLY, NGX_FILE_OPEN, 0);
    if (fd == NGX_INVALID_FILE) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           "cannot open \"%V\": check the path, and that the "
                           "user who starts nginx may read it", &name);
        return false;
    }

    auto *buf = static_cast<u_char *>(ngx_pnalloc(cf->pool, kMaxKeyFile));
    ssize_t n = buf == nullptr ? -1 : ngx_read_fd(fd, buf, kMaxKeyFile);
    ngx_close_file(fd);

    if (n < 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno, "cannot read \"%V\"",
                           &name);
        return false;
    }

    *out = borrow(trimmed({reinterpret_cast<char *>(buf),
                           static_cast<size_t>(n)}));

    if (out->len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"%V\" is empty", &name);
        return false;
    }

    return true;
}

bool read_env(ngx_conf_t *cf, std::string_view name, ngx_str_t *out)
{
    std::string variable(name);
    const char *value = std::getenv(variable.c_str());

    *out = copy(cf->pool, trimmed(value == nullptr ? "" : value));

    if (out->data == nullptr) {
        return false;
    }

    if (out->len == 0) {
        ngx_str_t shown = borrow(variable);
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "the environment variable \"%V\" is not set or "
                           "empty: set it where nginx is started", &shown);
        return false;
    }

    return true;
}

// "file:PATH", "env:NAME" or, where it is allowed, the value itself.
bool read_secret(ngx_conf_t *cf, std::string_view from, ngx_str_t *out)
{
    if (from.substr(0, 5) == "file:") {
        return read_file(cf, from.substr(5), out);
    }

    if (from.substr(0, 4) == "env:") {
        return read_env(cf, from.substr(4), out);
    }

    *out = copy(cf->pool, from);

    return out->data != nullptr;
}

// A key goes into a header line.
bool is_printable(std::string_view s)
{
    for (unsigned char ch : s) {
        if (ch <= 0x20 || ch >= 0x7f) {
            return false;
        }
    }

    return true;
}

char *add_app(ngx_conf_t *cf, MainConf *conf, const ngx_str_t &name,
              const ngx_str_t &key, AppMode mode)
{
    auto shown = name;

    if (name.len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "the name of a model must not be empty");
        return error();
    }

    if (find_app(conf, view(name)) != nullptr) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "the model \"%V\" is declared twice: give each app "
                           "a name of its own", &shown);
        return error();
    }

    if (key.len == 0 || !is_printable(view(key))) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "the key of the model \"%V\" is empty or has blanks "
                           "or control characters: use the API key that the "
                           "app's \"API Access\" page shows", &shown);
        return error();
    }

    auto *app = static_cast<App *>(ngx_array_push(conf->apps));
    if (app == nullptr) {
        return error();
    }

    *app = App{name, Secret(view(key)), digest_of({view(key)}), mode};

    return kOk;
}

struct AppArguments {
    ngx_str_t key = {};
    bool      has_key = false;
    AppMode   mode = AppMode::unknown;
};

bool read_app_argument(ngx_conf_t *cf, ngx_str_t *value, AppArguments *to)
{
    if (has_prefix(*value, "key=")) {
        to->has_key = true;
        return read_secret(cf, view(*value).substr(4), &to->key);
    }

    if (has_prefix(*value, "mode=")) {
        to->mode = app_mode_from_name(view(*value).substr(5));

        if (to->mode != AppMode::unknown) {
            return true;
        }

        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "unknown \"%V\": use chat, agent-chat, "
                           "advanced-chat or agent, or leave it out to ask "
                           "Dify", value);
        return false;
    }

    // Not quoted: it may be a key that lost its "key=".
    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "unknown parameter in \"opendify_app\": it takes "
                       "key=... and mode=...");
    return false;
}

char *set_app(ngx_conf_t *cf, ngx_command_t *, void *conf)
{
    return guarded(cf->log, error(), [&]() -> char * {
        auto *value = arguments(cf);
        AppArguments app;

        for (ngx_uint_t i = 2; i < cf->args->nelts; i++) {
            if (!read_app_argument(cf, &value[i], &app)) {
                return error();
            }
        }

        if (!app.has_key) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "the model \"%V\" has no key: add "
                               "key=app-..., key=file:PATH or key=env:NAME",
                               &value[1]);
            return error();
        }

        return add_app(cf, static_cast<MainConf *>(conf), value[1], app.key,
                       app.mode);
    });
}

char *set_apps(ngx_conf_t *cf, ngx_command_t *, void *conf)
{
    return guarded(cf->log, error(), [&]() -> char * {
        auto *value = arguments(cf);
        ngx_str_t text;

        if (!has_prefix(value[1], "env:") && !has_prefix(value[1], "file:")) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"opendify_apps\" takes env:NAME or file:PATH "
                               "of a list of models and keys");
            return error();
        }

        if (!read_secret(cf, view(value[1]), &text)) {
            return error();
        }

        auto apps = decode_app_list(view(text));

        if (!apps) {
            ngx_str_t why = borrow(apps.failure().message);
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "cannot use the list of models in \"%V\": %V",
                               &value[1], &why);
            return error();
        }

        for (const auto &app : *apps) {
            ngx_str_t name = copy(cf->pool, app.model);
            ngx_str_t key = copy(cf->pool, app.key);

            if (name.data == nullptr || key.data == nullptr
                || add_app(cf, static_cast<MainConf *>(conf), name, key,
                           AppMode::unknown)
                       != kOk)
            {
                return error();
            }
        }

        return kOk;
    });
}

char *set_zone(ngx_conf_t *cf, ngx_command_t *, void *conf)
{
    auto *mcf = static_cast<MainConf *>(conf);
    auto *value = arguments(cf);

    if (mcf->zone != nullptr) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"opendify_zone\" is declared twice: one zone "
                           "serves all apps");
        return error();
    }

    ssize_t size = ngx_parse_size(&value[2]);

    if (size == NGX_ERROR || size < static_cast<ssize_t>(32 * ngx_pagesize)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "the size \"%V\" of the zone \"%V\" is invalid or "
                           "too small: 1m holds about 7,000 conversations",
                           &value[2], &value[1]);
        return error();
    }

    for (ngx_uint_t i = 3; i < cf->args->nelts; i++) {
        ngx_str_t ttl = {};

        if (has_prefix(value[i], "ttl=")) {
            ttl = borrow(view(value[i]).substr(4));
        }

        mcf->ttl = ttl.len == 0 ? NGX_ERROR : ngx_parse_time(&ttl, 1);

        if (mcf->ttl == NGX_ERROR || mcf->ttl == 0) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid parameter \"%V\": "
                               "\"opendify_zone\" takes ttl=TIME, "
                               "such as ttl=30d", &value[i]);
            return error();
        }
    }

    mcf->zone = zone_add(cf, &value[1], static_cast<size_t>(size));

    return mcf->zone == nullptr ? error() : kOk;
}

ngx_int_t compile(ngx_conf_t *cf, ngx_str_t *text, ngx_http_complex_value_t *to)
{
    ngx_http_compile_complex_value_t ccv = {};

    ccv.cf = cf;
    ccv.value = text;
    ccv.complex_value = to;

    return ngx_http_compile_complex_value(&ccv);
}

char *set_values(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    auto **field = reinterpret_cast<ngx_array_t **>(
        static_cast<char *>(conf) + cmd->offset);
    auto *value = arguments(cf);

    if (*field != static_cast<ngx_array_t *>(NGX_CONF_UNSET_PTR)) {
        static char duplicate[] = "is duplicate";
        return duplicate;
    }

    *field = ngx_array_create(cf->pool, cf->args->nelts - 1,
                              sizeof(ngx_http_complex_value_t));
    if (*field == nullptr) {
        return error();
    }

    for (ngx_uint_t i = 1; i < cf->args->nelts; i++) {
        auto *cv = static_cast<ngx_http_complex_value_t *>(
            ngx_array_push(*field));

        if (cv == nullptr || compile(cf, &value[i], cv) != NGX_OK) {
            return error();
        }
    }

    return kOk;
}

char *set_input(ngx_conf_t *cf, ngx_command_t *, void *conf)
{
    auto *lcf = static_cast<LocConf *>(conf);
    auto *value = arguments(cf);

    if (lcf->inputs == static_cast<ngx_array_t *>(NGX_CONF_UNSET_PTR)) {
        lcf->inputs = ngx_array_create(cf->pool, 4, sizeof(InputConf));
        if (lcf->inputs == nullptr) {
            return error();
        }
    }

    auto *input = static_cast<InputConf *>(ngx_array_push(lcf->inputs));
    if (input == nullptr) {
        return error();
    }

    input->name = value[1];

    return compile(cf, &value[2], &input->value) == NGX_OK ? kOk : error();
}

char *set_pass(ngx_conf_t *cf, ngx_command_t *, void *conf)
{
    auto *lcf = static_cast<LocConf *>(conf);
    auto *value = arguments(cf);
    auto *clcf = static_cast<ngx_http_core_loc_conf_t *>(
        ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module));

    if (lcf->pass.len != 0) {
        static char duplicate[] = "is duplicate";
        return duplicate;
    }

    if (value[1].len < 2 || value[1].data[0] != '/') {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"opendify_pass %V\" must name the internal "
                           "location that proxies to Dify, such as "
                           "\"opendify_pass /_dify;\"", &value[1]);
        return error();
    }

    lcf->pass = value[1];

    if (lcf->pass.data[lcf->pass.len - 1] == '/') {
        lcf->pass.len--;
    }

    clcf->handler = handler;

    return kOk;
}

ngx_conf_enum_t memories[] = {
    { ngx_string("history"), kMemoryHistory },
    { ngx_string("chat"), kMemoryChat },
    { ngx_null_string, 0 },
};

constexpr ngx_uint_t kAnyLevel =
    NGX_HTTP_MAIN_CONF | NGX_HTTP_SRV_CONF | NGX_HTTP_LOC_CONF;

bool set_default(ngx_conf_t *cf, ngx_array_t **field,
                 std::initializer_list<std::string_view> values)
{
    if (*field != nullptr) {
        return true;
    }

    *field = ngx_array_create(cf->pool, values.size(),
                              sizeof(ngx_http_complex_value_t));
    if (*field == nullptr) {
        return false;
    }

    for (auto text : values) {
        ngx_str_t s = copy(cf->pool, text);
        auto *cv = static_cast<ngx_http_complex_value_t *>(
            ngx_array_push(*field));

        if (s.data == nullptr || cv == nullptr || compile(cf, &s, cv) != NGX_OK)
        {
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
                           "$opendify_request_chat_id"});
}

char *check_main(ngx_conf_t *cf, const MainConf *mcf)
{
    if (mcf->zone == nullptr) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"opendify_pass\" needs a zone for the "
                           "conversations: add \"opendify_zone conversations "
                           "32m;\" to the http block");
        return error();
    }

    if (mcf->apps->nelts == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"opendify_pass\" needs an app: add \"opendify_app "
                           "NAME key=app-...;\" or \"opendify_apps "
                           "env:MODEL_CONFIG;\" to the http block");
        return error();
    }

    return kOk;
}

}  // namespace

const App *find_app(const MainConf *conf, std::string_view name)
{
    auto *apps = static_cast<App *>(conf->apps->elts);

    for (ngx_uint_t i = 0; i < conf->apps->nelts; i++) {
        if (view(apps[i].name) == name) {
            return &apps[i];
        }
    }

    return nullptr;
}

// clang-format off
ngx_command_t commands[] = {

    { ngx_string("opendify_zone"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE2|NGX_CONF_TAKE3,
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
      ngx_conf_set_enum_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(LocConf, memory),
      &memories },

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

      ngx_null_command
};
// clang-format on

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

    return conf->apps == nullptr ? nullptr : conf;
}

char *init_main_conf(ngx_conf_t *cf, void *conf)
{
    static ngx_str_t request_id = ngx_string("request_id");
    auto *mcf = static_cast<MainConf *>(conf);

    mcf->request_id_index = ngx_http_get_variable_index(cf, &request_id);

    return mcf->request_id_index == NGX_ERROR ? error() : kOk;
}

void *create_loc_conf(ngx_conf_t *cf)
{
    auto *conf = static_cast<LocConf *>(ngx_pcalloc(cf->pool, sizeof(LocConf)));
    if (conf == nullptr) {
        return nullptr;
    }

    conf->user = static_cast<ngx_array_t *>(NGX_CONF_UNSET_PTR);
    conf->chat_id = static_cast<ngx_array_t *>(NGX_CONF_UNSET_PTR);
    conf->client = static_cast<ngx_array_t *>(NGX_CONF_UNSET_PTR);
    conf->inputs = static_cast<ngx_array_t *>(NGX_CONF_UNSET_PTR);
    conf->memory = NGX_CONF_UNSET_UINT;
    conf->keepalive = NGX_CONF_UNSET_MSEC;
    conf->stall = NGX_CONF_UNSET_MSEC;
    conf->drain = NGX_CONF_UNSET_MSEC;

    return conf;
}

char *merge_loc_conf(ngx_conf_t *cf, void *parent, void *child)
{
    return guarded(cf->log, error(), [&]() -> char * {
        auto *prev = static_cast<LocConf *>(parent);
        auto *conf = static_cast<LocConf *>(child);
        ngx_array_t *none = nullptr;

        ngx_conf_merge_ptr_value(conf->user, prev->user, none);
        ngx_conf_merge_ptr_value(conf->chat_id, prev->chat_id, none);
        ngx_conf_merge_ptr_value(conf->client, prev->client, none);
        ngx_conf_merge_ptr_value(conf->inputs, prev->inputs, none);
        ngx_conf_merge_uint_value(conf->memory, prev->memory,
                                  static_cast<ngx_uint_t>(kMemoryHistory));
        ngx_conf_merge_msec_value(conf->keepalive, prev->keepalive, 15000);
        ngx_conf_merge_msec_value(conf->stall, prev->stall, 3000);
        ngx_conf_merge_msec_value(conf->drain, prev->drain, 3000);

        if (conf->pass.len == 0) {
            return kOk;
        }

        if (!set_defaults(cf, conf)) {
            return error();
        }

        return check_main(cf, static_cast<MainConf *>(
                                  ngx_http_conf_get_module_main_conf(
                                      cf, ngx_http_opendify_module)));
    });
}

}  // namespace opendify::glue
