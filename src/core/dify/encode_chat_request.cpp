#include <cstddef>
#include <string>
#include <utility>

#include <openssl/evp.h>

#include "opendify/backend.hpp"
#include "wire/json_writer.hpp"

namespace opendify {

namespace {

constexpr std::size_t kMaxUserCharacters = 255;

// What a request that ends with an assistant message asks for.
constexpr std::string_view kContinue = "Continue.";

// Dify removes NUL characters, so they ask nothing either.
bool is_blank(std::string_view text)
{
    return text.find_first_not_of(std::string_view(" \t\r\n\0", 5))
           == std::string_view::npos;
}

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

// Index behind the last assistant message, 0 if there is none.
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
    std::string out;
    for (const Message &message : turn.messages) {
        if (message.role == Role::system) {
            join(out, message.text);
        }
    }

    return out;
}

std::string_view speaker(Role role)
{
    switch (role) {
    case Role::system:
        return "System: ";
    case Role::user:
        return "User: ";
    case Role::assistant:
        return "Assistant: ";
    case Role::tool:
        return "Tool: ";
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

        out += out.empty() ? "Conversation so far:\n" : "\n";
        out.append(speaker(message.role)).append(message.text);
    }

    return out;
}

// The template of backend.hpp.
std::string replayed(const Turn &turn, const std::string &asked)
{
    std::string query = system_text(turn);
    join(query, history_text(turn));
    if (query.empty()) {
        return asked;
    }

    // Instructions alone are the question.
    return is_blank(asked) ? query : query + "\n\nUser: " + asked;
}

// Of a turn that asks something.
std::string query_of(const ChatCall &call)
{
    std::string asked = new_turn_text(*call.turn);

    if (asked.empty() && call.turn->messages.back().role == Role::assistant) {
        asked = kContinue;
    }

    return call.conversation_id.empty() ? replayed(*call.turn, asked) : asked;
}

const Input *find(const std::vector<Input> &inputs, const std::string &name)
{
    for (auto it = inputs.rbegin(); it != inputs.rend(); ++it) {
        if (it->name == name) {
            return &*it;
        }
    }

    return nullptr;
}

void write_inputs(std::string &out, const ChatCall &call)
{
    char separator = '{';

    const auto write = [&](const Input &input) {
        out += std::exchange(separator, ',');
        wire::write_string(out, input.name);
        out += ':';
        out += input.json;
    };

    for (const Input &input : call.turn->inputs) {
        if (find(call.inputs, input.name) == nullptr
            && find(call.turn->inputs, input.name) == &input) {
            write(input);
        }
    }

    for (const Input &input : call.inputs) {
        if (find(call.inputs, input.name) == &input) {
            write(input);
        }
    }

    out += separator == '{' ? "{}" : "}";
}

}  // namespace

std::string new_turn_text(const Turn &turn)
{
    std::string out;
    for (std::size_t i = new_turn_at(turn); i < turn.messages.size(); i++) {
        if (turn.messages[i].role != Role::system) {
            join(out, turn.messages[i].text);
        }
    }

    return out;
}

bool asks_something(const Turn &turn)
{
    if (turn.messages.empty()) {
        return false;
    }

    return turn.messages.back().role == Role::assistant
           || !is_blank(new_turn_text(turn))
           || (new_turn_at(turn) == 0 && !is_blank(system_text(turn)));
}

Result<BackendRequest> encode_chat_call(const ChatCall &call)
{
    if (call.mode == AppMode::completion || call.mode == AppMode::workflow) {
        return Failure{Errc::backend_misconfigured,
                       "The app behind this model is not a chat app.",
                       {},
                       {}};
    }

    if (!asks_something(*call.turn)) {
        return Failure{Errc::empty_query,
                       "There is no text to answer in the messages.",
                       "messages",
                       {}};
    }

    BackendRequest request;
    request.post = true;
    request.path = "/chat-messages";

    std::string &body = request.body;
    body = "{\"query\":";
    wire::write_string(body, query_of(call));
    body += ",\"inputs\":";
    write_inputs(body, call);
    body += ",\"user\":";
    wire::write_lossy_string(body, call.user);
    body += ",\"response_mode\":\"streaming\",\"conversation_id\":";
    wire::write_lossy_string(body, call.conversation_id);
    body += ",\"auto_generate_name\":false}";

    return request;
}

std::string backend_user(std::string_view user)
{
    std::size_t characters = 0;
    for (const char c : user) {
        characters += (static_cast<unsigned char>(c) & 0xc0) != 0x80;
    }

    // A NUL cannot be stored at all.
    if (characters <= kMaxUserCharacters
        && user.find('\0') == std::string_view::npos) {
        return std::string(user);
    }

    constexpr char kHex[] = "0123456789abcdef";
    unsigned char  hash[EVP_MAX_MD_SIZE];
    unsigned int   size = 0;
    std::string    out;

    if (EVP_Digest(user.data(), user.size(), hash, &size, EVP_sha256(), nullptr)
        != 1) {
        size = 0;
    }

    for (unsigned int i = 0; i < size; i++) {
        out += kHex[hash[i] >> 4];
        out += kHex[hash[i] & 15];
    }

    return out;
}

}  // namespace opendify
