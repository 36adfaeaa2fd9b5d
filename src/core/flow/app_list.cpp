#include "opendify/app_list.hpp"

#include "opendify/limits.hpp"
#include "wire/json_reader.hpp"

namespace opendify {

Result<std::vector<ListedApp>> decode_app_list(std::string_view json)
{
    wire::JsonDocument document;

    if (!document.parse(json, Limits{}.max_json_depth)
        || !document.root().is(wire::JsonType::object))
    {
        return Failure{Errc::bad_json,
                       "expected a JSON object such as "
                       "{\"model-name\": \"app-key\"}", "", ""};
    }

    std::vector<ListedApp> apps;

    for (auto member = document.root().first(); member; member = member.next())
    {
        if (!member.is(wire::JsonType::string) || member.string().empty()
            || member.name().empty())
        {
            return Failure{Errc::bad_value,
                           "the key of \"" + std::string(member.name())
                               + "\" must be a non-empty string", "", ""};
        }

        apps.push_back({std::string(member.name()),
                        std::string(member.string())});
    }

    if (apps.empty()) {
        return Failure{Errc::bad_value, "the object names no model", "", ""};
    }

    return apps;
}

}  // namespace opendify
