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

// A dataset's tool has the dataset's id in its name.
std::string tool_name(std::string_view tool)
{
    return tool.substr(0, 8) == "dataset_" ? "knowledge base"
                                           : one_line(tool, kMaxNameChars);
}

}  // namespace

// `tool` names the tools of the step: "a;b".
void Steps::thought(JsonValue event)
{
    const std::string_view id = event["id"].string();
    const std::string_view input = event["tool_input"].string();
    const std::string_view text = event["observation"].string();
    std::string_view       tools = event["tool"].string();
    const bool             alone = tools.find(';') == std::string_view::npos;

    while (!tools.empty()) {
        const std::string_view tool = tools.substr(0, tools.find(';'));
        tools.remove_prefix(std::min(tool.size() + 1, tools.size()));
        if (tool.empty()) {
            continue;
        }

        if (!input.empty() || !text.empty()) {
            call(id, tool, alone, input);
        }

        if (!text.empty()) {
            observation(id, tool, alone, text);
        }
    }
}

void Steps::call(std::string_view id, std::string_view tool, bool alone,
                 std::string_view input)
{
    if (!first_time("call", id, tool)) {
        return;
    }

    const std::string part = part_of(input, tool, alone);
    tell("Calling " + tool_name(tool) + (part.empty() ? part : " " + part));
}

void Steps::observation(std::string_view id, std::string_view tool, bool alone,
                        std::string_view text)
{
    const std::string part = part_of(text, tool, alone);
    if (!part.empty() && first_time("saw", id, tool)) {
        tell(tool_name(tool) + ": " + part);
    }
}

// What belongs to the tool in a JSON text keyed by tools; the whole of a text
// that is of another form, if there is but one tool.
std::string Steps::part_of(std::string_view text, std::string_view tool,
                           bool alone)
{
    if (doc_.parse(text, max_json_depth_)
        && doc_.root().is(JsonType::object) && doc_.root()[tool]) {
        const JsonValue part = doc_.root()[tool];
        if (part.is(JsonType::string)) {
            return one_line(part.string(), kMaxTextChars);
        }

        std::string json;
        part.write(json);
        return one_line(json, kMaxTextChars);
    }

    return alone ? one_line(text, kMaxTextChars) : std::string();
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
