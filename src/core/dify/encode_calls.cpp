#include <string>

#include "opendify/backend.hpp"
#include "wire/json_writer.hpp"

namespace opendify {

namespace {

// Percent-encoding for a path segment or an argument: all but RFC 3986's
// unreserved characters.
std::string escape(std::string_view text)
{
    constexpr char kHex[] = "0123456789ABCDEF";

    std::string out;
    out.reserve(text.size());

    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
            || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.'
            || c == '~') {
            out += c;
            continue;
        }

        out += '%';
        out += kHex[byte >> 4];
        out += kHex[byte & 15];
    }

    return out;
}

BackendRequest get(std::string path, std::string args)
{
    BackendRequest request;
    request.path = std::move(path);
    request.args = std::move(args);

    return request;
}

std::string stop_path(AppMode mode, const std::string &task)
{
    switch (mode) {
    case AppMode::completion:
        return "/completion-messages/" + task + "/stop";

    case AppMode::workflow:
        return "/workflows/tasks/" + task + "/stop";

    case AppMode::unknown:
    case AppMode::chat:
    case AppMode::agent_chat:
    case AppMode::chatflow:
    case AppMode::agent:
        break;
    }

    return "/chat-messages/" + task + "/stop";
}

}  // namespace

BackendRequest encode_stop_call(AppMode mode, std::string_view task_id,
                                std::string_view user)
{
    BackendRequest request;
    request.post = true;
    request.path = stop_path(mode, escape(task_id));
    request.body = "{\"user\":";
    wire::write_lossy_string(request.body, user);
    request.body += '}';

    return request;
}

BackendRequest encode_info_call()
{
    return get("/info", {});
}

BackendRequest encode_conversation_probe(std::string_view conversation_id,
                                         std::string_view user)
{
    return get("/messages", "conversation_id=" + escape(conversation_id)
                                + "&user=" + escape(user) + "&limit=1");
}

BackendRequest encode_mode_probe()
{
    return get("/conversations", "user=probe&limit=1");
}

}  // namespace opendify
