#include "dify/steps.hpp"

#include <cstdint>
#include <functional>

#include "dify/error_text.hpp"
#include "dify/short_text.hpp"

namespace opendify::dify {

namespace {

using wire::JsonValue;

constexpr std::size_t kMaxTitleChars = 100;
constexpr std::size_t kMaxErrorChars = 300;
constexpr std::size_t kMaxTold = 10000;
constexpr std::size_t kMaxRounds = 100;

// Nodes that only route or join, and such that tell of themselves.
bool is_plumbing(std::string_view type)
{
    static constexpr std::string_view kTypes[] = {
        "start",           "answer",        "end",
        "if-else",         "iteration",     "iteration-start",
        "loop",            "loop-start",    "loop-end",
        "variable-assigner", "assigner",    "variable-aggregator",
        "template-transform", "list-operator", "human-input",
    };

    for (const std::string_view one : kTypes) {
        if (one == type) {
            return true;
        }
    }

    return type.substr(0, 7) == "trigger";
}

bool in_round(JsonValue data)
{
    return !data["iteration_id"].string().empty()
           || !data["loop_id"].string().empty();
}

std::string named(std::string_view kind, JsonValue data)
{
    std::string title = one_line(data["title"].string(), kMaxTitleChars);
    if (title.empty()) {
        title = one_line(data["node_type"].string(), kMaxTitleChars);
    }

    return std::string(kind).append(" \"").append(title).append("\"");
}

std::string rounds_named(JsonValue data)
{
    const bool loop = data["node_type"].string() == "loop";
    return named(loop ? "Loop" : "Iteration", data);
}

// ": " and the error, or nothing.
std::string because(std::string_view error)
{
    const std::string said = read_error_text(error).said;
    const std::string line = one_line(said, kMaxErrorChars);

    return line.empty() ? line : ": " + line;
}

std::int64_t length_in(JsonValue metadata)
{
    for (const char *name :
         {"iteration_length", "iterator_length", "loop_length"}) {
        if (metadata[name]) {
            return metadata[name].integer(0);
        }
    }

    return 0;
}

}  // namespace

Steps::Steps(std::size_t max_json_depth, TurnSink &sink)
    : max_json_depth_(max_json_depth), sink_(sink)
{
}

void Steps::node_started(JsonValue data)
{
    if (!is_plumbing(data["node_type"].string()) && !in_round(data)
        && first_time("node", data["id"].string(), {})) {
        tell(named("Node", data) + " started");
    }
}

void Steps::node_finished(JsonValue data)
{
    const std::string_view status = data["status"].string();

    if (status == "failed") {
        tell(named("Node", data) + " failed" + because(data["error"].string()));

    } else if (status == "exception") {
        const auto error = data["outputs"]["error_message"].string();
        tell(named("Node", data) + " failed, the run goes on"
             + because(error.empty() ? data["error"].string() : error));

    } else if (!is_plumbing(data["node_type"].string()) && !in_round(data)
               && first_time("done", data["id"].string(), {})) {
        tell(named("Node", data) + " finished");
    }
}

void Steps::node_retry(JsonValue data)
{
    std::string       line = named("Node", data) + " is tried again";
    const std::int64_t index = data["retry_index"].integer(0);
    if (index > 0) {
        line.append(" (").append(std::to_string(index)).append(")");
    }

    tell(line + because(data["error"].string()));
}

void Steps::rounds_started(JsonValue data)
{
    const std::int64_t length = length_in(data["metadata"]);
    std::string        line = rounds_named(data) + " started";

    if (length > 0) {
        line.append(", ").append(std::to_string(length)).append(" rounds");
        if (rounds_.size() < kMaxRounds) {
            rounds_[std::string(
                first_bytes(data["node_id"].string(), kMaxTitleChars))] =
                length;
        }
    }

    tell(line);
}

void Steps::round_begins(JsonValue data)
{
    const std::int64_t index = data["index"].integer(-1);
    const auto         found = rounds_.find(std::string(
        first_bytes(data["node_id"].string(), kMaxTitleChars)));

    if (index < 0 || index == INT64_MAX) {
        return;
    }

    std::string line =
        rounds_named(data) + ": round " + std::to_string(index + 1);
    if (found != rounds_.end() && index < found->second) {
        line.append(" of ").append(std::to_string(found->second));
    }

    tell(line);
}

void Steps::rounds_finished(JsonValue data)
{
    if (data["status"].string() == "failed") {
        tell(rounds_named(data) + " failed"
             + because(data["error"].string()));

    } else {
        tell(rounds_named(data) + " finished");
    }
}

void Steps::form_filled(JsonValue data)
{
    std::string action =
        one_line(data["action_text"].string(), kMaxTitleChars);
    if (action.empty()) {
        action = one_line(data["action_id"].string(), kMaxTitleChars);
    }

    tell("Form \"" + one_line(data["node_title"].string(), kMaxTitleChars)
         + "\" was answered" + (action.empty() ? action : ": " + action));
}

// Remembers hashes: a line that is lost to a collision harms nobody.
bool Steps::first_time(std::string_view what, std::string_view id,
                       std::string_view more)
{
    if (id.empty()) {
        return true;
    }

    std::string key(what);
    key.append(1, '\0').append(id).append(1, '\0').append(more);

    return told_.size() < kMaxTold
           && told_.insert(std::hash<std::string>{}(key)).second;
}

void Steps::tell(const std::string &line)
{
    sink_.on_event({TurnEvent::Kind::step, line});
}

}  // namespace opendify::dify
