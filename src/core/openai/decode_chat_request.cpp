// The body of POST /v1/chat/completions -> Turn (openai-api §2.1, §2.2).
//
// null counts as absent and what is unknown is skipped: chat clients send far
// more than any backend knows. Refused is only what would change the shape of
// the answer, or what nobody could read.

#include "opendify/endpoint.hpp"
#include "wire/json_reader.hpp"

namespace opendify {

namespace {

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

// A claim such as a user id: a string, or a number as it was written.
std::string_view claim(JsonValue value)
{
    return value.is(JsonType::number) ? value.number() : value.string();
}

std::string_view first_of(std::string_view a, std::string_view b)
{
    return a.empty() ? b : a;
}

// Each step says false after it has set failure_.
class RequestDecoder {
public:
    explicit RequestDecoder(const Limits &limits) : limits_(limits) {}

    bool decode(JsonValue root);

    Turn &turn() { return turn_; }
    Failure &failure() { return failure_; }

private:
    bool model(JsonValue value);
    bool messages(JsonValue value);
    bool message(JsonValue value);
    bool content(JsonValue value, const RoleRow &row, std::string &text);
    bool part(JsonValue value, const std::string &name, Role role,
              bool &first, std::string &text);
    bool optional(JsonValue value, JsonType type, std::string_view param,
                  std::string_view what);
    bool stream(JsonValue root);
    bool answer_shape(JsonValue root);
    bool inputs(JsonValue value);
    void claims(JsonValue root);

    bool refuse(Errc errc, std::string param, std::string message);
    bool missing(const std::string &param);
    std::string at(std::string_view member) const;

