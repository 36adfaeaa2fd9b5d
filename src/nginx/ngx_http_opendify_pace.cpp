// opendify_pace off | smooth [max_lag=TIME]. What it does is in flow/pacer.

#include "ngx_http_opendify_conf.hpp"

namespace opendify::glue {

namespace {

// The least is what leaves room for a tick or two.
constexpr ngx_msec_t kLag = 100;
constexpr ngx_msec_t kMinLag = 40;
constexpr ngx_msec_t kMaxLag = 10000;

// The parameter of "smooth", or 0.
ngx_msec_t pace_lag(const ngx_array_t *args)
{
    auto *value = static_cast<ngx_str_t *>(args->elts);

    if (args->nelts == 2) {
        return kLag;
    }

    if (!has_prefix(value[2], "max_lag=")) {
        return 0;
    }

    ngx_str_t time = borrow(view(value[2]).substr(8));
    ngx_int_t lag = ngx_parse_time(&time, 0);

    return lag == NGX_ERROR ? 0 : static_cast<ngx_msec_t>(lag);
}

}  // namespace

char *set_pace(ngx_conf_t *cf, ngx_command_t *, void *conf)
{
    auto *lcf = static_cast<LocConf *>(conf);
    auto *value = arguments(cf);

    if (lcf->pace != NGX_CONF_UNSET_MSEC) {
        static char duplicate[] = "is duplicate";
        return duplicate;
    }

    if (view(value[1]) == "off" && cf->args->nelts == 2) {
        lcf->pace = 0;
        return kConfOk;
    }

    lcf->pace = pace_lag(cf->args);

    if (view(value[1]) != "smooth" || lcf->pace < kMinLag
        || lcf->pace > kMaxLag)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"opendify_pace\" takes off, smooth or smooth "
                           "max_lag=TIME, with a time from 40ms to 10s");
        return conf_error();
    }

    return kConfOk;
}

}  // namespace opendify::glue
