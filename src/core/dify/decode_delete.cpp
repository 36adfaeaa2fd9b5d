#include "opendify/backend.hpp"
#include "wire/json_reader.hpp"

namespace opendify {

Result<bool> decode_conversation_delete(int status, std::string_view body)
{
    wire::JsonDocument json;

    // Before 1.4 it is a 200 that says so.
    if (status == 204
        || (status == 200 && json.parse_python(body, 8)
            && json.root()["result"].string() == "success"))
    {
        return true;
    }

    Failure failure = decode_error_reply(status, body);

    return failure.errc == Errc::conversation_not_found
               ? Result<bool>(true)
               : Result<bool>(std::move(failure));
}

}  // namespace opendify
