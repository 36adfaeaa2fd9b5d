// What goes wrong around a call, in words.

#include "ngx_http_opendify_client.hpp"
#include "ngx_http_opendify_phases.hpp"

namespace opendify::glue {

void turn_fail(ClientCtx *ctx, Failure failure)
{
    ctx->stage = Stage::answering;
    ctx->pipeline->fail(std::move(failure));
}

Failure no_connection()
{
    return {Errc::no_connection,
            "The server has no connection to spare: try again later.", "", ""};
}

namespace {

// Nothing was asked: nginx answered in the internal location.
bool is_nginx_own(const CallCtx *call)
{
    return call->sr != nullptr && call->sr->upstream == nullptr;
}

Failure misconfigured(std::string message)
{
    return {Errc::backend_misconfigured, std::move(message), "", ""};
}

Failure own_failure(ngx_uint_t status)
{
    auto code = std::to_string(status);

    if (status < NGX_HTTP_BAD_REQUEST) {
        return misconfigured("nginx redirects calls to Dify (status " + code
                             + "): a \"return\" or \"rewrite\" in the "
                               "location that opendify_pass names keeps them "
                               "from proxy_pass.");
    }

    if (status == NGX_HTTP_REQUEST_ENTITY_TOO_LARGE) {
        return misconfigured("The location that opendify_pass names takes no "
                             "call as large as this: it needs "
                             "\"client_max_body_size 0;\".");
    }

    return misconfigured("The location that opendify_pass names does not pass "
                         "calls to Dify: nginx answers there with status "
                         + code + ".");
}

bool is_redirect(ngx_uint_t status)
{
    return status >= NGX_HTTP_SPECIAL_RESPONSE && status < NGX_HTTP_BAD_REQUEST;
}

bool is_status(ngx_int_t rc)
{
    return rc >= NGX_HTTP_SPECIAL_RESPONSE && rc < 600;
}

}  // namespace

Failure call_failure(const CallCtx *call)
{
    if (call == nullptr) {
        return {Errc::backend_unreachable, "The call to Dify was lost.",
                "", ""};
    }

    if (is_nginx_own(call) && phases_refused(call->shell)) {
        return {Errc::backend_rate_limited,
                "Too many requests: try again later.", "", ""};
    }

    auto status = call->status != 0 ? call->status
                                    : static_cast<ngx_uint_t>(call->rc);

    if (is_nginx_own(call)
        && (is_redirect(status) || (call->status == 0 && is_status(call->rc))))
    {
        return own_failure(status);
    }

    if (call->status != 0) {
        return decode_error_reply(static_cast<int>(call->status), call->reply,
                                  call_reply_head(call));
    }

    if (call->rc == NGX_HTTP_GATEWAY_TIME_OUT) {
        return {Errc::backend_timeout, "Dify did not answer in time.", "", ""};
    }

    if (is_status(call->rc) && call->rc != NGX_HTTP_BAD_GATEWAY) {
        // proxy_intercept_errors has left nothing but the status.
        return decode_error_reply(static_cast<int>(call->rc), {},
                                  call_reply_head(call));
    }

    return {Errc::backend_unreachable, "Dify could not be reached.", "", ""};
}

void log_own_answer(const CallCtx *call, ngx_int_t rc)
{
    if (!is_nginx_own(call) || !is_status(rc) || phases_refused(call->shell)) {
        return;
    }

    auto *location = call->sr->headers_out.location;
    auto  to = location != nullptr ? location->value : ngx_str_t{};

    ngx_log_error(NGX_LOG_ERR, call->shell->connection->log, 0,
                  "opendify: nginx answered the call \"%V\" itself with "
                  "status %i%s%V: look for \"return\", \"rewrite\" and "
                  "limits in its location", &call->uri, rc,
                  to.len != 0 ? ", to " : "", &to);
}

void log_unclear_events(const ClientCtx *ctx)
{
    auto glued = ctx->pipeline->glued_events();
    auto broken = ctx->pipeline->broken_events();

    if (glued != 0 || broken != 0) {
        ngx_log_error(NGX_LOG_WARN, ctx->r->connection->log, 0,
                      "opendify: %uz events of Dify's were glued together, "
                      "%uz were broken: something on the way to it damages "
                      "its streams", glued, broken);
    }
}

void log_failure(const ClientCtx *ctx)
{
    const auto &failure = ctx->pipeline->failure();
    ngx_str_t   code = borrow(error_code_name(failure));
    ngx_uint_t  level = error_head(failure.errc).status >= 500 ? NGX_LOG_ERR
                                                               : NGX_LOG_WARN;

    ngx_log_error(level, ctx->r->connection->log, 0,
                  "opendify: the turn failed: %V", &code);
}

}  // namespace opendify::glue
