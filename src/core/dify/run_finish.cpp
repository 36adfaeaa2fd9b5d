#include "dify/run_finish.hpp"

#include <cstddef>
#include <string_view>

#include "dify/short_text.hpp"
#include "wire/ascii.hpp"

namespace opendify::dify {

namespace {

using wire::JsonValue;

constexpr std::size_t kMaxNodes = 100;
constexpr std::size_t kMaxIdBytes = 100;

std::string node_id(JsonValue id)
{
    return std::string(first_bytes(id.string(), kMaxIdBytes));
}

// As the model's provider spells it.
FinishReason reason_named(std::string_view told)
{
    struct Row {
        std::string_view name;
        FinishReason     reason;
    };

    static constexpr Row kRows[] = {
        {"length", FinishReason::length},
        {"max_tokens", FinishReason::length},
        {"model_length", FinishReason::length},
        {"content_filter", FinishReason::content_filter},
        {"safety", FinishReason::content_filter},
        {"refusal", FinishReason::content_filter},
    };

    const std::string name = wire::lower_case(told.substr(0, kMaxIdBytes));

    for (const Row &row : kRows) {
        if (row.name == name) {
            return row.reason;
        }
    }

    return FinishReason::stop;
}

}  // namespace

// ["llm", "text"]; a text of the Answer node's own is ["answer", "answer"].
void RunFinish::said(JsonValue selector)
{
    const JsonValue node = selector.first();

    if (node && node.next().string() == "text") {
        speaker_ = node_id(node);
    }
}

void RunFinish::node(JsonValue data)
{
    if (data["node_type"].string() != "llm") {
        return;
    }

    const std::string id = node_id(data["node_id"]);

    last_ = reason_named(data["outputs"]["finish_reason"].string());

    if (last_ == FinishReason::stop) {
        others_.erase(id);

    } else if (others_.size() < kMaxNodes) {
        others_[id] = last_;
    }
}

FinishReason RunFinish::reason() const
{
    if (speaker_.empty()) {
        return last_;
    }

    const auto found = others_.find(speaker_);

    return found == others_.end() ? FinishReason::stop : found->second;
}

}  // namespace opendify::dify
