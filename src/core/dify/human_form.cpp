#include "dify/human_form.hpp"

#include <string>

#include "opendify/backend.hpp"
#include "opendify/limits.hpp"

namespace opendify {

namespace dify {

namespace {

using wire::JsonType;
using wire::JsonValue;

// A text as it is, another value as JSON, null as nothing.
std::string text_of(JsonValue value)
{
    std::string out;

    if (value.is(JsonType::string)) {
        out = value.string();

    } else if (!value.is_null_or_missing()) {
        value.write(out);
    }

    return out;
}

// {"type":"constant","selector":[],"value":"fine"}, or of a variable what it
// was resolved to.
std::string default_of(JsonValue input, JsonValue resolved)
{
    if (!resolved.is_null_or_missing()) {
        return text_of(resolved);
    }

    const JsonValue value = input["default"];

    return text_of(value.is(JsonType::object) ? value["value"] : value);
}

}  // namespace

HumanForm read_form(JsonValue value)
{
    HumanForm form;
    form.title = value["node_title"].string();
    form.content = value["form_content"].string();
    form.token = value["form_token"].string();

    const JsonValue resolved = value["resolved_default_values"];
    for (JsonValue item = value["inputs"].first(); item; item = item.next()) {
        const std::string_view name = item["output_variable_name"].string();
        if (!name.empty()) {
            form.fields.push_back(
                {std::string(name), default_of(item, resolved[name])});
        }
    }

    JsonValue actions = value["user_actions"];
    if (!actions.is(JsonType::array)) {
        actions = value["actions"];
    }

    for (JsonValue item = actions.first(); item; item = item.next()) {
        const std::string_view id = item["id"].string();
        if (!id.empty()) {
            form.actions.push_back(
                {std::string(id), std::string(item["title"].string())});
        }
    }

    return form;
}

}  // namespace dify

Result<HumanForm> decode_form(std::string_view body)
{
    wire::JsonDocument doc;

    if (!doc.parse(body, Limits{}.max_json_depth)
        || !doc.root()["form_content"].is(wire::JsonType::string)) {
        return decode_error_reply(200, body);
    }

    return dify::read_form(doc.root());
}

}  // namespace opendify
