// What goes wrong around a call, in words.

#include "ngx_http_opendify_client.hpp"

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

Failure call_failure(const CallCtx *call)
{
    if (call == nullptr) {
        return {Errc::backend_unreachable, "The call to Dify was lost.",
                "", ""};
    }

    if (call->status != 0) {
        return decode_error_reply(static_cast<int>(call->status), call->reply);
    }

    switch (call->rc) {

    case NGX_HTTP_GATEWAY_TIME_OUT:
        return {Errc::backend_timeout, "Dify did not answer in time.", "", ""};

    // No proxy has seen the call: the location is not there, or has none.
    case NGX_HTTP_FORBIDDEN:
    case NGX_HTTP_NOT_FOUND:
    case NGX_HTTP_NOT_ALLOWED:
        return {Errc::backend_misconfigured,
                "The location that opendify_pass names does not pass calls "
                "to Dify.", "", ""};

    default:
        return {Errc::backend_unreachable, "Dify could not be reached.",
                "", ""};
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
