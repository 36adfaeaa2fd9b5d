#include "dify/decode_stream.hpp"

#include "dify/decode_error.hpp"
#include "dify/node_usage.hpp"
#include "dify/short_text.hpp"

namespace opendify::dify {

namespace {

using wire::JsonType;
using wire::JsonValue;

void learn(std::string &id, JsonValue root, std::string_view name)
{
    if (id.empty() && is_id(root[name].string())) {
        id = root[name].string();
    }
}

}  // namespace

StreamDecoder::StreamDecoder(AppMode mode, const Limits &limits,
                             TurnSink &sink, bool steps,
                             std::string_view output_name)
    : mode_(mode), max_event_(limits.max_event_bytes),
      max_depth_(limits.max_json_depth),
      max_spoken_(limits.max_answer_bytes), sink_(sink),
      output_name_(output_name)
{
    if (steps) {
        steps_.emplace(max_depth_, sink_);
    }
}

StreamDecoder::~StreamDecoder() = default;

bool StreamDecoder::over() const
{
    return over_;
}

bool StreamDecoder::stirred() const
{
    return stirred_;
}

std::size_t StreamDecoder::skipped() const
{
    return skipped_;
}

std::size_t StreamDecoder::glued() const
{
    return glued_;
}

std::size_t StreamDecoder::broken() const
{
    return broken_;
}

const std::string &StreamDecoder::task_id() const
{
    return task_id_;
}

const std::string &StreamDecoder::conversation_id() const
{
    return conversation_id_;
}

const std::string &StreamDecoder::message_id() const
{
    return message_id_;
}

bool StreamDecoder::on_sse_event(const wire::SseEvent &event)
{
    if (over_) {
        return false;
    }

    // Unless an event is glued to it.
    if (event.type == "ping"
        && event.data.find("\"event\"") == std::string_view::npos) {
        pinged_ = true;
        return true;
    }

    if (event.cut) {
        stirred_ = true;
        on_cut_data(event.data);

    } else if (!on_frequent(event.data)) {
        on_document(event.data);
    }

    return !over_;
}

void StreamDecoder::on_object(std::string_view data, JsonValue root)
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
        pinged_ = true;
        break;

    case Meaning::run_started:
        on_run_started(root);
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
            run_finish_.said(root["from_variable_selector"]);
            on_piece(data, root, answer);

        } else if (meaning == Meaning::file) {
            files_.message_file(root, sink_);

        } else {
            skipped_++;
        }

        break;

    case Meaning::chunk:
        run_finish_.said(root["data"]["from_variable_selector"]);
        on_piece(data, root, root["data"]["text"]);
        break;

    case Meaning::replace:
        on_replace(answer, root["reason"]);
        break;

    case Meaning::replace_chunk:
        on_replace(root["data"]["text"], {});
        break;

    case Meaning::reasoning:
        on_reasoning(data, root["data"]);
        break;

    case Meaning::thought:
        on_row(root);
        on_step(meaning, root);
        break;

    case Meaning::agent_log:
    case Meaning::node_started:
    case Meaning::node_retry:
    case Meaning::rounds_started:
    case Meaning::round_begins:
    case Meaning::rounds_finished:
        on_step(meaning, root);
        break;

    case Meaning::node_finished:
        on_step(meaning, root);
        on_node(root["data"]);
        break;

    case Meaning::message_end:
        on_message_end(root);
        break;

    case Meaning::run_finished:
        on_run_finished(root["data"]["status"].string(), root["data"]);
        break;

    case Meaning::form:
        on_form(root);
        break;

    case Meaning::form_filled:
        form_.reset();
        on_step(meaning, root);
        break;

    case Meaning::form_timeout:
        on_form_timeout(root["data"]);
        break;

    case Meaning::run_paused:
        on_paused(root);
        break;

    case Meaning::error:
        fail(failure_from({ErrorSource::event,
                           static_cast<int>(root["status"].integer(0)),
                           root["code"].string(),
                           root["message"].string()}));
        break;
    }
}

