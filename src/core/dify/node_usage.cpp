#include "dify/node_usage.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <string_view>

namespace opendify::dify {

namespace {

using wire::JsonType;
using wire::JsonValue;

// Far above any run and far below what a sum of many could overflow.
constexpr std::int64_t kMaxTokens = 1000000000000;

// Nodes whose `outputs` Dify fills; those of a code or template node are the
// app author's and may have a "usage" of any meaning.
bool speaks_to_model(std::string_view node_type)
{
    return node_type == "llm" || node_type == "agent"
           || node_type == "question-classifier"
           || node_type == "parameter-extractor";
}

// Of "31", as well: some proxies of models write their numbers so. Fractions
// are cut off. -1 if it is none, kMaxTokens + 1 if it is too large.
std::int64_t told(JsonValue value)
{
    const std::string_view text = value.is(JsonType::string)
                                      ? value.string()
                                      : value.number();
    std::int64_t tokens = value.integer(-1);

    if (tokens < 0) {
        const auto end = std::from_chars(text.data(),
                                         text.data() + text.size(), tokens);
        const auto rest = text.substr(
            static_cast<std::size_t>(end.ptr - text.data()));

        if (end.ptr == text.data()
            || rest.find_first_not_of(".0123456789") != rest.npos) {
            return -1;
        }

        tokens = end.ec == std::errc() ? tokens : kMaxTokens + 1;
    }

    return std::clamp<std::int64_t>(tokens, -1, kMaxTokens + 1);
}

}  // namespace

bool is_count(std::int64_t tokens)
{
    return tokens >= 0 && tokens <= kMaxTokens;
}

std::int64_t token_count(JsonValue value)
{
    const std::int64_t tokens = told(value);

    return is_count(tokens) ? tokens : -1;
}

// What is missing follows from the rest, or is 0.
bool read_usage(JsonValue value, Usage &out)
{
    std::int64_t prompt = told(value["prompt_tokens"]);
    std::int64_t completion = told(value["completion_tokens"]);
    std::int64_t total = token_count(value["total_tokens"]);

    if (prompt > kMaxTokens || completion > kMaxTokens
        || (prompt < 0 && completion < 0 && total < 0)) {
        return false;
    }

    if (prompt < 0) {
        prompt = std::max<std::int64_t>(
            total - std::max<std::int64_t>(completion, 0), 0);
    }

    if (completion < 0) {
        completion = std::max<std::int64_t>(total - prompt, 0);
    }

    out = Usage{prompt, completion, std::max(total, prompt + completion)};

    return true;
}

bool node_usage(JsonValue data, Usage &out)
{
    if (speaks_to_model(data["node_type"].string())
        && read_usage(data["outputs"]["usage"], out)) {
        return true;
    }

    if (read_usage(data["process_data"]["usage"], out)) {
        return true;
    }

    const auto total = token_count(data["execution_metadata"]["total_tokens"]);
    if (total < 0) {
        return false;
    }

    out = Usage{total, 0, total};
    return true;
}

}  // namespace opendify::dify
