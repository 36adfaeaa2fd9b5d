#include "opendify/endpoint.hpp"

#include "wire/json_writer.hpp"

namespace opendify {

namespace {

std::string_view message_of(int status)
{
    switch (status) {
    case 401:
        return "Authentication failed: check the API key.";
    case 403:
        return "Access denied.";
    case 408:
        return "The request was not sent in time.";
    case 413:
        return "The request body is larger than this server allows "
               "(client_max_body_size).";
    case 429:
        return "Too many requests: try again later.";
    case 503:
        return "The server is busy: try again later.";
    default:
        return status < 500 ? "The request was refused by the server."
                            : "The server could not answer.";
    }
}

}  // namespace

std::string encode_status_error(int status)
{
    std::string_view type = status == 429   ? "requests"
                            : status == 503 ? "service_unavailable_error"
                            : status >= 500 ? "server_error"
                                            : "invalid_request_error";
    std::string_view code = status == 401   ? "\"invalid_api_key\""
                            : status == 429 ? "\"rate_limit_exceeded\""
                                            : "null";

    std::string out = "{\"error\":{\"message\":";
    wire::write_string(out, message_of(status));
    out += ",\"type\":";
    wire::write_string(out, type);
    out += ",\"param\":null,\"code\":";
    out += code;
    out += "}}";

    return out;
}

}  // namespace opendify
