// One turn -> the call that runs it (spec dify-api §3.1 to §3.3).

#include <algorithm>
#include <cstddef>
#include <string>

#include <openssl/evp.h>

#include "dify/call_files.hpp"
#include "dify/query_text.hpp"
#include "opendify/backend.hpp"
#include "wire/json_writer.hpp"

namespace opendify {

namespace {

constexpr std::size_t kMaxUserCharacters = 255;

// Of a request, but for its query and user: mostly no need to grow.
constexpr std::size_t kBodyBytes = 192;

std::string_view run_path(AppMode mode)
{
    switch (mode) {
    case AppMode::completion:
        return "/completion-messages";

    case AppMode::workflow:
        return "/workflows/run";

    case AppMode::unknown:
    case AppMode::chat:
    case AppMode::agent_chat:
    case AppMode::chatflow:
    case AppMode::agent:
        break;
    }

    return "/chat-messages";
}

// A completion app takes its text from an input; beside that a query would
// become a second message.
bool has_query(const ChatCall &call)
{
    return has_conversations(call.mode)
           || (call.mode == AppMode::completion && call.query_input.empty());
}

void write_inputs(std::string &out, const ChatCall &call)
{
    out += '{';

    for (const Input &input : dify::inputs_with_files(call)) {
        out += out.back() == '{' ? "" : ",";
        wire::write_string(out, input.name);
        out += ':';
        out += input.json;
    }

    out += '}';
}

}  // namespace

bool has_conversations(AppMode mode)
{
    return mode != AppMode::completion && mode != AppMode::workflow;
}

Result<BackendRequest> encode_chat_call(const ChatCall &call)
{
    if (!asks_something(*call.turn)) {
        return nothing_asked(*call.turn);
    }

    BackendRequest request;
    request.post = true;
    request.path = run_path(call.mode);

    const std::string query = has_query(call) ? dify::query_text(call) : "";
    std::string      &body = request.body;

    body.reserve(query.size() + call.user.size() + kBodyBytes);
    body = '{';

    if (has_query(call)) {
        body += "\"query\":";
        wire::write_string(body, query);
        body += ',';
    }

    body += "\"inputs\":";
    write_inputs(body, call);
    dify::write_files(body, call);
    body += ",\"user\":";
    wire::write_lossy_string(body, call.user);
    body += ",\"response_mode\":\"streaming\"";

    if (has_conversations(call.mode)) {
        body += ",\"conversation_id\":";
        wire::write_lossy_string(body, call.conversation_id);
        body += ",\"auto_generate_name\":false";
    }

    body += '}';

    return request;
}

bool is_backend_user(std::string_view user)
{
    std::size_t characters = user.size();

    // Most names have fewer bytes than that.
    if (characters > kMaxUserCharacters) {
        characters = static_cast<std::size_t>(
            std::count_if(user.begin(), user.end(), [](char c) {
                return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
            }));
    }

    // A NUL cannot be stored at all.
    return characters <= kMaxUserCharacters
           && user.find('\0') == std::string_view::npos;
}

std::string backend_user(std::string_view user)
{
    if (is_backend_user(user)) {
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
