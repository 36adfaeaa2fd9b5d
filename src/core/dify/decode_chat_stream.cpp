#include "dify/decode_chat_stream.hpp"

#include "dify/decode_error.hpp"
#include "dify/new_text.hpp"
#include "dify/node_usage.hpp"
#include "dify/stream_event.hpp"

namespace opendify::dify {

namespace {

using wire::JsonType;
using wire::JsonValue;

constexpr std::size_t kMaxIdBytes = 64;

// Ids go into URLs and headers, so they are nothing but letters, digits, '-'
// and '_'.
bool is_id(std::string_view text)
{
    if (text.empty() || text.size() > kMaxIdBytes) {
        return false;
    }

    for (const char c : text) {
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
              || (c >= '0' && c <= '9') || c == '-' || c == '_')) {
            return false;
        }
    }

    return true;
}

void learn(std::string &id, JsonValue value)
{
    if (id.empty() && is_id(value.string())) {
        id = value.string();
    }
}

}  // namespace

ChatStreamDecoder::ChatStreamDecoder(AppMode mode, const Limits &limits,
                                     TurnSink &sink)
    : mode_(mode), max_depth_(limits.max_json_depth),
      max_spoken_(limits.max_answer_bytes), sink_(sink)
{
}

ChatStreamDecoder::~ChatStreamDecoder() = default;

bool ChatStreamDecoder::over() const
{
    return over_;
}

bool ChatStreamDecoder::stirred() const
{
    return stirred_;
}

std::size_t ChatStreamDecoder::skipped() const
{
    return skipped_;
}

const std::string &ChatStreamDecoder::task_id() const
{
    return task_id_;
}

const std::string &ChatStreamDecoder::conversation_id() const
{
    return conversation_id_;
}

const std::string &ChatStreamDecoder::message_id() const
{
    return message_id_;
}

bool ChatStreamDecoder::on_sse_event(const wire::SseEvent &event)
{
    if (over_) {
        return false;
    }

    if (event.type == "ping") {
        return true;
    }

    if (event.cut) {
        stirred_ = true;
        on_cut(event.data);

    } else if (doc_.parse(event.data, max_depth_)
               && doc_.root().is(JsonType::object)) {
        on_object(doc_.root());

    } else {
        stirred_ = true;
        skipped_++;
    }

    return !over_;
}

void ChatStreamDecoder::on_object(JsonValue root)
{
    const std::string_view name = root["event"].string();
    const JsonValue        answer = root["answer"];
    const Meaning          meaning = meaning_of(name);

    if (meaning != Meaning::ping) {
        stirred_ = true;
        learn_ids(root);
    }

    switch (meaning) {
    case Meaning::ping:
        break;

    case Meaning::passed:
        break;

    case Meaning::unknown:
        skipped_++;
        break;

    case Meaning::file:
    case Meaning::text:
        // Some versions call an answer's piece message_file: the member
        // decides (§14 no. 7).
        if (answer.is(JsonType::string)) {
            on_answer(name, answer);

        } else if (meaning == Meaning::text) {
            skipped_++;
        }

        break;

    case Meaning::chunk:
        text(root["data"]["text"].string());
        break;

    case Meaning::replace:
        on_replace(answer);
        break;

    case Meaning::replace_chunk:
        on_replace(root["data"]["text"]);
        break;

    case Meaning::reasoning:
        if (!root["data"]["reasoning"].string().empty()) {
            sink_.on_event({TurnEvent::Kind::reasoning,
                            root["data"]["reasoning"].string()});
        }

        break;

    case Meaning::node_finished:
        on_node(root["data"]);
        break;

    case Meaning::message_end:
        on_message_end(root);
        break;

    case Meaning::run_finished:
        on_run_finished(root["data"]["status"].string(), root["data"]);
        break;

    case Meaning::run_paused:
        fail_paused();
        break;

    case Meaning::error:
        fail(failure_from({ErrorSource::event,
                           static_cast<int>(root["status"].integer(0)),
                           root["code"].string(),
                           root["message"].string()}));
        break;
    }
}

