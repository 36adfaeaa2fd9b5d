// The body of POST /v1/chat/completions -> Turn (openai-api §2.1, §2.2).
//
// null counts as absent and what is unknown is skipped: chat clients send far
// more than any backend knows. Refused is only what would change the shape of
// the answer, or what nobody could read.

#include "openai/content_parts.hpp"
#include "openai/request_reader.hpp"
#include "opendify/endpoint.hpp"
#include "opendify/request_decoder.hpp"

namespace opendify {

namespace {

using openai::RequestReader;
using wire::JsonType;
using wire::JsonValue;

struct RoleRow {
    std::string_view name;
    Role             role;
    bool             content_optional;  // it may only have called tools
};

constexpr RoleRow kRoles[] = {
    { "system",    Role::system,    false },
    { "developer", Role::system,    false },
    { "user",      Role::user,      false },
    { "assistant", Role::assistant, true },
    { "tool",      Role::tool,      false },
    { "function",  Role::tool,      true },
};

const RoleRow *role_row(std::string_view name)
{
    for (const RoleRow &row : kRoles) {
        if (row.name == name) {
            return &row;
        }
    }

    return nullptr;
}

std::string message_param(std::size_t index, std::string_view member = {})
{
    return "messages[" + std::to_string(index) + "]" + std::string(member);
}

bool read_content(RequestReader &reader, JsonValue value, std::size_t index,
                  const RoleRow &row)
{
    constexpr std::string_view kContent = ".content";
    Message                   &message = reader.turn.messages.back();

    if (value.is_null_or_missing()) {
        return row.content_optional
               || reader.missing(message_param(index, kContent));
    }

    if (value.is(JsonType::string)) {
        if (!reader.has_room(value.string())) {
            return reader.too_much_text(message_param(index, kContent));
        }

        message.text = value.string();
        return true;
    }

    return openai::read_content_parts(reader, value,
                                      message_param(index, kContent), message);
}

bool read_message(RequestReader &reader, JsonValue value, std::size_t index)
{
    if (!value.is(JsonType::object)) {
        return reader.must_be(message_param(index),
                              "an object with 'role' and 'content'");
    }

    JsonValue role = value["role"];

    if (role.is_null_or_missing()) {
        return reader.missing(message_param(index, ".role"));
    }

    const RoleRow *row = role_row(role.string());

    if (row == nullptr) {
        return reader.must_be(message_param(index, ".role"),
                              "one of 'system', 'developer', 'user', "
                              "'assistant', 'tool' and 'function'");
    }

    reader.turn.messages.push_back(Message{row->role, {}});
    reader.turn.messages.back().name = value["name"].string();
    return read_content(reader, value["content"], index, *row);
}

bool read_messages(RequestReader &reader, JsonValue value)
{
    if (value.is_null_or_missing()) {
        return reader.missing("messages");
    }

    if (!value.is(JsonType::array) || value.size() == 0) {
        return reader.must_be("messages",
                              "an array with at least one message");
    }

    if (value.size() > reader.limits.max_messages) {
        return reader.must_be("messages",
                              "an array with at most "
                              + std::to_string(reader.limits.max_messages)
                              + " messages");
    }

    reader.turn.messages.reserve(value.size());
    std::size_t index = 0;

    for (JsonValue item = value.first(); item; item = item.next()) {
        if (!read_message(reader, item, index++)) {
            return false;
        }
    }

    return true;
}

// A choice that leaves the answer to the model can be kept to: some clients
// write "auto" as an object, or name the tools that are allowed.
bool forces_a_tool(JsonValue choice)
{
    std::string_view how = choice.string();

    if (choice.is(JsonType::object)) {
        how = choice["type"].string();

        if (how == "allowed_tools") {
            JsonValue allowed = choice[how];
            how = (allowed ? allowed : choice)["mode"].string();
        }

        return how != "auto" && how != "none";
    }

    return how == "required" || how == "any";
}

}  // namespace

bool openai::read_chat_members(RequestReader &reader, JsonValue root)
{
    reader.turn.has_tools =
        root["tools"].size() > 0 || root["functions"].size() > 0;

    return read_messages(reader, root["messages"])
           && reader.refuse_asked({
               { "logprobs", root["logprobs"].boolean(false),
                 "leave it out" },
               { "top_logprobs", root["top_logprobs"].integer(0) > 0,
                 "leave it out" },
               { "tool_choice",
                 forces_a_tool(root["tool_choice"]),
                 "send \"auto\" or \"none\", the app uses its own tools" },
               { "function_call",
                 root["function_call"].is(JsonType::object),
                 "send \"auto\" or \"none\", the app uses its own tools" },
           });
}

Result<Turn> decode_chat_request(std::string_view body, const Limits &limits)
{
    RequestDecoder decoder(RequestKind::chat, std::string(body), limits);

    while (!decoder.step(body.size() + 1)) {
    }

    return decoder.take();
}

}  // namespace opendify
