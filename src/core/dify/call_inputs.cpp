#include "dify/call_inputs.hpp"

#include <string>
#include <unordered_map>
#include <utility>

#include "dify/query_text.hpp"

namespace opendify::dify {

namespace {

bool takes_text(const ChatCall &call)
{
    return !has_conversations(call.mode) && !call.query_input.empty();
}

}  // namespace

std::vector<Input> call_inputs(const ChatCall &call)
{
    std::vector<Input> all = call.turn->inputs;
    all.insert(all.end(), call.inputs.begin(), call.inputs.end());

    const std::string system =
        call.system_input.empty() ? "" : system_text(*call.turn);
    if (!system.empty()) {
        all.push_back(text_input(call.system_input, system));
    }

    if (takes_text(call) && asks_something(*call.turn)) {
        all.push_back(text_input(call.query_input, query_text(call)));
    }

    if (all.size() < 2) {
        return all;
    }

    std::unordered_map<std::string, std::size_t> last;
    for (std::size_t i = 0; i < all.size(); i++) {
        last[all[i].name] = i;
    }

    std::vector<Input> out;
    for (std::size_t i = 0; i < all.size(); i++) {
        if (last[all[i].name] == i) {
            out.push_back(std::move(all[i]));
        }
    }

    return out;
}

}  // namespace opendify::dify
