#include "dify/node_usage.hpp"

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

}  // namespace

bool is_count(std::int64_t tokens)
{
    return tokens >= 0 && tokens <= kMaxTokens;
}

bool read_usage(JsonValue value, Usage &out)
{
    if (!value.is(JsonType::object)) {
        return false;
    }

    Usage usage;
    usage.prompt_tokens = value["prompt_tokens"].integer(-1);
    usage.completion_tokens = value["completion_tokens"].integer(-1);
    if (!is_count(usage.prompt_tokens) || !is_count(usage.completion_tokens)) {
        return false;
    }

    usage.total_tokens = value["total_tokens"].integer(-1);
    if (!is_count(usage.total_tokens)) {
        usage.total_tokens = usage.prompt_tokens + usage.completion_tokens;
    }

    out = usage;

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

    const auto total = data["execution_metadata"]["total_tokens"].integer(-1);
    if (!is_count(total)) {
        return false;
    }

    out = Usage{total, 0, total};
    return true;
}

}  // namespace opendify::dify
