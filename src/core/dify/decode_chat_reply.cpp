#include <cstddef>

#include "opendify/backend.hpp"
#include "opendify/limits.hpp"
#include "wire/json_reader.hpp"

namespace opendify {

namespace {

struct ModeRow {
    AppMode          mode;
    std::string_view name;
};

constexpr ModeRow kModes[] = {
    {AppMode::chat, "chat"},           {AppMode::agent_chat, "agent-chat"},
    {AppMode::chatflow, "advanced-chat"}, {AppMode::agent, "agent"},
    {AppMode::completion, "completion"},  {AppMode::workflow, "workflow"},
};

}  // namespace

AppMode app_mode_from_name(std::string_view name)
{
    for (const ModeRow &row : kModes) {
        if (row.name == name) {
            return row.mode;
        }
    }

    return AppMode::unknown;
}

std::string_view app_mode_name(AppMode mode)
{
    for (const ModeRow &row : kModes) {
        if (row.mode == mode) {
            return row.name;
        }
    }

    return "unknown";
}

Result<AppMode> decode_info(std::string_view body)
{
    wire::JsonDocument doc;
    if (!doc.parse_python(body, Limits{}.max_json_depth)
        || !doc.root()["name"].is(wire::JsonType::string)) {
        return Failure{Errc::backend_misconfigured,
                       "The backend's answer to /info is not that of a Dify "
                       "app; its address is probably wrong.",
                       {},
                       {}};
    }

    return app_mode_from_name(doc.root()["mode"].string());
}

}  // namespace opendify
