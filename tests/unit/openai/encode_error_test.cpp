#include <gtest/gtest.h>

#include "opendify/endpoint.hpp"

namespace opendify {

namespace {

TEST(EncodeError, HasAllFourMembers)
{
    EXPECT_EQ(encode_error({Errc::model_not_found, "No \"x\".", "model", {}}),
              "{\"error\":{\"message\":\"No \\\"x\\\".\","
              "\"type\":\"invalid_request_error\",\"param\":\"model\","
              "\"code\":\"model_not_found\"}}");
}

TEST(EncodeError, ParamAndCodeMayBeNull)
{
    EXPECT_EQ(encode_error({Errc::unknown_path, "", {}, {}}),
              "{\"error\":{\"message\":\"\","
              "\"type\":\"invalid_request_error\",\"param\":null,"
              "\"code\":null}}");
}

TEST(EncodeError, TheFailuresCodeWins)
{
    EXPECT_EQ(encode_error({Errc::model_rate_limited, "m", {},
                            "model_error_429"}),
              "{\"error\":{\"message\":\"m\",\"type\":\"rate_limit_error\","
              "\"param\":null,\"code\":\"model_error_429\"}}");
}

TEST(EncodeError, BytesThatAreNotUtf8BecomeReplacements)
{
    EXPECT_EQ(encode_error({Errc::backend_failed, "a\xff\nb", {}, {}}),
              "{\"error\":{\"message\":\"a\xef\xbf\xbd\\nb\","
              "\"type\":\"server_error\",\"param\":null,"
              "\"code\":\"backend_failed\"}}");
}

}  // namespace

}  // namespace opendify
