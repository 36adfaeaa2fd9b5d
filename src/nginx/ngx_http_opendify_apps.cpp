// opendify_app and opendify_apps: names, kinds and keys.

#include "ngx_http_opendify_conf.hpp"

#include <cstdlib>

#include "opendify/app_list.hpp"
#include "opendify/line_text.hpp"

namespace opendify::glue {

namespace {

constexpr size_t kMaxKeyFile = 64 * 1024;

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

struct AppArguments {
    ngx_str_t key = {};
    bool      has_key = false;
    AppMode   mode = AppMode::unknown;
    ngx_str_t query_input = {};
    ngx_str_t output = {};
};

char *add_app(ngx_conf_t *cf, MainConf *conf, const ngx_str_t &name,
              const AppArguments &from)
{
    std::string line = line_text(view(name));
    auto        shown = borrow(line);

    if (name.len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "the name of a model must not be empty");
        return conf_error();
    }

    if (find_app(conf, view(name)) != nullptr) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "the model \"%V\" is declared twice: give each app "
                           "a name of its own", &shown);
        return conf_error();
    }

    auto key = view(from.key);

    if (key.empty() || !is_printable(key)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "the key of the model \"%V\" is empty or has blanks "
                           "or control characters: use the API key that the "
                           "app's \"API Access\" page shows", &shown);
        return conf_error();
    }

    auto *app = static_cast<App *>(ngx_array_push(conf->apps));
    if (app == nullptr) {
        return conf_error();
    }

    *app = App{name,          Secret(key), digest_of({key}),
               form_key(key), from.mode,   from.query_input,
               from.output};

    return kConfOk;
}

bool read_name(ngx_conf_t *cf, ngx_str_t *value, size_t at, ngx_str_t *to)
{
    *to = borrow(view(*value).substr(at));

    if (to->len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" names nothing: say which, or leave it out",
                           value);
    }

    return to->len != 0;
}

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
                           "advanced-chat, agent, completion or workflow, or "
                           "leave it out to ask Dify", value);
        return false;
    }

    if (has_prefix(*value, "query_input=")) {
        return read_name(cf, value, 12, &to->query_input);
    }

    if (has_prefix(*value, "output=")) {
        return read_name(cf, value, 7, &to->output);
    }

    // Not quoted: it may be a key that lost its "key=".
    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "unknown parameter in \"opendify_app\": it takes "
                       "key=..., mode=..., query_input=... and output=...");
    return false;
}

}  // namespace

char *set_app(ngx_conf_t *cf, ngx_command_t *, void *conf)
{
    return guarded(cf->log, conf_error(), [&]() -> char * {
        auto *value = arguments(cf);
        AppArguments app;

        for (ngx_uint_t i = 2; i < cf->args->nelts; i++) {
            if (!read_app_argument(cf, &value[i], &app)) {
                return conf_error();
            }
        }

        if (!app.has_key) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "the model \"%V\" has no key: add "
                               "key=app-..., key=file:PATH or key=env:NAME",
                               &value[1]);
            return conf_error();
        }

        return add_app(cf, static_cast<MainConf *>(conf), value[1], app);
    });
}

char *set_apps(ngx_conf_t *cf, ngx_command_t *, void *conf)
{
    return guarded(cf->log, conf_error(), [&]() -> char * {
        auto *value = arguments(cf);
        ngx_str_t text;

        if (!has_prefix(value[1], "env:") && !has_prefix(value[1], "file:")) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"opendify_apps\" takes env:NAME or file:PATH "
                               "of a list of models and keys");
            return conf_error();
        }

        if (!read_secret(cf, view(value[1]), &text)) {
            return conf_error();
        }

        auto apps = decode_app_list(view(text));

        if (!apps) {
            std::string line = line_text(apps.failure().message);
            ngx_str_t   why = borrow(line);
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "cannot use the list of models in \"%V\": %V",
                               &value[1], &why);
            return conf_error();
        }

        for (const auto &app : *apps) {
            ngx_str_t name = copy(cf->pool, app.model);
            AppArguments of;
            of.key = copy(cf->pool, app.key);

            if (name.data == nullptr || of.key.data == nullptr
                || add_app(cf, static_cast<MainConf *>(conf), name, of)
                       != kConfOk)
            {
                return conf_error();
            }
        }

        return kConfOk;
    });
}

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

}  // namespace opendify::glue
