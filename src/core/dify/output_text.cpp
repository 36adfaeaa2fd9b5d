#include "dify/output_text.hpp"

#include <cstddef>

#include "dify/output_files.hpp"

namespace opendify::dify {

namespace {

using wire::JsonType;
using wire::JsonValue;

std::string text_of(JsonValue value)
{
    if (value.is(JsonType::string)) {
        return std::string(value.string());
    }

    std::string json;
    if (!value.is_null_or_missing() && !is_files(value)) {
        value.write(json);
    }

    return json;
}

}  // namespace

std::string output_text(JsonValue outputs, std::string_view name)
{
    if (!outputs.is(JsonType::object)) {
        return {};
    }

    if (!name.empty() && outputs[name]) {
        return text_of(outputs[name]);
    }

    JsonValue   text;
    std::size_t texts = 0;
    bool        other = false;

    for (JsonValue value = outputs.first(); value; value = value.next()) {
        if (value.is(JsonType::string)) {
            text = value;
            texts++;

        } else {
            const bool empty = value.is(JsonType::array) && value.size() == 0;
            other |= !value.is_null_or_missing() && !empty && !is_files(value);
        }
    }

    if (texts == 1) {
        return std::string(text.string());
    }

    return texts > 1 || other ? text_of(outputs) : std::string();
}

}  // namespace opendify::dify
