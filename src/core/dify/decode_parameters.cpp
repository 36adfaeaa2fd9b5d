// Dify's GET /parameters -> AppForm (spec dify-api §2.3).
//
//     user_input_form  [{control: {"variable": ..., ...}}, ...]
//     file_upload      {"enabled": ..., "number_limits": ..., "allowed_...":
//                      ...}; before 0.10 all of it inside of "image"

#include <algorithm>
#include <string>
#include <vector>

#include "opendify/app_form.hpp"
#include "opendify/limits.hpp"
#include "wire/json_reader.hpp"

namespace opendify {

namespace {

using wire::JsonType;
using wire::JsonValue;
using Type = AppField::Type;

constexpr std::size_t kDefaultMaxFiles = 3;  // Dify's
constexpr std::size_t kMaxListed = 256;

struct ControlRow {
    std::string_view name;
    Type             type;
};

constexpr ControlRow kControls[] = {
    {"text-input", Type::text},   {"paragraph", Type::paragraph},
    {"select", Type::select},     {"number", Type::number},
    {"checkbox", Type::checkbox}, {"file", Type::file},
    {"file-list", Type::file_list}, {"json_object", Type::json},
    {"json", Type::json},
};

// Filled by a service that Dify asks, not by the client.
constexpr std::string_view kToolControl = "external_data_tool";

Type type_of(std::string_view control)
{
    for (const ControlRow &row : kControls) {
        if (row.name == control) {
            return row.type;
        }
    }

    return Type::unknown;
}

std::size_t count_of(JsonValue value)
{
    const std::int64_t count = value.integer(0);

    return count > 0 ? static_cast<std::size_t>(count) : 0;
}

std::vector<std::string> strings_of(JsonValue list)
{
    std::vector<std::string> out;

    for (JsonValue item = list.first(); item; item = item.next()) {
        if (list.is(JsonType::array) && item.is(JsonType::string)) {
            out.emplace_back(item.string());
        }
    }

    return out;
}

// What files are compared with, each with all of it. Longer than anybody
// writes it is not looked at: the backend does.
std::vector<std::string> listed(JsonValue list)
{
    return list.size() > kMaxListed ? std::vector<std::string>()
                                    : strings_of(list);
}

FileRules rules_of(JsonValue rules)
{
    return {listed(rules["allowed_file_types"]),
            listed(rules["allowed_file_extensions"]),
            listed(rules["allowed_file_upload_methods"])};
}

// An empty one is what the editor stores when there is none.
std::string default_of(JsonValue value, const AppField &field)
{
    std::string json;

    if (value.is_null_or_missing() || field.type == Type::file
        || field.type == Type::file_list
        || (value.is(JsonType::string) && value.string().empty())
        || (field.type == Type::select
            && std::find(field.options.begin(), field.options.end(),
                         value.string()) == field.options.end())) {
        return json;
    }

    value.write(json);

    return json;
}

void add_field(AppForm &form, std::string_view control, JsonValue value)
{
    AppField field;
    field.name = value["variable"].string();
    if (field.name.empty() || control == kToolControl) {
        return;
    }

    field.type = type_of(control);
    field.required = value["required"].boolean(false);
    field.options = strings_of(value["options"]);
    field.default_json = default_of(value["default"], field);

    if (field.type == Type::file || field.type == Type::file_list) {
        field.rules = rules_of(value);
    }

    // The editor leaves a length of 48 in variables of every type.
    if (field.type == Type::text || field.type == Type::paragraph
        || field.type == Type::file_list) {
        field.max_length = count_of(value["max_length"]);
    }

    form.fields.push_back(std::move(field));
}

void read_fields(AppForm &form, JsonValue list)
{
    for (JsonValue item = list.first(); item; item = item.next()) {
        const JsonValue control = item.first();

        if (item["variable"].is(JsonType::string)) {  // without its wrapping
            add_field(form, item["type"].string(), item);

        } else if (control.is(JsonType::object)) {
            add_field(form, control.name(), control);
        }
    }
}

JsonValue either(JsonValue a, JsonValue b)
{
    return a.is_null_or_missing() ? b : a;
}

void read_files(AppForm &form, JsonValue upload)
{
    const JsonValue image = upload["image"];

    // The switch that the backend obeys, where there is one.
    form.files_enabled =
        either(upload["enabled"], image["enabled"]).boolean(false);
    form.file_types = listed(upload["allowed_file_types"]);
    form.file_extensions = listed(upload["allowed_file_extensions"]);
    form.transfer_methods = listed(either(
        upload["allowed_file_upload_methods"], image["transfer_methods"]));
    form.max_files =
        count_of(either(upload["number_limits"], image["number_limits"]));

    if (!upload["enabled"] && image.is(JsonType::object)) {
        form.file_types = {"image"};
    }

    if (form.files_enabled && form.max_files == 0) {
        form.max_files = kDefaultMaxFiles;
    }
}

}  // namespace

Result<AppForm> decode_parameters(std::string_view body)
{
    wire::JsonDocument doc;
    const bool         read = doc.parse_python(body, Limits{}.max_json_depth);
    const JsonValue    root = doc.root();

    if (!read || (!root["user_input_form"] && !root["file_upload"])) {
        return decode_error_reply(200, body);
    }

    AppForm form;
    if (root["user_input_form"].is(JsonType::array)) {
        read_fields(form, root["user_input_form"]);
    }

    read_files(form, root["file_upload"]);
    form.suggested =
        root["suggested_questions_after_answer"]["enabled"].boolean(false);

    return form;
}

std::string_view text_input_of(const AppForm &form,
                               std::string_view preferred)
{
    const AppField *only = nullptr;
    std::size_t     texts = 0;
    bool            has_query = false;

    for (const AppField &field : form.fields) {
        if (field.name == preferred) {
            return field.name;
        }

        has_query |= field.name == "query";
        if (field.type == Type::text || field.type == Type::paragraph) {
            only = &field;
            texts++;
        }
    }

    if (texts == 1) {
        return only->name;
    }

    return has_query ? "query" : "";
}

}  // namespace opendify
