// The error object (openai-api §3.1). go-openai recognises one in a stream by
// its first bytes, {"error":{ without blanks, and message comes first.

#include "opendify/endpoint.hpp"
#include "wire/json_writer.hpp"

namespace opendify {

namespace {

void write_string_or_null(std::string &out, std::string_view text)
{
    if (text.empty()) {
        out.append("null");
        return;
    }

    wire::write_lossy_string(out, text);
}

}  // namespace

std::string encode_error(const Failure &failure)
{
    const ErrorHead &head = error_head(failure.errc);
    std::string_view code = head.code;

    if (!failure.code.empty()) {
        code = failure.code;
    }

    std::string out;
    out.append("{\"error\":{\"message\":");
    wire::write_lossy_string(out, failure.message);
    out.append(",\"type\":");
    wire::write_string(out, head.type);
    out.append(",\"param\":");
    write_string_or_null(out, failure.param);
    out.append(",\"code\":");
    write_string_or_null(out, code);
    out.append("}}");

    return out;
}

}  // namespace opendify
