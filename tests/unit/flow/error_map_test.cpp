#include <gtest/gtest.h>

#include "opendify/endpoint.hpp"

namespace opendify {

namespace {

struct Case {
    Errc             errc;
    int              status;
    std::string_view type;
    std::string_view code;
    bool             may_retry;
};

TEST(ErrorMap, SaysWhatTheSpecificationSays)
{
    const std::string_view invalid = "invalid_request_error";
    const std::string_view server = "server_error";
    const std::string_view rate = "rate_limit_error";

    const Case cases[] = {
        { Errc::bad_json, 400, invalid, "invalid_json", true },
        { Errc::missing_field, 400, invalid, "missing_required_parameter",
          true },
        { Errc::bad_value, 400, invalid, "invalid_value", true },
        { Errc::unsupported_value, 400, invalid, "unsupported_value", true },
        { Errc::empty_query, 400, invalid, "empty_query", true },
        { Errc::body_too_large, 413, invalid, "", true },
        { Errc::model_not_found, 404, invalid, "model_not_found", true },
        { Errc::unknown_path, 404, invalid, "unknown_url", true },
        { Errc::method_not_allowed, 405, invalid, "method_not_supported",
          true },
        { Errc::no_connection, 503, "service_unavailable_error",
          "server_is_overloaded", true },
        { Errc::backend_unreachable, 502, server, "backend_unreachable",
          true },
        { Errc::backend_timeout, 504, server, "backend_timeout", false },
        { Errc::backend_rate_limited, 429, rate, "rate_limit_exceeded",
          true },
        { Errc::backend_quota_exceeded, 429, "insufficient_quota",
          "insufficient_quota", false },
        { Errc::backend_credentials, 502, server, "backend_credentials",
          false },
        { Errc::backend_misconfigured, 502, server, "backend_misconfigured",
          false },
        { Errc::backend_rejected, 400, invalid, "backend_rejected", true },
        { Errc::conversation_not_found, 404, invalid,
          "conversation_not_found", true },
        { Errc::run_failed, 400, invalid, "run_failed", false },
        { Errc::model_rate_limited, 429, rate, "rate_limit_exceeded",
          false },
        { Errc::backend_failed, 502, server, "backend_failed", false },
        { Errc::backend_closed, 502, server, "backend_closed", false },
        { Errc::event_too_large, 502, server, "event_too_large", false },
    };

    for (const Case &row : cases) {
        const ErrorHead &head = error_head(row.errc);
        EXPECT_EQ(head.status, row.status) << row.code;
        EXPECT_EQ(head.type, row.type) << row.code;
        EXPECT_EQ(head.code, row.code);
        EXPECT_EQ(head.may_retry, row.may_retry) << row.code;
        EXPECT_EQ(head.status == 400 && head.type != invalid, false)
            << row.code;
    }
}

TEST(ErrorMap, AsksToWaitWhereWaitingHelps)
{
    EXPECT_GE(error_head(Errc::backend_rate_limited).retry_after, 1);
    EXPECT_LE(error_head(Errc::backend_rate_limited).retry_after, 5);
    EXPECT_EQ(error_head(Errc::backend_quota_exceeded).retry_after, 0);
    EXPECT_EQ(error_head(Errc::model_rate_limited).retry_after, 0);
    EXPECT_EQ(error_head(Errc::run_failed).retry_after, 0);
}

// The operator's key is not the client's: a 401 would ask the person for one.
TEST(ErrorMap, NeverBlamesTheClientsKey)
{
    for (int i = 0; i <= static_cast<int>(Errc::event_too_large); i++) {
        int status = error_head(static_cast<Errc>(i)).status;
        EXPECT_GE(status, 400);
        EXPECT_NE(status, 401);
        EXPECT_NE(status, 403);
    }
}

}  // namespace

}  // namespace opendify
