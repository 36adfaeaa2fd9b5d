#include "opendify/backend.hpp"
#include "opendify/limits.hpp"
#include "wire/json_reader.hpp"

namespace opendify {

std::vector<std::string> decode_suggested(std::string_view body)
{
    std::vector<std::string> out;

    wire::JsonDocument doc;
    if (!doc.parse_python(body, Limits{}.max_json_depth)) {
        return out;
    }

    const wire::JsonValue list = doc.root()["data"];
    if (!list.is(wire::JsonType::array)) {
        return out;
    }

    for (wire::JsonValue item = list.first(); item; item = item.next()) {
        if (!item.string().empty()) {
            out.emplace_back(item.string());
        }
    }

    return out;
}

}  // namespace opendify
