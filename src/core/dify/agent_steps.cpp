// Steps of agents: tools of an agent app, log entries of an Agent node. Both
// come again and again under the same id as they fill up.

#include <algorithm>
#include <cstddef>

#include "dify/error_text.hpp"
#include "dify/short_text.hpp"
#include "dify/steps.hpp"

namespace opendify::dify {

namespace {

using wire::JsonType;
using wire::JsonValue;

constexpr std::size_t kMaxNameChars = 100;
constexpr std::size_t kMaxTextChars = 300;
constexpr std::size_t kMaxTools = 100;  // of one step

// A dataset's tool has the dataset's id in its name.
std::string tool_name(std::string_view tool)
{
    return tool.substr(0, 8) == "dataset_" ? "knowledge base"
                                           : one_line(tool, kMaxNameChars);
}

// A text of a step: a JSON text keyed by tools, or the words of its only tool.
class ToolText {
public:
    ToolText(std::string_view text, std::size_t max_json_depth)
        : text_(text), keyed_(doc_.parse_python(text, max_json_depth)
                              && doc_.root().is(JsonType::object))
    {
    }

    bool empty() const { return text_.empty(); }

    // What belongs to the tool.
    std::string part_of(std::string_view tool, bool alone) const
    {
        const JsonValue part = keyed_ ? doc_.root()[tool] : JsonValue();

        if (!part) {
            return alone ? one_line(text_, kMaxTextChars) : std::string();
        }

        if (part.is(JsonType::string)) {
            return one_line(part.string(), kMaxTextChars);
        }

        std::string json;
        part.write(json);
        return one_line(json, kMaxTextChars);
    }

private:
    std::string_view   text_;
    wire::JsonDocument doc_;
    bool               keyed_;
};

}  // namespace

// `tool` names the tools of the step: "a;b".
void Steps::thought(JsonValue event)
{
    const std::string_view id = event["id"].string();
    std::string_view       tools = event["tool"].string();
    const bool             alone = tools.find(';') == std::string_view::npos;

    if (tools.empty()) {
        return;
    }

    const ToolText input(event["tool_input"].string(), max_json_depth_);
    const ToolText seen(event["observation"].string(), max_json_depth_);

    for (std::size_t i = 0; i < kMaxTools && !tools.empty(); i++) {
        const std::string_view tool = tools.substr(0, tools.find(';'));
        tools.remove_prefix(std::min(tool.size() + 1, tools.size()));
        if (tool.empty()) {
            continue;
        }

        if ((!input.empty() || !seen.empty()) && first_time("call", id, tool)) {
            const std::string part = input.part_of(tool, alone);
            tell("Calling " + tool_name(tool)
                 + (part.empty() ? part : " " + part));
        }

        if (!seen.empty()) {
            observation(id, tool, seen.part_of(tool, alone));
        }
    }
}

void Steps::observation(std::string_view id, std::string_view tool,
                        const std::string &part)
{
    if (!part.empty() && first_time("saw", id, tool)) {
        tell(tool_name(tool) + ": " + part);
    }
}

void Steps::agent_log(JsonValue data)
{
    const std::string_view id = data["id"].string();
    const std::string      label =
        one_line(data["label"].string(), kMaxNameChars);
    if (label.empty()) {
        return;
    }

    if (data["status"].string() == "error"
        || !data["error"].string().empty()) {
        const std::string why = one_line(
            read_error_text(data["error"].string()).said, kMaxTextChars);
        if (first_time("log", id, "error")) {
            tell(label + " failed" + (why.empty() ? why : ": " + why));
        }

        return;
    }

    if (first_time("log", id, {})) {
        tell(label);
    }
}

}  // namespace opendify::dify
