// What the glue asks of the client's dialect: routes, requests, errors and
// the static replies. OpenAI's shapes: spec openai-api.md.

#ifndef OPENDIFY_ENDPOINT_HPP
#define OPENDIFY_ENDPOINT_HPP

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "opendify/limits.hpp"
#include "opendify/result.hpp"
#include "opendify/turn.hpp"

namespace opendify {

enum class Endpoint { chat_completions, completions, models, model, unknown };

struct Route {
    Endpoint         endpoint = Endpoint::unknown;
    std::string      model;  // of Endpoint::model
    std::string_view allow;  // "GET, HEAD" or "POST"; static
    std::string      path;   // how it is written: no slash too many
    std::string      other;  // with "v1/" where path has none, or without;
                             // empty where the prefix leaves no choice
    bool             versioned = false;  // path has one where there is a choice
};

// `path` is the whole path, decoded; `prefix` is the location's, empty where it
// has none. Every path but Route::path and Route::other names the route in a
// way that no rule of the configuration is about: it is not to be served.
Route route_of(std::string_view path, std::string_view prefix);

// What a client that sent `sent`, the raw path and arguments, of which `path`
// is the path by now, has to send for `right`: percent-encoded, never the
// address of another host. Empty if a rewritten path does not tell.
std::string target_to_send(std::string_view right, std::string_view path,
                           std::string_view sent, bool rewritten);

// Strict about what would change the answer's shape (n > 1, logprobs, a
// forced tool_choice: unsupported_value), deaf to everything unknown
// (openai-api §2.1, §2.2). null counts as absent. Files of user messages are
// decoded (Attachment); a bad one is a bad_value that names its member and
// never quotes it.
Result<Turn> decode_chat_request(std::string_view body, const Limits &limits);

// POST /v1/completions: the prompt becomes the only message of the turn
// (openai-api §4.2). Several prompts, tokens, `suffix`, `echo`, `best_of` > 1,
// `n` > 1 and `logprobs` are unsupported_value.
Result<Turn> decode_completion_request(std::string_view body,
                                       const Limits &limits);

struct ErrorHead {
    int              status;
    std::string_view type;
    std::string_view code;         // empty: null
    int              retry_after;  // seconds, 0: no header
    bool             may_retry;    // false: x-should-retry: false
};

// Of every body that is no stream.
inline constexpr std::string_view kReplyType = "application/json";

// The table (openai-api §3.2).
const ErrorHead &error_head(Errc errc);

// The word for a failure in logs and variables: its own code, else the
// table's, else the type. Borrows from `failure`.
std::string_view error_code_name(const Failure &failure);

// No app has that name, or not for this client.
Failure model_not_found(std::string_view model);

// {"error":{"message":...,"type":...,"param":...,"code":...}}
std::string encode_error(const Failure &failure);

// The same as an event of a stream that has no text yet, where no
// x-should-retry can be said: @ai-sdk/openai goes by the type then, so what
// must not be repeated is an invalid_request_error.
std::string encode_stream_error(const Failure &failure);

// The body for an HTTP error that nginx itself decided (413, 429, 401, ...).
std::string encode_status_error(int status);

struct ModelEntry {
    std::string_view id;
    std::int64_t     created;  // Unix seconds
};

std::string encode_models(const std::vector<ModelEntry> &models);
std::string encode_model(const ModelEntry &model);

}  // namespace opendify

#endif
