#include "dify/decode_error.hpp"

#include <string>
#include <utility>

#include "dify/error_text.hpp"
#include "dify/foreign_reply.hpp"
#include "opendify/backend.hpp"
#include "opendify/endpoint.hpp"
#include "opendify/limits.hpp"
#include "wire/json_reader.hpp"

namespace opendify::dify {

namespace {

using wire::JsonDocument;
using wire::JsonType;
using wire::JsonValue;

struct CodeRow {
    std::string_view code;
    Errc             errc;
};

constexpr CodeRow kCodes[] = {
    {"not_chat_app", Errc::backend_misconfigured},
    {"not_workflow_app", Errc::backend_misconfigured},
    {"app_unavailable", Errc::backend_misconfigured},
    {"agent_not_published", Errc::backend_misconfigured},
    {"provider_not_initialize", Errc::backend_misconfigured},
    {"model_currently_not_support", Errc::backend_misconfigured},
    {"workflow_version_execution_not_allowed", Errc::backend_misconfigured},
    {"provider_quota_exceeded", Errc::backend_quota_exceeded},
    {"too_many_requests", Errc::backend_rate_limited},
    {"conversation_not_exists", Errc::conversation_not_found},
    {"internal_server_error", Errc::backend_failed},
};

bool starts_with(std::string_view text, std::string_view prefix)
{
    return text.substr(0, prefix.size()) == prefix;
}

bool ends_with(std::string_view text, std::string_view suffix)
{
    return text.size() >= suffix.size()
           && text.substr(text.size() - suffix.size()) == suffix;
}

// Hints may follow a message ("did you mean ... ?"), so its beginning counts.
// The code of these is a mere invalid_param or not_found.
bool errc_of_message(std::string_view text, Errc &errc)
{
    constexpr std::string_view kNotFound = "404 Not Found: ";

    if (starts_with(text, kNotFound)) {  // an exception turned into text
        text.remove_prefix(kNotFound.size());
    }

    if (starts_with(text, "Conversation Not Exists")) {
        errc = Errc::conversation_not_found;
        return true;
    }

    if (starts_with(text, "Too many requests")) {
        errc = Errc::backend_rate_limited;
        return true;
    }

    // Also the end of a run that has not begun.
    if (starts_with(text, "Form not found")
        || starts_with(text, "Invalid upload file")) {
        errc = Errc::backend_rejected;
        return true;
    }

    if (starts_with(text, "Workflow not published")
        || (starts_with(text, "Provider ")
            && ends_with(text, " does not exist."))
        || (starts_with(text, "Model ") && ends_with(text, " not exist."))) {
        errc = Errc::backend_misconfigured;
        return true;
    }

    return false;
}

// The conversation holds a tool call that nobody has answered, such as a New
// Agent's question to a person: its model takes no other turn in it. In the
// words of the agent's backend, of OpenAI and of Anthropic.
bool is_blocked(std::string_view text)
{
    for (const std::string_view words :
         {"message history contains unprocessed tool calls",
          "must be followed by tool messages responding to each",
          "ids were found without `tool_result` blocks"}) {
        if (text.find(words) != std::string_view::npos) {
            return true;
        }
    }

    return false;
}

bool errc_of_code(std::string_view code, Errc &errc)
{
    for (const CodeRow &row : kCodes) {
        if (row.code == code) {
            errc = row.errc;
            return true;
        }
    }

    return false;
}

struct TextRow {
    std::string_view code;
    std::string_view text;
};

// Where the backend's own words hold a placeholder or ids.
constexpr TextRow kTexts[] = {
    {"file_too_large", "The file is larger than the backend allows."},
    {"human_input_form_submitted", "This form was answered already."},
    {"human_input_form_expired", "The time to answer this form is over."},
};

// `said` if the code has no better text.
std::string_view text_of_code(std::string_view code, std::string_view said)
{
    for (const TextRow &row : kTexts) {
        if (row.code == code) {
            return row.text;
        }
    }

    return said;
}

Errc errc_of_status(int status)
{
    switch (status) {
    case 401:
        return Errc::backend_credentials;

    case 403:
    case 404:
    case 405:
        return Errc::backend_misconfigured;

    case 408:
    case 504:
    case 524:  // Cloudflare's time-out
        return Errc::backend_timeout;

    case 429:
        return Errc::backend_rate_limited;
    }

    if (status >= 500) {
        return Errc::backend_failed;
    }

    return status >= 400 ? Errc::backend_rejected
                         : Errc::backend_misconfigured;
}

std::string general_message(Errc errc, int status)
{
    switch (errc) {
    case Errc::run_failed:
    case Errc::model_rate_limited:
        return "The app's run failed without saying why.";

    case Errc::backend_credentials:
        return "The backend refused the app key that is configured for this "
               "model.";

    case Errc::backend_timeout:
        return "The backend did not answer in time.";

    case Errc::backend_rate_limited:
        return "The backend has too many requests. Please try again later.";

    default:
        return "The backend answered with status " + std::to_string(status)
               + ".";
    }
}

Failure make_failure(Errc errc, int status, std::string_view said)
{
    // "Access token is invalid" would send the client to its own key.
    std::string message = errc == Errc::backend_credentials
                              ? std::string()
                              : presentable(said);
    if (message.empty()) {
        message = general_message(errc, status);
    }

    return Failure{errc, std::move(message), {}, {}};
}

// The model behind the app failed: its own status, which the backend only
// quotes, becomes the code.
Failure model_failure(const ErrorText &text, int model_status)
{
    Failure failure = make_failure(model_status == 429
                                       ? Errc::model_rate_limited
                                       : Errc::run_failed,
                                   0, text.said);
    if (model_status != 0) {
        failure.code = "model_error_" + std::to_string(model_status);
    }

    return failure;
}

// {"message":"Input payload validation failed","errors":{"inputs":"..."}}:
// schema errors of Dify 1.8 to 1.10 name the reason there only.
std::string full_message(JsonValue body)
{
    std::string message(body["message"].string());

    const JsonValue errors = body["errors"];
    for (JsonValue item = errors.first(); item; item = item.next()) {
        if (item.string().empty()) {
            continue;
        }

        message += message.empty() ? "" : "; ";
        if (!item.name().empty()) {
            message.append(item.name()).append(": ");
        }

        message.append(item.string());
    }

    return message;
}

}  // namespace

Failure failure_from(const BackendError &error)
{
    const ErrorText text = read_error_text(error.message);
    Errc            errc;

    // A rate limit in a stream is the provider's; in a reply it is a quota of
    // the backend's own.
    if (error.source == ErrorSource::event
        && (error.code == "rate_limit_error" || error.status == 429)) {
        return model_failure(text, 429);
    }

    if (is_blocked(text.said)) {
        return make_failure(Errc::conversation_not_found, error.status,
                            text.said);
    }

    if (errc_of_code(error.code, errc)) {
        return make_failure(errc, error.status, text.said);
    }

    if (error.code == "completion_request_error") {
        return model_failure(text, model_status_in(error.message));
    }

    if (errc_of_message(text.said, errc)) {
        return make_failure(errc, error.status, text.said);
    }

    if (text.from_model && error.status < 500) {
        return model_failure(text, text.model_status);
    }

    if (error.source == ErrorSource::reply
        || (error.source == ErrorSource::event && error.status >= 500)) {
        errc = errc_of_status(error.status);

    } else {
        errc = Errc::run_failed;
    }

    return make_failure(errc, error.status,
                        text_of_code(error.code, text.said));
}

}  // namespace opendify::dify

