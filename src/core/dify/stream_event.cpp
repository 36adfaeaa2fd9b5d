#include "dify/stream_event.hpp"

#include <cstddef>
#include <string>

namespace opendify::dify {

namespace {

// Dify writes the envelope first; what a cut event is stands within this.
constexpr std::size_t kHeadBytes = 1024;

// Position behind the first `"name"`; npos if it is not there.
std::size_t behind_name(std::string_view head, std::string_view name)
{
    const std::size_t at = head.find("\"" + std::string(name) + "\"");
    return at == std::string_view::npos ? at : at + name.size() + 2;
}

bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

}  // namespace

Meaning meaning_of(std::string_view name)
{
    struct Row {
        std::string_view name;
        Meaning          meaning;
    };

    // The frequent ones first.
    static constexpr Row kRows[] = {
        {"message", Meaning::text},
        {"agent_message", Meaning::text},
        {"reasoning_chunk", Meaning::reasoning},
        {"text_chunk", Meaning::chunk},
        {"agent_thought", Meaning::thought},
        {"tts_message", Meaning::passed},
        {"node_started", Meaning::node_started},
        {"node_finished", Meaning::node_finished},
        {"ping", Meaning::ping},
        {"message_end", Meaning::message_end},
        {"workflow_started", Meaning::run_started},
        {"workflow_finished", Meaning::run_finished},
        {"error", Meaning::error},
        {"message_replace", Meaning::replace},
        {"text_replace", Meaning::replace_chunk},
        {"message_file", Meaning::file},
        {"agent_log", Meaning::agent_log},
        {"node_retry", Meaning::node_retry},
        {"iteration_started", Meaning::rounds_started},
        {"iteration_next", Meaning::round_begins},
        {"iteration_completed", Meaning::rounds_finished},
        {"loop_started", Meaning::rounds_started},
        {"loop_next", Meaning::round_begins},
        {"loop_completed", Meaning::rounds_finished},
        {"parallel_branch_started", Meaning::passed},
        {"parallel_branch_finished", Meaning::passed},
        {"tts_message_end", Meaning::passed},
        {"workflow_paused", Meaning::run_paused},
        {"human_input_required", Meaning::form},
        {"human_input_form_filled", Meaning::form_filled},
        {"human_input_form_timeout", Meaning::form_timeout},
    };

    for (const Row &row : kRows) {
        if (row.name == name) {
            return row.meaning;
        }
    }

    return Meaning::unknown;
}

bool head_has(std::string_view head, std::string_view name)
{
    return behind_name(head.substr(0, kHeadBytes), name)
           != std::string_view::npos;
}

std::string_view head_string(std::string_view head, std::string_view name)
{
    head = head.substr(0, kHeadBytes);

    std::size_t at = behind_name(head, name);
    if (at == std::string_view::npos) {
        return {};
    }

    while (at < head.size() && (is_blank(head[at]) || head[at] == ':')) {
        at++;
    }

    if (at == head.size() || head[at] != '"') {
        return {};
    }

    const std::size_t end = head.find('"', at + 1);
    return end == std::string_view::npos ? std::string_view()
                                         : head.substr(at + 1, end - at - 1);
}

}  // namespace opendify::dify
