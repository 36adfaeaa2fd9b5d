// What can go wrong, as a value. The core never throws for bytes from a
// network; a call that can fail returns Result<T>.

#ifndef OPENDIFY_RESULT_HPP
#define OPENDIFY_RESULT_HPP

#include <string>
#include <utility>
#include <variant>

namespace opendify {

// One row each in flow/error_map.cpp: HTTP status, OpenAI type and code.
enum class Errc {
    // the client's request
    bad_json,
    missing_field,
    bad_value,
    unsupported_value,
    empty_query,
    body_too_large,
    model_not_found,
    unknown_path,
    method_not_allowed,
    unsupported_coding,      // of the body, see Content-Encoding
    // our own limits
    no_connection,           // no shell: worker_connections used up
    // the backend, before it ran anything
    backend_unreachable,     // connect refused, closed or garbage before an event
    backend_timeout,
    backend_overloaded,      // it says when to come again
    backend_rate_limited,    // its concurrency ceiling or a quota per time
    backend_quota_exceeded,  // out of money
    backend_credentials,     // the operator's key was refused
    backend_misconfigured,   // wrong app kind, unpublished, API switched off
    backend_rejected,        // it refused inputs, files, query
    conversation_not_found,  // asks for a replay, reaches a client only if
                             // that fails too
    // the backend, while it ran
    run_failed,
    model_rate_limited,      // the model behind the app said 429
    backend_failed,          // its own 5xx
    backend_closed,          // the body ended without an end event
    event_too_large,
};

// A failure on its way to the client. `message` may quote the backend, never
// a secret; `param` names the offending request member or is empty; `code`
// replaces the table's code when not empty ("model_error_429"), and so does
// `retry_after_s` its seconds when not 0.
struct Failure {
    Errc        errc;
    std::string message;
    std::string param;
    std::string code;
    int         retry_after_s = 0;
};

template <class T>
class [[nodiscard]] Result {
public:
    Result(T value) : state_(std::move(value)) {}
    Result(Failure failure) : state_(std::move(failure)) {}

    explicit operator bool() const { return state_.index() == 0; }

    T &operator*() { return std::get<0>(state_); }
    const T &operator*() const { return std::get<0>(state_); }
    T *operator->() { return &std::get<0>(state_); }
    const T *operator->() const { return &std::get<0>(state_); }

    // Only when the call failed.
    Failure &failure() { return std::get<1>(state_); }
    const Failure &failure() const { return std::get<1>(state_); }

private:
    std::variant<T, Failure> state_;
};

}  // namespace opendify

#endif