namespace opendify {

namespace {

using namespace dify;

// Of a proxy, or nothing: quoting it helps nobody.
Failure foreign_failure(int status, std::string_view body,
                        const ReplyHead &head)
{
    Failure     failure = failure_from({ErrorSource::reply, status, {}, {}});
    std::string text = foreign_reply_text(status, body, head);

    if (!text.empty()) {
        failure.message = std::move(text);
    }

    return failure;
}

Failure meaning_of_reply(int status, std::string_view body,
                         const ReplyHead &head)
{
    wire::JsonDocument doc;
    if (!doc.parse_python(body, Limits{}.max_json_depth)
        || !doc.root().is(JsonType::object)) {
        return foreign_failure(status, body, head);
    }

    const std::string message = full_message(doc.root());
    const auto        code = doc.root()["code"].string();

    if (status < 400) {
        const auto told = doc.root()["status"].integer(0);
        if (told < 400 || told > 599) {
            return foreign_failure(status, body, head);
        }

        status = static_cast<int>(told);

    } else if (message.empty() && code.empty()) {
        return foreign_failure(status, body, head);
    }

    return failure_from({ErrorSource::reply, status, code, message});
}

}  // namespace

Failure decode_error_reply(int status, std::string_view body,
                           const ReplyHead &head)
{
    Failure   failure = meaning_of_reply(status, body, head);
    const int seconds = retry_after_in(head);

    if (status == 503 && !head.retry_after.empty()
        && failure.errc == Errc::backend_failed)
    {
        failure.errc = Errc::backend_overloaded;
    }

    if (error_head(failure.errc).retry_after != 0) {
        failure.retry_after_s = seconds;
    }

    return failure;
}

bool begins_event_stream(std::string_view body)
{
    constexpr std::string_view kMark = "\xef\xbb\xbf";

    if (starts_with(body, kMark)) {
        body.remove_prefix(kMark.size());
    }

    for (const std::string_view field :
         {"data:", "event:", "id:", "retry:", ": "}) {
        if (starts_with(body, field)) {
            return true;
        }
    }

    return false;
}

}  // namespace opendify
