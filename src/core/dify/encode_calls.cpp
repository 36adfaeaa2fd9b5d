#include <string>

#include "dify/short_text.hpp"
#include "wire/percent.hpp"
#include "opendify/app_form.hpp"
#include "opendify/backend.hpp"
#include "wire/json_writer.hpp"

namespace opendify {

namespace {

using wire::percent_encoded;

BackendRequest get(std::string path, std::string args)
{
    BackendRequest request;
    request.path = std::move(path);
    request.args = std::move(args);

    return request;
}

// A body that says who asks.
BackendRequest as_user(std::string_view user)
{
    BackendRequest request;
    request.body = "{\"user\":";
    wire::write_lossy_string(request.body, user);
    request.body += '}';

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

bool is_backend_id(std::string_view text)
{
    return dify::is_id(text);
}

BackendRequest encode_stop_call(AppMode mode, std::string_view task_id,
                                std::string_view user)
{
    BackendRequest request = as_user(user);
    request.post = true;
    request.path = stop_path(mode, percent_encoded(task_id));

    return request;
}

BackendRequest encode_conversation_delete(std::string_view conversation_id,
                                          std::string_view user)
{
    BackendRequest request = as_user(user);
    request.removes = true;
    request.path = "/conversations/" + percent_encoded(conversation_id);

    return request;
}

BackendRequest encode_info_call()
{
    return get("/info", {});
}

BackendRequest encode_conversation_probe(std::string_view conversation_id,
                                         std::string_view user)
{
    return get("/messages", "conversation_id="
                                + percent_encoded(conversation_id)
                                + "&user=" + percent_encoded(user)
                                + "&limit=1");
}

BackendRequest encode_mode_probe()
{
    return get("/conversations", "user=probe&limit=1");
}

// The argument is for servers that still ask for it.
BackendRequest encode_parameters_call(std::string_view user)
{
    return get("/parameters", "user=" + percent_encoded(user));
}

BackendRequest encode_suggested_call(std::string_view message_id,
                                     std::string_view user)
{
    return get("/messages/" + percent_encoded(message_id) + "/suggested",
               "user=" + percent_encoded(user));
}

BackendRequest encode_form_call(std::string_view token)
{
    return get("/form/human_input/" + percent_encoded(token), {});
}

BackendRequest encode_events_call(std::string_view run_id,
                                  std::string_view user)
{
    return get("/workflow/" + percent_encoded(run_id) + "/events",
               "user=" + percent_encoded(user)
                   + "&include_state_snapshot=false&continue_on_pause=false");
}

}  // namespace opendify
