#include "dify/query_text.hpp"

#include <algorithm>

#include "dify/short_text.hpp"

namespace opendify {

namespace {

using dify::is_blank;
using dify::new_turn_at;
using dify::system_text;

// What files without a word ask: Dify refuses an empty query.
constexpr std::string_view kLook = "Please look at what is attached.";

void join(std::string &out, std::string_view text)
{
    if (is_blank(text)) {
        return;
    }

    if (!out.empty()) {
        out += "\n\n";
    }

    out += text;
}

// Of the messages from there on: the instructions, or all but them.
std::string text_from(const Turn &turn, std::size_t at, bool instructions)
{
    std::string out;
    for (std::size_t i = at; i < turn.messages.size(); i++) {
        if ((turn.messages[i].role == Role::system) == instructions) {
            join(out, turn.messages[i].text);
        }
    }

    return out;
}

// Its name on one line, in what is text for the model.
std::string name_of(const Message &message)
{
    constexpr std::size_t kMaxChars = 64;

    return dify::one_line(message.name, kMaxChars);
}

// Whether the users of the messages have names that part them.
bool has_several_users(const Turn &turn)
{
    const Message *first = nullptr;

    for (const Message &message : turn.messages) {
        if (message.role != Role::user) {
            continue;
        }

        if (first != nullptr && message.name != first->name) {
            return true;
        }

        first = &message;
    }

    return false;
}

std::string_view role_name(Role role)
{
    switch (role) {
    case Role::system:
        return "System";
    case Role::user:
        return "User";
    case Role::assistant:
        return "Assistant";
    case Role::tool:
        return "Tool";
    }

    return {};
}

std::string history_text(const Turn &turn)
{
    std::string       out;
    const std::size_t end = new_turn_at(turn);

    for (std::size_t i = 0; i < end; i++) {
        const Message &message = turn.messages[i];
        if (message.role == Role::system || is_blank(message.text)) {
            continue;
        }

        const std::string name = name_of(message);

        out += out.empty() ? "Conversation so far:\n" : "\n";
        out.append(role_name(message.role));
        out += name.empty() ? "" : " (" + name + ")";
        out.append(": ").append(message.text);
    }

    return out;
}

bool brings_files(const Turn &turn)
{
    return std::any_of(turn.messages.begin()
                           + static_cast<std::ptrdiff_t>(new_turn_at(turn)),
                       turn.messages.end(), [](const Message &message) {
                           return (message.role == Role::user
                                   || message.role == Role::tool)
                                  && !message.files.empty();
                       });
}

// The new turn, each of several people's words with their name.
std::string named_turn_text(const Turn &turn)
{
    std::string out;

    for (std::size_t i = new_turn_at(turn); i < turn.messages.size(); i++) {
        const Message    &message = turn.messages[i];
        const std::string name = name_of(message);

        if (message.role == Role::user && !name.empty()
            && !is_blank(message.text)) {
            join(out, name + ": " + message.text);

        } else if (message.role != Role::system) {
            join(out, message.text);
        }
    }

    return out;
}

std::string asked_text(const ChatCall &call)
{
    const Turn &turn = *call.turn;
    std::string asked = has_several_users(turn) ? named_turn_text(turn) : "";

    if (is_blank(asked)) {
        asked = new_turn_text(turn);
    }

    if (is_blank(asked)) {
        if (turn.messages.back().role == Role::assistant) {
            return std::string(call.continue_text);
        }

        if (brings_files(turn)) {
            return std::string(kLook);
        }
    }

    return asked;
}

}  // namespace

namespace dify {

bool is_blank(std::string_view text)
{
    return text.find_first_not_of(std::string_view(" \t\r\n\0", 5))
           == std::string_view::npos;
}

std::size_t new_turn_at(const Turn &turn)
{
    std::size_t at = turn.messages.size();
    while (at > 0 && turn.messages[at - 1].role != Role::assistant) {
        at--;
    }

    return at;
}

std::string system_text(const Turn &turn)
{
    // Instructions after the last answer that are all there is are the
    // question.
    const std::size_t at = new_turn_at(turn);
    const std::size_t end = at > 0 && is_blank(text_from(turn, at, false))
                                ? at
                                : turn.messages.size();
    std::string       out;

    for (std::size_t i = 0; i < end; i++) {
        if (turn.messages[i].role == Role::system) {
            join(out, turn.messages[i].text);
        }
    }

    return out;
}

std::string query_text(const ChatCall &call)
{
    std::string asked = asked_text(call);
    if (!call.conversation_id.empty()) {
        return asked;
    }

    std::string system = system_text(*call.turn);
    std::string query = call.system_input.empty() ? system : "";
    join(query, history_text(*call.turn));

    // Instructions alone are the question.
    if (is_blank(asked)) {
        return query.empty() ? system : query;
    }

    if (query.empty()) {
        return asked;
    }

    return query.append("\n\nUser: ").append(asked);
}

}  // namespace dify

std::string new_turn_text(const Turn &turn)
{
    const std::size_t at = new_turn_at(turn);
    std::string       out = text_from(turn, at, false);

    if (at > 0 && is_blank(out)) {
        out = text_from(turn, at, true);
    }

    return out;
}

bool asks_something(const Turn &turn)
{
    const auto begin = turn.messages.begin()
                       + static_cast<std::ptrdiff_t>(new_turn_at(turn));

    return (begin == turn.messages.end() && !turn.messages.empty())
           || std::any_of(begin, turn.messages.end(),
                          [](const Message &message) {
                              return !is_blank(message.text);
                          })
           || brings_files(turn);
}

Failure nothing_asked(const Turn &turn)
{
    const bool        answered = new_turn_at(turn) > 0;
    const std::string param(turn.asked_in);

    return Failure{Errc::empty_query,
                   answered ? "There is no question after the last answer."
                            : "There is no text to answer in '" + param + "'.",
                   param,
                   {}};
}

}  // namespace opendify
