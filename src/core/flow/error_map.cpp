// The one place that knows status numbers (openai-api §3.2, §3.4).
//
// SDKs repeat a request on 408, 409, 429 and every 5xx, and a run is not
// idempotent: whatever may have run already says may_retry = false, and a run
// that failed is a 400, which even clients deaf to x-should-retry obey.
// Where no client repeats by itself may_retry is true: no header is needed.

#include <cstddef>

#include "opendify/endpoint.hpp"

namespace opendify {

namespace {

struct ErrorRow {
    Errc      errc;
    ErrorHead head;
};

constexpr std::string_view kInvalid = "invalid_request_error";
constexpr std::string_view kServer = "server_error";
constexpr std::string_view kOverload = "service_unavailable_error";
constexpr std::string_view kRate = "rate_limit_error";
constexpr std::string_view kQuota = "insufficient_quota";
constexpr std::string_view kNone = "";

// In the order of Errc. Status, type, code, retry_after, may_retry.
// clang-format off
constexpr ErrorRow kErrors[] = {
    { Errc::bad_json,
      { 400, kInvalid,  "invalid_json",               0, true } },
    { Errc::missing_field,
      { 400, kInvalid,  "missing_required_parameter", 0, true } },
    { Errc::bad_value,
      { 400, kInvalid,  "invalid_value",              0, true } },
    { Errc::unsupported_value,
      { 400, kInvalid,  "unsupported_value",          0, true } },
    { Errc::empty_query,
      { 400, kInvalid,  "empty_query",                0, true } },
    { Errc::body_too_large,
      { 413, kInvalid,  kNone,                        0, true } },
    { Errc::model_not_found,
      { 404, kInvalid,  "model_not_found",            0, true } },
    { Errc::unknown_path,
      { 404, kInvalid,  "unknown_url",                0, true } },
    { Errc::method_not_allowed,
      { 405, kInvalid,  "method_not_supported",       0, true } },
    { Errc::unsupported_coding,
      { 415, kInvalid,  "unsupported_content_encoding", 0, true } },

    { Errc::no_connection,
      { 503, kOverload, "server_is_overloaded",       1, true } },
    { Errc::backend_unreachable,
      { 502, kServer,   "backend_unreachable",        0, true } },
    { Errc::backend_timeout,
      { 504, kServer,   "backend_timeout",            0, false } },
    { Errc::backend_overloaded,
      { 503, kOverload, "backend_overloaded",         2, true } },
    { Errc::backend_rate_limited,
      { 429, kRate,     "rate_limit_exceeded",        2, true } },
    { Errc::backend_quota_exceeded,
      { 429, kQuota,    "insufficient_quota",         0, false } },
    { Errc::backend_credentials,
      { 502, kServer,   "backend_credentials",        0, false } },
    { Errc::backend_misconfigured,
      { 502, kServer,   "backend_misconfigured",      0, false } },
    { Errc::backend_rejected,
      { 400, kInvalid,  "backend_rejected",           0, true } },
    { Errc::conversation_not_found,
      { 404, kInvalid,  "conversation_not_found",     0, true } },

    { Errc::run_failed,
      { 400, kInvalid,  "run_failed",                 0, false } },
    { Errc::model_rate_limited,
      { 429, kRate,     "rate_limit_exceeded",        0, false } },
    { Errc::backend_failed,
      { 502, kServer,   "backend_failed",             0, false } },
    { Errc::backend_closed,
      { 502, kServer,   "backend_closed",             0, false } },
    { Errc::event_too_large,
      { 502, kServer,   "event_too_large",            0, false } },
};
// clang-format on

constexpr std::size_t kRows = sizeof(kErrors) / sizeof(kErrors[0]);

constexpr bool in_order()
{
    for (std::size_t i = 0; i < kRows; i++) {
        if (static_cast<std::size_t>(kErrors[i].errc) != i) {
            return false;
        }
    }

    return true;
}

static_assert(in_order(), "a row stands where its Errc counts");
static_assert(kRows == static_cast<std::size_t>(Errc::event_too_large) + 1,
              "each Errc has a row");

}  // namespace

const ErrorHead &error_head(Errc errc)
{
    return kErrors[static_cast<std::size_t>(errc)].head;
}

}  // namespace opendify
