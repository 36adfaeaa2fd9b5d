#include "dify/human_form.hpp"

#include <cstddef>
#include <string>
#include <string_view>

#include "dify/short_text.hpp"
#include "opendify/backend.hpp"
#include "opendify/limits.hpp"
#include "wire/json_members.hpp"

namespace opendify {

namespace dify {

namespace {

using wire::JsonType;
using wire::JsonValue;

constexpr std::string_view kPlaceBegin = "{{#$output.";
constexpr std::string_view kPlaceEnd = "#}}";
constexpr std::size_t      kMaxTitleChars = 200;

std::string readable(std::string_view content)
{
    std::string out;

    for (;;) {
        const std::size_t begin = content.find(kPlaceBegin);
        const std::size_t end = content.find(kPlaceEnd, begin);
        if (begin == std::string_view::npos || end == std::string_view::npos) {
            return out.append(content);
        }

        const std::size_t name = begin + kPlaceBegin.size();
        out.append(content.substr(0, begin)).append("[");
        out.append(content.substr(name, end - name)).append("]");
        content.remove_prefix(end + kPlaceEnd.size());
    }
}

std::string scalar(JsonValue value)
{
    if (value.is(JsonType::number)) {
        return std::string(value.number());
    }

    return std::string(value.string());
}

// A value resolved from the run wins over the constant of the form.
std::string default_of(JsonValue input, const wire::JsonMembers &resolved)
{
    const JsonValue value =
        resolved[input["output_variable_name"].string()];
    if (!value.is_null_or_missing()) {
        return scalar(value);
    }

    const JsonValue told = input["default"];
    return scalar(told.is(JsonType::object) ? told["value"] : told);
}

}  // namespace

HumanForm human_form(JsonValue data, JsonValue run_id)
{
    HumanForm form;
    form.title = one_line(data["node_title"].string(), kMaxTitleChars);
    form.content = readable(data["form_content"].string());

    const JsonValue         inputs = data["inputs"];
    const wire::JsonMembers resolved(data["resolved_default_values"]);

    for (JsonValue input = inputs.first(); input; input = input.next()) {
        const std::string_view name = input["output_variable_name"].string();
        if (!name.empty()) {
            form.fields.push_back(
                {std::string(name), default_of(input, resolved)});
        }
    }

    JsonValue actions = data["user_actions"];
    if (!actions.is(JsonType::array)) {
        actions = data["actions"];
    }

    for (JsonValue one = actions.first(); one; one = one.next()) {
        const std::string_view id = one["id"].string();
        const std::string_view title = one["title"].string();
        if (!id.empty()) {
            form.actions.push_back(
                {std::string(id), std::string(title.empty() ? id : title)});
        }
    }

    if (is_id(data["form_token"].string())) {
        form.token = data["form_token"].string();
    }

    if (is_id(run_id.string())) {
        form.run_id = run_id.string();
    }

    return form;
}

JsonValue form_in_reasons(JsonValue reasons)
{
    for (JsonValue one = reasons.first(); one; one = one.next()) {
        if (one["TYPE"].string() == "human_input_required"
            || one["form_id"].is(JsonType::string)) {
            return one;
        }
    }

    return {};
}

}  // namespace dify

Result<HumanForm> decode_form(std::string_view body)
{
    wire::JsonDocument doc;

    if (!doc.parse_python(body, Limits{}.max_json_depth)
        || !doc.root()["form_content"].is(wire::JsonType::string)) {
        return decode_error_reply(200, body);
    }

    return dify::human_form(doc.root(), {});
}

}  // namespace opendify
