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
    EXPECT_EQ(encode_error({Errc::body_too_large, "", {}, {}}),
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

TEST(EncodeError, TheTypeInAStreamInvitesNoRepeat)
{
    EXPECT_EQ(encode_stream_error({Errc::run_failed, "m", {}, {}}),
              "{\"error\":{\"message\":\"m\","
              "\"type\":\"invalid_request_error\",\"param\":null,"
              "\"code\":\"run_failed\"}}");
    Failure refused{Errc::backend_rate_limited, "m", {}, {}};
    EXPECT_EQ(encode_stream_error(refused), encode_error(refused));
}

TEST(EncodeError, BytesThatAreNotUtf8BecomeReplacements)
{
    EXPECT_EQ(encode_error({Errc::backend_failed, "a\xff\nb", {}, {}}),
              "{\"error\":{\"message\":\"a\xef\xbf\xbd\\nb\","
              "\"type\":\"server_error\",\"param\":null,"
              "\"code\":\"backend_failed\"}}");
}

TEST(EncodeError, NamesTheCode)
{
    EXPECT_EQ(error_code_name({Errc::run_failed, "", {}, "model_error_429"}),
              "model_error_429");
    EXPECT_EQ(error_code_name({Errc::run_failed, "", {}, {}}), "run_failed");
    EXPECT_EQ(error_code_name({Errc::body_too_large, "", {}, {}}),
              "invalid_request_error");
}

TEST(EncodeError, AMissingModelPointsToTheList)
{
    Failure failure = model_not_found("nope");

    EXPECT_EQ(failure.errc, Errc::model_not_found);
    EXPECT_EQ(failure.param, "model");
    EXPECT_EQ(failure.code, "");
    EXPECT_NE(failure.message.find("`nope` does not exist"),
              std::string::npos);
    EXPECT_NE(failure.message.find("GET /v1/models"), std::string::npos);
}

TEST(EncodeError, AMissingModelIsNotQuotedAtAnyLength)
{
    std::string whole = "a";
    for (int i = 0; i < 1000; i++) {
        whole += "\xc3\xa9";
    }

    std::string message = model_not_found(whole).message;

    EXPECT_LT(message.size(), 400u);
    EXPECT_NE(message.find("\xc3\xa9` does"), std::string::npos);
}

}  // namespace

}  // namespace opendify
