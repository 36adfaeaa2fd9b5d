#include "openai/request_reader.hpp"

#include <utility>

#include "openai/data_url.hpp"
#include "wire/json_members.hpp"

namespace opendify::openai {

namespace {

using wire::JsonType;
using wire::JsonValue;

constexpr std::size_t      kMaxStops = 4;  // OpenAI's own bound
constexpr std::string_view kStopIs = "a string or an array of at most 4 "
                                     "strings";

constexpr std::string_view kInputPrefix = "inputs.";

// A claim such as a user id: a string, or a number as it was written.
std::string_view claim(JsonValue value)
{
    return value.is(JsonType::number) ? value.number() : value.string();
}

std::string_view first_of(std::string_view a, std::string_view b)
{
    return a.empty() ? b : a;
}

// The NAME of a metadata entry "inputs.NAME" that has a value, else "".
std::string_view input_name(JsonValue entry)
{
    std::string_view name = entry.name();

    if (entry.is_null_or_missing()
        || name.substr(0, kInputPrefix.size()) != kInputPrefix)
    {
        return {};
    }

    return name.substr(kInputPrefix.size());
}

void add_input(Turn &turn, std::string_view name, JsonValue value)
{
    turn.inputs.push_back(Input{std::string(name), {}});
    value.write(turn.inputs.back().json);
}

}  // namespace

bool RequestReader::refuse(Errc errc, std::string param, std::string message)
{
    failure = Failure{errc, std::move(message), std::move(param), {}};
    return false;
}

bool RequestReader::missing(const std::string &param)
{
    return refuse(Errc::missing_field, param,
                  "Missing required parameter: '" + param + "'.");
}

bool RequestReader::must_be(const std::string &param, std::string_view what)
{
    return refuse(Errc::bad_value, param,
                  "'" + param + "' must be " + std::string(what) + ".");
}

bool RequestReader::optional(JsonValue value, JsonType type,
                             std::string_view param, std::string_view what)
{
    return value.is_null_or_missing() || value.is(type)
           || must_be(std::string(param), what);
}

bool RequestReader::refuse_asked(std::initializer_list<Refusal> refusals)
{
    for (const Refusal &row : refusals) {
        if (row.asked) {
            std::string param(row.param);

            return refuse(Errc::unsupported_value, param,
                          "This value of '" + param + "' is not supported: "
                          + std::string(row.instead) + ".");
        }
    }

    return true;
}

bool RequestReader::model(JsonValue root)
{
    JsonValue value = root["model"];

    if (value.is_null_or_missing()) {
        return missing("model");
    }

    if (value.string().empty()) {
        return must_be("model", "a string that is not empty");
    }

    turn.model = value.string();
    return true;
}

bool RequestReader::stream(JsonValue root)
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

    turn.stream = stream.boolean(false);
    turn.include_usage = turn.stream && usage.boolean(false);
    return true;
}

bool RequestReader::one_answer(JsonValue root)
{
    JsonValue n = root["n"];

    if (!n.is_null_or_missing() && n.integer(0) < 1) {
        return must_be("n", "1");
    }

    return refuse_asked({
        { "n", n.integer(1) > 1, "send 1, there is one answer per request" },
    });
}

bool RequestReader::stop(JsonValue root)
{
    JsonValue stop = root["stop"];

    if (!stop.is(JsonType::array)) {
        return optional(stop, JsonType::string, "stop", kStopIs)
               && add_stop(stop);
    }

    if (stop.size() > kMaxStops) {
        return must_be("stop", kStopIs);
    }

    for (JsonValue item = stop.first(); item; item = item.next()) {
        if (!item.is(JsonType::string)) {
            return must_be("stop", kStopIs);
        }

        if (!add_stop(item)) {
            return false;
        }
    }

    return true;
}

// An empty one, or null, stands nowhere: it does not count.
bool RequestReader::add_stop(JsonValue sequence)
{
    std::string_view text = sequence.string();

    if (!has_room(text)) {
        return too_much_text("stop");
    }

    if (!text.empty()) {
        turn.stop.emplace_back(text);
    }

    return true;
}

bool RequestReader::inputs(JsonValue root)
{
    JsonValue inputs = root["inputs"];

    if (!optional(inputs, JsonType::object, "inputs",
                  "an object with one member per input of the app"))
    {
        return false;
    }

    if (inputs.size() > limits.max_inputs) {
        return too_many_inputs("inputs");
    }

    if (!metadata_inputs(root["metadata"], inputs)) {
        return false;
    }

    for (JsonValue item = inputs.first(); item; item = item.next()) {
        add_input(turn, item.name(), item);
    }

    return true;
}

// Those that `inputs` does not name.
bool RequestReader::metadata_inputs(JsonValue metadata, JsonValue inputs)
{
    if (!metadata.is(JsonType::object)) {
        return true;
    }

    const wire::JsonMembers named(inputs);

    for (JsonValue item = metadata.first(); item; item = item.next()) {
        std::string_view name = input_name(item);

        if (name.empty() || named[name]) {
            continue;
        }

        if (turn.inputs.size() + inputs.size() >= limits.max_inputs) {
            return too_many_inputs("metadata");
        }

        add_input(turn, name, item);
    }

    return true;
}

bool RequestReader::too_many_inputs(const std::string &param)
{
    return must_be(param, "an object with at most "
                          + std::to_string(limits.max_inputs) + " inputs");
}

void RequestReader::claims(JsonValue root)
{
    JsonValue metadata = root["metadata"];
    JsonValue user = root["user"];

    // Open WebUI sends {"name","id","email","role"} to some models (§7.1).
    if (user.is(JsonType::object)) {
        user = user["id"];
    }

    turn.user = first_of(first_of(claim(user),
                                  claim(root["safety_identifier"])),
                         claim(metadata["user_id"]));
    turn.chat_id = first_of(claim(metadata["chat_id"]),
                            claim(root["prompt_cache_key"]));
    turn.conversation_id = first_of(claim(root["conversation_id"]),
                                    claim(metadata["conversation_id"]));
}

bool RequestReader::has_room(std::string_view text)
{
    text_bytes += text.size();

    return text_bytes <= limits.max_text_bytes;
}

bool RequestReader::too_much_text(const std::string &param)
{
    return refuse(Errc::body_too_large, param,
                  "The texts of the request have more than the "
                      + std::to_string(limits.max_text_bytes)
                      + " bytes that this server takes (opendify_max_text).");
}

bool RequestReader::decode_base64(std::string_view text, std::string &bytes)
{
    constexpr std::size_t kLarge = 256 * 1024;

    if (!may_be_late || text.size() < kLarge) {
        return openai::decode_base64(text, bytes);
    }

    if (text.data() != decoded_text.data()) {
        late = text;
        return false;
    }

    bytes = std::move(decoded);
    return is_decoded;
}

bool read_request(RequestReader &reader, JsonValue root,
                  ReadMembers read_members)
{
    if (!root.is(JsonType::object)) {
        return reader.refuse(Errc::bad_json, "",
                             "The request body must be a JSON object.");
    }

    if (!reader.model(root) || !read_members(reader, root)
        || !reader.stream(root) || !reader.one_answer(root)
        || !reader.stop(root) || !reader.inputs(root))
    {
        return false;
    }

    reader.claims(root);
    return true;
}

}  // namespace opendify::openai
