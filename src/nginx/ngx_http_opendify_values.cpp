// Parameters with variables in them: what a directive takes, and what it is
// in a request.

#include "ngx_http_opendify_client.hpp"

#include <algorithm>

namespace opendify::glue {

namespace {

// "$name" and nothing else.
bool is_variable(std::string_view text)
{
    auto is_part = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
    };

    return text.size() > 1 && text[0] == '$' && text[1] > '9'
           && std::all_of(text.begin() + 1, text.end(), is_part);
}

}  // namespace

std::string_view text_of(ngx_http_request_t *r, Value &value)
{
    ngx_str_t text;

    if (value.own != -1) {
        return own_value(r, value.own);
    }

    if (value.index == -1) {
        return ngx_http_complex_value(r, &value.text, &text) == NGX_OK
                   ? view(text)
                   : std::string_view();
    }

    auto *v = ngx_http_get_flushed_variable(
        r, static_cast<ngx_uint_t>(value.index));

    return v == nullptr || v->not_found
               ? std::string_view()
               : std::string_view(reinterpret_cast<char *>(v->data), v->len);
}

bool compile_value(ngx_conf_t *cf, ngx_str_t *text, Value *to)
{
    ngx_http_compile_complex_value_t ccv = {};

    ccv.cf = cf;
    ccv.value = text;
    ccv.complex_value = &to->text;

    if (ngx_http_compile_complex_value(&ccv) != NGX_OK) {
        return false;
    }

    to->index = -1;
    to->own = -1;

    if (is_variable(view(*text))) {
        ngx_str_t name = borrow(view(*text).substr(1));
        to->own = own_variable(view(name));
        to->index = ngx_http_get_variable_index(cf, &name);
        return to->index != NGX_ERROR;
    }

    return true;
}

bool push_value(ngx_conf_t *cf, ngx_array_t *values, ngx_str_t *text)
{
    auto *value = static_cast<Value *>(ngx_array_push(values));

    return value != nullptr && compile_value(cf, text, value);
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
                              sizeof(Value));
    if (*field == nullptr) {
        return conf_error();
    }

    for (ngx_uint_t i = 1; i < cf->args->nelts; i++) {
        if (!push_value(cf, *field, &value[i])) {
            return conf_error();
        }
    }

    return kConfOk;
}

std::string_view first_value(ngx_http_request_t *r, const ngx_array_t *values)
{
    if (values == nullptr) {
        return {};
    }

    auto *value = static_cast<Value *>(values->elts);

    for (ngx_uint_t i = 0; i < values->nelts; i++) {
        auto text = text_of(r, value[i]);

        if (!text.empty()) {
            return text;
        }
    }

    return {};
}

}  // namespace opendify::glue
