// Dify's ways to say no -> Failure. One table for the three places where they
// appear (spec dify-api §1.1, §1.2, §5.6).

#ifndef OPENDIFY_DIFY_DECODE_ERROR_HPP
#define OPENDIFY_DIFY_DECODE_ERROR_HPP

#include <string_view>

#include "opendify/result.hpp"

namespace opendify::dify {

enum class ErrorSource {
    reply,  // the body of an HTTP error: nothing ran, unless a model says so
    event,  // an `error` event of a stream
    run,    // data.error of a failed workflow_finished; no status, no code
};

// Views are only read. `status` is 0 and `code` empty where they are unknown;
// an empty message gets a general one.
struct BackendError {
    ErrorSource      source;
    int              status = 0;
    std::string_view code;
    std::string_view message;
};

Failure failure_from(const BackendError &error);

}  // namespace opendify::dify

#endif
