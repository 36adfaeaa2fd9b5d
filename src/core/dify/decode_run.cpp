// The run of a workflow behind a stream: its nodes, its outputs, its pauses.

#include "dify/decode_error.hpp"
#include "dify/decode_stream.hpp"
#include "dify/human_form.hpp"
#include "dify/node_usage.hpp"
#include "dify/output_text.hpp"
#include "dify/short_text.hpp"

namespace opendify::dify {

namespace {

using wire::JsonType;
using wire::JsonValue;

constexpr std::size_t kMaxTitleChars = 200;

JsonValue run_id_in(JsonValue root)
{
    const JsonValue id = root["workflow_run_id"];
    return id.is(JsonType::string) ? id : root["data"]["workflow_run_id"];
}

}  // namespace

void StreamDecoder::on_node(JsonValue data)
{
    const std::string_view type = data["node_type"].string();

    if (type == "answer") {
        files_.said(data["outputs"]["answer"].string());
    }

    if (type == "answer" || type == "end"
        || (type == "llm" && mode_ == AppMode::chatflow)) {
        files_.keep(data["files"], false);
    }

    // A chatflow lists its sources in message_end if its author agrees.
    if (type == "knowledge-retrieval" && mode_ == AppMode::workflow) {
        citations_.keep_result(data["outputs"]["result"]);
    }

    run_finish_.node(data);

    Usage usage;
    if (!node_usage(data, usage)) {
        return;
    }

    usage_.prompt_tokens += usage.prompt_tokens;
    usage_.completion_tokens += usage.completion_tokens;
    usage_.total_tokens += usage.total_tokens;
    has_usage_ = true;
}

// Comes before message_end up to Dify 1.12, alone in 1.13.0, after a stop and
// in a workflow app (§5.3): but for the first the answer is as complete as it
// gets.
void StreamDecoder::on_run_finished(std::string_view status, JsonValue data)
{
    const std::string_view error = data["error"].string();

    if (status == "failed"
        || (status != "succeeded" && status != "partial-succeeded"
            && status != "stopped" && !error.empty())) {
        fail(failure_from({ErrorSource::run, 0, {}, error}));
        return;
    }

    outputs(data);
    total_usage(data);
    form_.reset();
    run_over_ = true;

    if (!end_follows_) {
        end();
    }
}

void StreamDecoder::outputs(JsonValue data)
{
    const JsonValue values = data["outputs"];

    if (!said_) {
        const JsonValue answer = values["answer"];

        if (mode_ == AppMode::workflow
            || (mode_ == AppMode::unknown && !answer.is(JsonType::string))) {
            text(output_text(values, output_name_));

        } else {
            text(answer.string());
        }
    }

    files_.keep(data["files"], false);
    files_.keep_members(values);
}

void StreamDecoder::total_usage(JsonValue data)
{
    const auto total = token_count(data["total_tokens"]);

    if ((!has_usage_ || node_lost_) && is_count(total)
        && total >= usage_.total_tokens) {
        // Nobody says which kind the others are.
        usage_.prompt_tokens += total - usage_.total_tokens;
        usage_.total_tokens = total;
        has_usage_ = true;
    }
}

// Of several forms at once the first that can be answered here counts.
void StreamDecoder::on_form(JsonValue root)
{
    if (!form_ || form_->token.empty()) {
        form_ = human_form(root["data"], run_id_in(root));
    }
}

void StreamDecoder::on_form_timeout(JsonValue data)
{
    const std::string title =
        one_line(data["node_title"].string(), kMaxTitleChars);

    fail({Errc::run_failed,
          "The form " + (title.empty() ? title : "\"" + title + "\" ")
              + "was not answered in time.",
          {},
          {}});
}

void StreamDecoder::on_paused(JsonValue root)
{
    const JsonValue form = form_in_reasons(root["data"]["reasons"]);
    if (form && (!form_ || form_->token.empty())) {
        form_ = human_form(form, run_id_in(root));
    }

    if (!form_) {
        fail({Errc::run_failed,
              "The app waits for something that it does not name.",
              {},
              {}});
        return;
    }

    total_usage(root["data"]);
    end();
}

}  // namespace opendify::dify
