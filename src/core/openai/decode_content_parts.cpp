// The parts of a message, in the words of OpenAI's APIs and of others whose
// meaning is plain.

#include "openai/content_parts.hpp"

#include <algorithm>
#include <iterator>

namespace opendify::openai {

namespace {

using wire::JsonType;
using wire::JsonValue;

constexpr std::size_t kMaxMembers = 64;  // of one part

// What an assistant has beside its text: nothing that it said.
constexpr std::string_view kUnsaid[] = {
    "thinking",       "reasoning",      "redacted_thinking",
    "reasoning_text", "reasoning_content",
    "tool_use",       "server_tool_use", "tool_call",
    "tool-call",      "function_call",
};

// Of the message that is read; whether a text came before.
struct PartReader {
    RequestReader &reader;
    Message       &message;
    bool           first = true;

    bool read(JsonValue part, const std::string &param);
    bool read_list(JsonValue parts, const std::string &param);

private:
    bool add_text(JsonValue text, const std::string &param);
    bool read_text(JsonValue part, std::string_view member, std::string param);
    bool read_result(JsonValue part, std::string param);
    bool refuse(std::string_view type, const std::string &param);
};

bool PartReader::add_text(JsonValue text, const std::string &param)
{
    if (text.is_null_or_missing()) {
        return reader.missing(param);
    }

    if (!text.is(JsonType::string)) {
        return reader.must_be(param, "a string");
    }

    if (!reader.has_room(text.string())) {
        return reader.too_much_text(param);
    }

    message.text.append(first ? "" : "\n").append(text.string());
    first = false;
    return true;
}

bool PartReader::read_text(JsonValue part, std::string_view member,
                           std::string param)
{
    JsonValue text = part[member];
    param.append(".").append(member);

    if (text.is(JsonType::object)) {  // with annotations beside it
        text = text["value"];
        param += ".value";
    }

    return add_text(text, param);
}

// What a tool answered: a text, parts, or nothing.
bool PartReader::read_result(JsonValue part, std::string param)
{
    std::string_view name = "content";

    for (std::string_view other : {"output", "result"}) {  // of the AI SDK
        name = part[name] ? name : other;
    }

    JsonValue content = part[name];
    param.append(".").append(name);

    if (content["value"]) {
        content = content["value"];
        param += ".value";
    }

    if (content.is_null_or_missing()) {
        return true;
    }

    return content.is(JsonType::string) ? add_text(content, param)
                                        : read_list(content, param);
}

bool PartReader::refuse(std::string_view type, const std::string &param)
{
    constexpr std::size_t kMaxShown = 40;
    const bool            shown =
        type.size() <= kMaxShown
        && std::all_of(type.begin(), type.end(), [](char c) {
               return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
                      || (c >= '0' && c <= '9') || c == '_' || c == '-'
                      || c == '.';
           });

    return reader.refuse(
        Errc::unsupported_value, param,
        "A content part of the type '"
            + std::string(shown ? type : std::string_view("...")) + "' at '"
            + param
            + "' is not supported in a message of this role: send text, or in "
              "messages of the user files as 'image_url', 'input_audio' or "
              "'file'.");
}

bool PartReader::read(JsonValue part, const std::string &param)
{
    if (part.is(JsonType::string)) {
        return add_text(part, param);
    }

    std::string_view type = part["type"].string();

    if (type.empty() || part.size() > kMaxMembers) {
        return reader.must_be(param,
                              "an object with a 'type', such as "
                              "{\"type\":\"text\",\"text\":\"...\"}");
    }

    if (type == "text" || type == "input_text" || type == "output_text") {
        return read_text(part, "text", param);
    }

    const bool  ours = message.role == Role::assistant;
    const bool  theirs =
        message.role == Role::user || message.role == Role::tool;
    JsonValue   source = part["source"];

    if (ours && type == "refusal") {
        return read_text(part, "refusal", param);
    }

    if (ours
        && std::find(std::begin(kUnsaid), std::end(kUnsaid), type)
               != std::end(kUnsaid)) {
        return true;
    }

    if (theirs && (type == "tool_result" || type == "tool-result")) {
        return read_result(part, param);
    }

    if (type == "document" && source["type"].string() == "text") {
        return read_text(source, "data", param + ".source");
    }

    if (type == "document" && source["content"]) {
        return read_result(source, param + ".source");
    }

    if (type == "text-plain" || part["source_type"].string() == "text") {
        return read_text(part, "text", param);
    }

    return theirs && is_file_part(type)
               ? read_file_part(reader, part, param, message)
               : refuse(type, param);
}

bool PartReader::read_list(JsonValue parts, const std::string &param)
{
    if (parts.is(JsonType::object)) {
        return read(parts, param);
    }

    if (!parts.is(JsonType::array)) {
        return reader.must_be(param,
                              "a string or an array of content parts");
    }

    std::size_t index = 0;

    for (JsonValue part = parts.first(); part; part = part.next()) {
        if (!read(part, param + "[" + std::to_string(index++) + "]")) {
            return false;
        }
    }

    return true;
}

}  // namespace

bool read_content_parts(RequestReader &reader, JsonValue parts,
                        const std::string &param, Message &message)
{
    PartReader part_reader{reader, message};

    return part_reader.read_list(parts, param);
}

}  // namespace opendify::openai