// Only the first bytes of the event are there: enough to know what it is.
void ChatStreamDecoder::on_cut(std::string_view head)
{
    const std::string_view name = head_string(head, "event");

    switch (meaning_of(name)) {
    case Meaning::file:
        if (!head_has(head, "answer")) {
            break;
        }

        [[fallthrough]];

    case Meaning::text:
        // The whole answer of a New Agent, said before piece by piece.
        if (name == "message" && !spoken_.empty()) {
            break;
        }

        [[fallthrough]];

    case Meaning::chunk:
    case Meaning::replace:
    case Meaning::replace_chunk:
        fail({Errc::event_too_large,
              "A piece of the answer is larger than this server accepts.",
              {},
              {}});
        return;

    case Meaning::message_end:  // citations made it large
        end();
        return;

    case Meaning::run_finished:
        on_cut_run_finished(head);
        return;

    case Meaning::run_paused:
        fail_paused();
        return;

    case Meaning::error:
        fail(failure_from(
            {ErrorSource::event, 0, head_string(head, "code"), {}}));
        return;

    case Meaning::node_finished:
        node_lost_ = true;
        break;

    case Meaning::unknown:
    case Meaning::passed:
    case Meaning::ping:
    case Meaning::reasoning:
        break;
    }

    skipped_++;
}

void ChatStreamDecoder::on_answer(std::string_view name, JsonValue answer)
{
    std::string_view piece = answer.string();

    if (mode_ == AppMode::agent) {
        if (name == "message" && !spoken_.empty()) {
            piece = new_text(piece, spoken_);
        }

        if ((name == "agent_message" || !spoken_.empty())
            && piece.size() <= max_spoken_ - spoken_.size()) {
            spoken_ += piece;
        }
    }

    text(piece);
}

void ChatStreamDecoder::on_replace(JsonValue whole)
{
    if (!whole.is(JsonType::string)) {
        skipped_++;
        return;
    }

    if (!spoken_.empty()) {
        spoken_ = whole.string();
    }

    sink_.on_event({TurnEvent::Kind::replace, whole.string()});
}

void ChatStreamDecoder::on_node(JsonValue data)
{
    Usage usage;
    if (!node_usage(data, usage)) {
        return;
    }

    usage_.prompt_tokens += usage.prompt_tokens;
    usage_.completion_tokens += usage.completion_tokens;
    usage_.total_tokens += usage.total_tokens;
    has_usage_ = true;
}

void ChatStreamDecoder::on_message_end(JsonValue root)
{
    // The sum of the run; where it is left out, that of the nodes stands.
    if (read_usage(root["metadata"]["usage"], usage_)) {
        has_usage_ = true;
    }

    end();
}

// Comes before message_end up to Dify 1.12, alone in 1.13.0 and after a stop
// (§5.3): the answer is as complete as it gets.
void ChatStreamDecoder::on_run_finished(std::string_view status,
                                        JsonValue        data)
{
    const std::string_view error = data["error"].string();

    if (status == "failed"
        || (status != "succeeded" && status != "partial-succeeded"
            && status != "stopped" && !error.empty())) {
        fail(failure_from({ErrorSource::run, 0, {}, error}));
        return;
    }

    const auto total = data["total_tokens"].integer(-1);
    if ((!has_usage_ || node_lost_) && is_count(total)
        && total >= usage_.total_tokens) {
        // Nobody says which kind the others are.
        usage_.prompt_tokens += total - usage_.total_tokens;
        usage_.total_tokens = total;
        has_usage_ = true;
    }

    end();
}

void ChatStreamDecoder::on_cut_run_finished(std::string_view head)
{
    const std::string_view status = head_string(head, "status");

    if (status.empty()) {
        skipped_++;
        return;
    }

    on_run_finished(status, {});
}

void ChatStreamDecoder::text(std::string_view piece)
{
    // Empty pieces are normal: the end of a node is one.
    if (!piece.empty()) {
        sink_.on_event({TurnEvent::Kind::text, piece});
    }
}

void ChatStreamDecoder::end()
{
    over_ = true;

    if (has_usage_) {
        TurnEvent event{TurnEvent::Kind::usage, {}};
        event.usage = &usage_;
        sink_.on_event(event);
    }

    sink_.on_event({TurnEvent::Kind::end, {}});
}

void ChatStreamDecoder::fail(const Failure &failure)
{
    over_ = true;

    TurnEvent event{TurnEvent::Kind::error, {}};
    event.failure = &failure;
    sink_.on_event(event);
}

void ChatStreamDecoder::fail_paused()
{
    fail({Errc::run_failed,
          "The app waits for human input, which is not supported through "
          "this endpoint.",
          {},
          {}});
}

void ChatStreamDecoder::learn_ids(JsonValue root)
{
    learn(task_id_, root["task_id"]);
    learn(conversation_id_, root["conversation_id"]);
    learn(message_id_, root["message_id"]);
}

}  // namespace opendify::dify