void StreamDecoder::on_step(Meaning meaning, JsonValue root)
{
    if (!steps_) {
        return;
    }

    const JsonValue data = root["data"];

    switch (meaning) {
    case Meaning::thought:
        steps_->thought(root);
        break;

    case Meaning::agent_log:
        steps_->agent_log(data);
        break;

    case Meaning::node_started:
        steps_->node_started(data);
        break;

    case Meaning::node_finished:
        steps_->node_finished(data);
        break;

    case Meaning::node_retry:
        steps_->node_retry(data);
        break;

    case Meaning::rounds_started:
        steps_->rounds_started(data);
        break;

    case Meaning::round_begins:
        steps_->round_begins(data);
        break;

    case Meaning::rounds_finished:
        steps_->rounds_finished(data);
        break;

    case Meaning::form_filled:
        steps_->form_filled(data);
        break;

    default:
        break;
    }
}

void StreamDecoder::on_replace(JsonValue whole, JsonValue reason)
{
    if (!whole.is(JsonType::string)) {
        skipped_++;
        return;
    }

    // A resumed chatflow begins with the text so far. Its moderation gives
    // the reason "output_moderation", or none before 1.3.1.
    if (!said_ && mode_ == AppMode::chatflow && reason.is(JsonType::string)
        && reason.string().empty()) {
        text(whole.string());
        return;
    }

    if (!spoken_.empty()) {
        spoken_.clear();
        spoken_.add(whole.string());
        step_.clear();
    }

    said_ = true;
    cut_text_.drop();
    sink_.on_event({TurnEvent::Kind::replace, whole.string()});
}

// Up to Dify 1.12, whose chatflows begin at once and give no reason, sources
// and the last word of moderation come behind the run (§5.3).
void StreamDecoder::on_run_started(JsonValue root)
{
    end_follows_ = !pinged_ && root["conversation_id"].is(JsonType::string)
                   && root["data"]["reason"].is_null_or_missing();
}

void StreamDecoder::on_message_end(JsonValue root)
{
    const JsonValue metadata = root["metadata"];

    // The sum of the run; where it is left out, that of the nodes stands.
    if (read_usage(metadata["usage"], usage_)
        || read_usage(root["usage"], usage_)) {
        has_usage_ = true;
    }

    // Those of a chatflow are the app's. Other apps list the user's, too.
    files_.keep(root["files"], mode_ != AppMode::chatflow);
    citations_.keep_resources(metadata["retriever_resources"]);

    if (mode_ != AppMode::agent) {
        form_.reset();
    }

    end();
}

void StreamDecoder::close()
{
    closing_ = true;
}

void StreamDecoder::finish()
{
    if (run_over_ && !over_) {
        end();
    }
}

void StreamDecoder::end()
{
    reasoning(cut_thought_.drop());
    text(cut_text_.drop());
    over_ = true;
    files_.show(sink_);
    citations_.show(sink_);

    if (form_) {
        TurnEvent event{TurnEvent::Kind::form, {}};
        event.form = &*form_;
        sink_.on_event(event);
    }

    if (has_usage_) {
        TurnEvent event{TurnEvent::Kind::usage, {}};
        event.usage = &usage_;
        sink_.on_event(event);
    }

    TurnEvent last{TurnEvent::Kind::end, {}};
    last.finish = run_finish_.reason();
    sink_.on_event(last);
}

void StreamDecoder::fail(const Failure &failure)
{
    over_ = true;

    TurnEvent event{TurnEvent::Kind::error, {}};
    event.failure = &failure;
    sink_.on_event(event);
}

void StreamDecoder::learn_ids(JsonValue root)
{
    learn(task_id_, root, "task_id");
    learn(conversation_id_, root, "conversation_id");
    learn(message_id_, root, "message_id");
}

}  // namespace opendify::dify