    const Limits &limits_;
    Turn          turn_;
    Failure       failure_{Errc::bad_json, {}, {}, {}};
    std::size_t   index_ = 0;  // of the message at hand
};

bool RequestDecoder::refuse(Errc errc, std::string param, std::string message)
{
    failure_ = Failure{errc, std::move(message), std::move(param), {}};
    return false;
}

bool RequestDecoder::missing(const std::string &param)
{
    return refuse(Errc::missing_field, param,
                  "Missing required parameter: '" + param + "'.");
}

std::string RequestDecoder::at(std::string_view member) const
{
    std::string path = "messages[" + std::to_string(index_) + "]";

    if (!member.empty()) {
        path.append(".").append(member);
    }

    return path;
}

bool RequestDecoder::decode(JsonValue root)
{
    if (!root.is(JsonType::object)) {
        return refuse(Errc::bad_json, {},
                      "The request body must be a JSON object.");
    }

    if (!model(root["model"]) || !messages(root["messages"])
        || !stream(root) || !answer_shape(root) || !inputs(root["inputs"]))
    {
        return false;
    }

    claims(root);
    return true;
}

bool RequestDecoder::model(JsonValue value)
{
    if (value.is_null_or_missing()) {
        return missing("model");
    }

    if (value.string().empty()) {
        return refuse(Errc::bad_value, "model",
                      "'model' must be a string that is not empty.");
    }

    turn_.model = value.string();
    return true;
}

bool RequestDecoder::messages(JsonValue value)
{
    if (value.is_null_or_missing()) {
        return missing("messages");
    }

    if (!value.is(JsonType::array) || value.size() == 0) {
        return refuse(Errc::bad_value, "messages",
                      "'messages' must be an array with at least one "
                      "message.");
    }

    if (value.size() > limits_.max_messages) {
        return refuse(Errc::bad_value, "messages",
                      "'messages' has more than "
                      + std::to_string(limits_.max_messages)
                      + " messages; send fewer.");
    }

    turn_.messages.reserve(value.size());
    index_ = 0;

    for (JsonValue item = value.first(); item; item = item.next()) {
        if (!message(item)) {
            return false;
        }

        index_++;
    }

    return true;
}

bool RequestDecoder::message(JsonValue value)
{
    if (!value.is(JsonType::object)) {
        return refuse(Errc::bad_value, at({}),
                      "'" + at({}) + "' must be an object with 'role' and "
                      "'content'.");
    }

    JsonValue role = value["role"];

    if (role.is_null_or_missing()) {
        return missing(at("role"));
    }

    const RoleRow *row = role_row(role.string());

    if (row == nullptr) {
        return refuse(Errc::bad_value, at("role"),
                      "'" + at("role") + "' must be one of 'system', "
                      "'developer', 'user', 'assistant', 'tool' and "
                      "'function'.");
    }

    turn_.messages.push_back(Message{row->role, {}});
    return content(value["content"], *row, turn_.messages.back().text);
}

bool RequestDecoder::content(JsonValue value, const RoleRow &row,
                             std::string &text)
{
    std::string param = at("content");

    if (value.is_null_or_missing()) {
        return row.content_optional || missing(param);
    }

    if (value.is(JsonType::string)) {
        text = value.string();
        return true;
    }

    if (!value.is(JsonType::array)) {
        return refuse(Errc::bad_value, param,
                      "'" + param + "' must be a string or an array of "
                      "content parts.");
    }

    std::size_t index = 0;
    bool        first = true;

    for (JsonValue item = value.first(); item; item = item.next()) {
        std::string name = param + "[" + std::to_string(index++) + "]";

        if (!part(item, name, row.role, first, text)) {
            return false;
        }
    }

    return true;
}

bool RequestDecoder::part(JsonValue value, const std::string &name, Role role,
                          bool &first, std::string &text)
{
    std::string_view type = value["type"].string();

    if (type.empty()) {
        return refuse(Errc::bad_value, name,
                      "'" + name + "' must be an object with a 'type', such "
                      "as {\"type\":\"text\",\"text\":\"...\"}.");
    }

    if (type != "text" && (type != "refusal" || role != Role::assistant)) {
        return true;
    }

    // The text of a part is in the member that is called like its type.
    JsonValue   piece = value[type];
    std::string param = name + "." + std::string(type);

    if (piece.is_null_or_missing()) {
        return missing(param);
    }

    if (!piece.is(JsonType::string)) {
        return refuse(Errc::bad_value, param,
                      "'" + param + "' must be a string.");
    }

    text.append(first ? "" : "\n").append(piece.string());
    first = false;
    return true;
}

bool RequestDecoder::optional(JsonValue value, JsonType type,
                              std::string_view param, std::string_view what)
{
    if (value.is_null_or_missing() || value.is(type)) {
        return true;
    }

    std::string name(param);
    return refuse(Errc::bad_value, name,
                  "'" + name + "' must be " + std::string(what) + ".");
}

bool RequestDecoder::stream(JsonValue root)
{
    JsonValue stream = root["stream"];
    JsonValue options = root["stream_options"];
    JsonValue usage = options["include_usage"];

    if (!optional(stream, JsonType::boolean, "stream", "true or false")
        || !optional(options, JsonType::object, "stream_options", "an object")
        || !optional(usage, JsonType::boolean, "stream_options.include_usage",
                     "true or false"))
    {
        return false;
    }

    turn_.stream = stream.boolean(false);
    turn_.include_usage = turn_.stream && usage.boolean(false);
    return true;
}

bool RequestDecoder::answer_shape(JsonValue root)
{
    JsonValue n = root["n"];
    JsonValue choice = root["tool_choice"];

    if (!n.is_null_or_missing() && n.integer(0) < 1) {
        return refuse(Errc::bad_value, "n", "'n' must be 1.");
    }

    const struct {
        const char *param;
        bool        asked;
        const char *instead;
    } refusals[] = {
        { "n", n.integer(1) > 1, "send 1, there is one answer per request" },
        { "logprobs", root["logprobs"].boolean(false), "leave it out" },
        { "top_logprobs", root["top_logprobs"].integer(0) > 0,
          "leave it out" },
        { "tool_choice",
          choice.is(JsonType::object) || choice.string() == "required",
          "send \"auto\" or \"none\", the app uses its own tools" },
        { "function_call", root["function_call"].is(JsonType::object),
          "send \"auto\" or \"none\", the app uses its own tools" },
    };

    for (const auto &row : refusals) {
        if (row.asked) {
            return refuse(Errc::unsupported_value, row.param,
                          "This value of '" + std::string(row.param)
                          + "' is not supported: " + row.instead + ".");
        }
    }

    return true;
}

bool RequestDecoder::inputs(JsonValue value)
{
    if (!optional(value, JsonType::object, "inputs",
                  "an object with one member per input of the app"))
    {
        return false;
    }

    turn_.inputs.reserve(value.size());

    for (JsonValue item = value.first(); item; item = item.next()) {
        turn_.inputs.push_back(Input{std::string(item.name()), {}});
        item.write(turn_.inputs.back().json);
    }

    return true;
}

void RequestDecoder::claims(JsonValue root)
{
    JsonValue metadata = root["metadata"];
    JsonValue user = root["user"];

    // Open WebUI sends {"name","id","email","role"} to some models (§7.1).
    if (user.is(JsonType::object)) {
        user = user["id"];
    }

    turn_.user = first_of(first_of(claim(user),
                                   claim(root["safety_identifier"])),
                          claim(metadata["user_id"]));
    turn_.chat_id = first_of(claim(metadata["chat_id"]),
                             claim(root["prompt_cache_key"]));
    turn_.conversation_id = first_of(claim(root["conversation_id"]),
                                     claim(metadata["conversation_id"]));
}

}  // namespace

Result<Turn> decode_chat_request(std::string_view body, const Limits &limits)
{
    wire::JsonDocument document;

    if (!document.parse(body, limits.max_json_depth)) {
        return Failure{Errc::bad_json,
                       "The request body could not be read as JSON. Send one "
                       "JSON object in UTF-8, nested at most "
                       + std::to_string(limits.max_json_depth)
                       + " levels deep.", {}, {}};
    }

    RequestDecoder decoder(limits);

    if (!decoder.decode(document.root())) {
        return std::move(decoder.failure());
    }

    return std::move(decoder.turn());
}

}  // namespace opendify
