#include <string>

#include <gtest/gtest.h>

#include "dify/decode_error.hpp"
#include "opendify/backend.hpp"

namespace opendify {
namespace {

using dify::ErrorSource;
using dify::failure_from;

std::string reply(const std::string &code, const std::string &message)
{
    return "{\"code\":\"" + code + "\",\"message\":\"" + message
           + "\",\"status\":400}\n";
}

TEST(DecodeErrorReply, Statuses)
{
    const struct {
        int  status;
        Errc errc;
    } kCases[] = {
        {401, Errc::backend_credentials},   {403, Errc::backend_misconfigured},
        {404, Errc::backend_misconfigured}, {405, Errc::backend_misconfigured},
        {413, Errc::backend_rejected},      {415, Errc::backend_rejected},
        {400, Errc::backend_rejected},      {429, Errc::backend_rate_limited},
        {500, Errc::backend_failed},        {502, Errc::backend_failed},
        {503, Errc::backend_failed},        {504, Errc::backend_timeout},
        {524, Errc::backend_timeout},       {200, Errc::backend_misconfigured},
        {308, Errc::backend_misconfigured},
    };

    for (const auto &item : kCases) {
        for (const char *body : {"", "<html>no</html>", "{\"cut", "[]", "{}"}) {
            const Failure failure = decode_error_reply(item.status, body);
            EXPECT_EQ(failure.errc, item.errc) << item.status << body;
            EXPECT_NE(failure.message, "");
            EXPECT_EQ(failure.message.find('<'), std::string::npos);
            EXPECT_EQ(failure.code, "");
            EXPECT_EQ(failure.param, "");
        }
    }
}

TEST(DecodeErrorReply, Codes)
{
    const struct {
        const char *code;
        Errc        errc;
    } kCases[] = {
        {"not_chat_app", Errc::backend_misconfigured},
        {"app_unavailable", Errc::backend_misconfigured},
        {"agent_not_published", Errc::backend_misconfigured},
        {"provider_not_initialize", Errc::backend_misconfigured},
        {"model_currently_not_support", Errc::backend_misconfigured},
        {"provider_quota_exceeded", Errc::backend_quota_exceeded},
        {"invalid_param", Errc::backend_rejected},
        {"of_tomorrow", Errc::backend_rejected},
    };

    for (const auto &item : kCases) {
        const Failure failure =
            decode_error_reply(400, reply(item.code, "Because."));
        EXPECT_EQ(failure.errc, item.errc) << item.code;
        EXPECT_EQ(failure.message, "Because.");
    }
}

TEST(DecodeErrorReply, MessagesDecide)
{
    EXPECT_EQ(decode_error_reply(400, reply("invalid_param",
                                            "Too many requests. Please try "
                                            "again later. The current"))
                  .errc,
              Errc::backend_rate_limited);
    EXPECT_EQ(decode_error_reply(404, reply("not_found",
                                            "Conversation Not Exists. You have "
                                            "requested this URI [\\/v1]"))
                  .errc,
              Errc::conversation_not_found);
    EXPECT_EQ(
        decode_error_reply(404, reply("not_found", "Message Not Exists.")).errc,
        Errc::backend_misconfigured);
    EXPECT_EQ(decode_error_reply(400, reply("invalid_param",
                                            "Workflow not published"))
                  .errc,
              Errc::backend_misconfigured);
    EXPECT_EQ(decode_error_reply(400, reply("invalid_param",
                                            "Provider a\\/b does not exist."))
                  .errc,
              Errc::backend_misconfigured);
}

TEST(DecodeErrorReply, OwnCredentialsAreNotNamed)
{
    const Failure failure =
        decode_error_reply(401, reply("unauthorized", "Access token is bad"));
    EXPECT_EQ(failure.errc, Errc::backend_credentials);
    EXPECT_EQ(failure.message.find("token"), std::string::npos);
}

TEST(DecodeErrorReply, SchemaErrorWithoutCode)
{
    const Failure failure = decode_error_reply(
        400, R"({"message":"Input payload validation failed",)"
             R"("errors":{"inputs":"Missing required parameter"}})");
    EXPECT_EQ(failure.errc, Errc::backend_rejected);
    EXPECT_EQ(failure.message, "Input payload validation failed; inputs: "
                               "Missing required parameter");
}

TEST(DecodeErrorReply, ErrorInsideA200)
{
    EXPECT_EQ(decode_error_reply(200, reply("invalid_param", "No.")).errc,
              Errc::backend_rejected);
}

TEST(DecodeErrorReply, Model)
{
    Failure failure = decode_error_reply(
        400, reply("completion_request_error",
                   "[models] Server Unavailable Error, closed"));
    EXPECT_EQ(failure.errc, Errc::run_failed);
    EXPECT_EQ(failure.code, "");
    EXPECT_EQ(failure.message, "[models] Server Unavailable Error, closed");

    failure = decode_error_reply(
        400, reply("completion_request_error",
                   "[openai] Rate Limit Error, Error code: 429 - slow"));
    EXPECT_EQ(failure.errc, Errc::model_rate_limited);
    EXPECT_EQ(failure.code, "model_error_429");

    failure = decode_error_reply(
        400, reply("invalid_param",
                   R"(req_id: 0023b2fdd0 PluginInvokeError: {\"args\":)"
                   R"({\"description\":\"[models] Error: API request failed )"
                   R"(with status code 400: {\\\"error\\\": {\\\"message)"
                   R"(\\\": \\\"Too long.\\\"}}\"},\"error_type\":\")"
                   R"(InvokeError\",\"message\":\"outer\"})"));
    EXPECT_EQ(failure.errc, Errc::run_failed);
    EXPECT_EQ(failure.code, "model_error_400");
    EXPECT_EQ(failure.message, "[models] Error: API request failed with "
                               "status code 400: Too long.");
}

TEST(DecodeErrorReply, EveryKnownRefusal)
{
    const struct {
        int         status;
        const char *code;
        const char *message;
        Errc        errc;
        const char *wanted;  // "" as the message, "-" anything else
    } kCases[] = {
        {400, "invalid_param", "city is required in input form",
         Errc::backend_rejected, ""},
        {400, "invalid_param", "Arg user must be provided.",
         Errc::backend_rejected, ""},
        {400, "bad_request", "Suggested Questions Is Disabled.",
         Errc::backend_rejected, ""},
        {401, "unauthorized", "Tenant does not exist.",
         Errc::backend_credentials, "-"},
        {403, "forbidden", "The app's API service has been disabled.",
         Errc::backend_misconfigured, ""},
        {404, "not_found", "Workflow not found with id: 1",
         Errc::backend_misconfigured, ""},
        {405, "method_not_allowed", "No.", Errc::backend_misconfigured, ""},
        {415, "unsupported_media_type", "No.", Errc::backend_rejected, ""},
        {429, "rate_limit_error", "Rate limit exceeded.",
         Errc::backend_rate_limited, ""},
        {429, "too_many_requests", "Too many.", Errc::backend_rate_limited,
         ""},
        {500, "internal_server_error", "The server encountered.",
         Errc::backend_failed, ""},
        {500, "unknown", "Internal", Errc::backend_failed, ""},
        {400, "not_chat_app", "No.", Errc::backend_misconfigured, ""},
        {400, "not_workflow_app", "No.", Errc::backend_misconfigured, ""},
        {400, "app_unavailable", "No.", Errc::backend_misconfigured, ""},
        {400, "provider_not_initialize", "No.", Errc::backend_misconfigured,
         ""},
        {400, "provider_quota_exceeded", "No.", Errc::backend_quota_exceeded,
         ""},
        {400, "model_currently_not_support", "No.",
         Errc::backend_misconfigured, ""},
        {400, "conversation_completed", "No.", Errc::backend_rejected, ""},
        {400, "agent_not_published", "No.", Errc::backend_misconfigured, ""},
        {403, "workflow_version_execution_not_allowed", "No.",
         Errc::backend_misconfigured, ""},
        // files
        {400, "no_file_uploaded", "Please upload your file.",
         Errc::backend_rejected, ""},
        {400, "too_many_files", "Only one file is allowed.",
         Errc::backend_rejected, ""},
        {400, "filename_not_exists_error", "No name.", Errc::backend_rejected,
         ""},
        {400, "invalid_param", "Invalid upload file", Errc::backend_rejected,
         ""},
        {400, "invalid_param", "Number of files exceeds the maximum limit 3",
         Errc::backend_rejected, ""},
        {413, "file_too_large", "File size exceeded. {message}",
         Errc::backend_rejected,
         "The file is larger than the backend allows."},
        {415, "unsupported_file_type", "File type not allowed.",
         Errc::backend_rejected, ""},
        // forms
        {412, "human_input_form_submitted",
         "This form has already been submitted by another user, form_id=0",
         Errc::backend_rejected, "This form was answered already."},
        {412, "human_input_form_expired", "form_id=0 expired",
         Errc::backend_rejected, "The time to answer this form is over."},
        {400, "invalid_form_data", "Missing required inputs: note",
         Errc::backend_rejected, ""},
        {404, "not_found", "Form not found", Errc::backend_rejected, ""},
    };

    for (const auto &item : kCases) {
        const Failure failure = decode_error_reply(
            item.status, reply(item.code, item.message));
        const std::string wanted = *item.wanted ? item.wanted : item.message;

        EXPECT_EQ(failure.errc, item.errc) << item.code;
        if (wanted != "-") {
            EXPECT_EQ(failure.message, wanted) << item.code;
        }
    }
}

// What a run says of itself at its end, since Dify checks nothing before it.
TEST(FailureFrom, WhatARunSays)
{
    const struct {
        const char *message;
        Errc        errc;
    } kCases[] = {
        {"city is required in input form", Errc::run_failed},
        {"Number of files exceeds the maximum limit 3", Errc::run_failed},
        {"Workflow stream ended without a terminal event", Errc::run_failed},
        {"Aborted: User requested stop", Errc::run_failed},
        {"404 Not Found: Conversation Not Exists.",
         Errc::conversation_not_found},
        {"Conversation Not Exists.", Errc::conversation_not_found},
        {"Model tiny not exist.", Errc::backend_misconfigured},
    };

    for (const auto &item : kCases) {
        EXPECT_EQ(failure_from({ErrorSource::run, 0, {}, item.message}).errc,
                  item.errc)
            << item.message;
    }

    EXPECT_EQ(failure_from({ErrorSource::run, 0, {},
                            "city is required in input form"})
                  .message,
              "city is required in input form");
}

// No other turn is taken in the conversation: it has to be replayed.
TEST(FailureFrom, ABlockedConversation)
{
    const std::string pending =
        "Cannot provide a new user prompt when the message history contains "
        "unprocessed tool calls.";

    for (const std::string &said :
         {pending, pending + " (agent_run_id=d10c342f)",
          "PluginInvokeError: " + pending,
          std::string("[models] Error: API request failed with status code "
                      "400: {\"error\":{\"message\":\"An assistant message "
                      "with 'tool_calls' must be followed by tool messages "
                      "responding to each 'tool_call_id'.\"}}"),
          std::string("messages.2: `tool_use` ids were found without "
                      "`tool_result` blocks immediately after: toolu_1")}) {
        for (const ErrorSource source :
             {ErrorSource::event, ErrorSource::reply, ErrorSource::run}) {
            EXPECT_EQ(failure_from({source, 400, "completion_request_error",
                                    said})
                          .errc,
                      Errc::conversation_not_found)
                << said;
        }
    }

    EXPECT_EQ(failure_from({ErrorSource::event, 400,
                            "completion_request_error",
                            "There are unprocessed tool calls."})
                  .errc,
              Errc::run_failed);
}

// The codes that a stream's error event can have.
TEST(FailureFrom, WhatAnEventSays)
{
    const struct {
        const char *code;
        int         status;
        Errc        errc;
    } kCases[] = {
        {"invalid_param", 400, Errc::run_failed},
        {"provider_not_initialize", 400, Errc::backend_misconfigured},
        {"provider_quota_exceeded", 400, Errc::backend_quota_exceeded},
        {"model_currently_not_support", 400, Errc::backend_misconfigured},
        {"completion_request_error", 400, Errc::run_failed},
        {"rate_limit_error", 429, Errc::model_rate_limited},
        {"internal_server_error", 500, Errc::backend_failed},
    };

    for (const auto &item : kCases) {
        EXPECT_EQ(failure_from({ErrorSource::event, item.status, item.code,
                                "Because."})
                      .errc,
                  item.errc)
            << item.code;
    }
}

TEST(DecodeErrorReply, EveryPrefixAndEveryByte)
{
    const std::string whole =
        R"({"code":"invalid_param","message":"\u00fc "no"","status":400,)"
        R"("errors":{"inputs":["x"],"user":"missing"},"params":"user"})";

    for (std::size_t i = 0; i <= whole.size(); i++) {
        EXPECT_NE(decode_error_reply(400, whole.substr(0, i)).message, "");

        for (const char c : {'{', '"', '0', '\xff'}) {
            std::string broken = whole + " ";
            broken[i] = c;
            EXPECT_NE(decode_error_reply(400, broken).message, "");
        }
    }
}

TEST(FailureFrom, EventsAndRuns)
{
    EXPECT_EQ(failure_from({ErrorSource::event, 400, "invalid_param",
                            "Run failed: kaboom"})
                  .message,
              "kaboom");
    EXPECT_EQ(failure_from({ErrorSource::event, 400, "invalid_param", "no"})
                  .errc,
              Errc::run_failed);
    EXPECT_EQ(failure_from({ErrorSource::event, 500, "internal_server_error",
                            ""})
                  .errc,
              Errc::backend_failed);
    EXPECT_EQ(failure_from({ErrorSource::event, 429, "rate_limit_error", "x"})
                  .code,
              "model_error_429");
    EXPECT_EQ(failure_from({ErrorSource::reply, 429, "rate_limit_error", "x"})
                  .errc,
              Errc::backend_rate_limited);

    const Failure run = failure_from({ErrorSource::run, 0, {}, {}});
    EXPECT_EQ(run.errc, Errc::run_failed);
    EXPECT_NE(run.message, "");

    // A code node's own words are no model's.
    const Failure code = failure_from(
        {ErrorSource::run, 0, {}, "ValueError: status code 429 in main"});
    EXPECT_EQ(code.errc, Errc::run_failed);
    EXPECT_EQ(code.code, "");
}

}  // namespace
}  // namespace opendify
