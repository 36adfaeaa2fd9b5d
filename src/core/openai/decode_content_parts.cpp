#include "openai/content_parts.hpp"

namespace opendify::openai {

namespace {

using wire::JsonType;
using wire::JsonValue;

// The text of a part is in the member that is called like its type.
bool read_text_part(RequestReader &reader, JsonValue part,
                    const std::string &param, bool &first, std::string &text)
{
    std::string_view type = part["type"].string();
    JsonValue        piece = part[type];

    if (piece.is_null_or_missing()) {
        return reader.missing(param + "." + std::string(type));
    }

    if (!piece.is(JsonType::string)) {
        return reader.must_be(param + "." + std::string(type), "a string");
    }

    if (!reader.has_room(piece.string())) {
        return reader.too_much_text(param);
    }

    text.append(first ? "" : "\n").append(piece.string());
    first = false;
    return true;
}

bool read_part(RequestReader &reader, JsonValue part,
               const std::string &param, bool &first, Message &message)
{
    std::string_view type = part["type"].string();

    if (type.empty()) {
        return reader.must_be(param,
                              "an object with a 'type', such as "
                              "{\"type\":\"text\",\"text\":\"...\"}");
    }

    if (type == "text"
        || (type == "refusal" && message.role == Role::assistant))
    {
        return read_text_part(reader, part, param, first, message.text);
    }

    if (message.role == Role::user && is_file_part(type)) {
        return read_file_part(reader, part, param, message);
    }

    return true;
}

}  // namespace

bool read_content_parts(RequestReader &reader, JsonValue parts,
                        const std::string &param, Message &message)
{
    std::size_t index = 0;
    bool        first = true;

    for (JsonValue part = parts.first(); part; part = part.next()) {
        if (!read_part(reader, part,
                       param + "[" + std::to_string(index++) + "]", first,
                       message))
        {
            return false;
        }
    }

    return true;
}

}  // namespace opendify::openai
