// The error object (openai-api §3.1). go-openai recognises one in a stream by
// its first bytes, {"error":{ without blanks, and message comes first.

#include "opendify/endpoint.hpp"
#include "openai/cut_text.hpp"
#include "wire/json_writer.hpp"

namespace opendify {

namespace {

constexpr std::size_t kMaxModelBytes = 256;

// The type that no client takes for a reason to repeat.
constexpr std::string_view kNoRepeat = "invalid_request_error";

void write_string_or_null(std::string &out, std::string_view text)
{
    if (text.empty()) {
        out.append("null");
        return;
    }

    wire::write_lossy_string(out, text);
}

std::string_view code_of(const Failure &failure)
{
    return !failure.code.empty() ? failure.code
                                 : error_head(failure.errc).code;
}

std::string error_object(const Failure &failure, std::string_view type)
{
    std::string out;
    out.append("{\"error\":{\"message\":");
    wire::write_lossy_string(out, failure.message);
    out.append(",\"type\":");
    wire::write_string(out, type);
    out.append(",\"param\":");
    write_string_or_null(out, failure.param);
    out.append(",\"code\":");
    write_string_or_null(out, code_of(failure));
    out.append("}}");

    return out;
}

}  // namespace

std::string_view error_code_name(const Failure &failure)
{
    std::string_view code = code_of(failure);

    return !code.empty() ? code : error_head(failure.errc).type;
}

Failure model_not_found(std::string_view model)
{
    // The name is the client's, of any length.
    std::string name(openai::cut_text(model, kMaxModelBytes));

    return {Errc::model_not_found,
            "The model `" + name + "` does not exist. GET /v1/models lists "
            "the models of this server.", "model", {}};
}

std::string encode_error(const Failure &failure)
{
    return error_object(failure, error_head(failure.errc).type);
}

std::string encode_stream_error(const Failure &failure)
{
    const ErrorHead &head = error_head(failure.errc);

    return error_object(failure, head.may_retry ? head.type : kNoRepeat);
}

}  // namespace opendify
