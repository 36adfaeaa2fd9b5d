#include "openai/answer_encoder.hpp"

#include <algorithm>

#include "opendify/endpoint.hpp"
#include "wire/json_writer.hpp"
#include "wire/sse_writer.hpp"

namespace opendify::openai {

namespace {

// Of write_begin, but for its two names, and what follows: no need to grow.
constexpr std::size_t kBeginBytes = 280;

void write_begin(std::string &out, const AnswerHead &head,
                 std::string_view object)
{
    out.reserve(kBeginBytes + head.id.size() + head.model.size());
    out.append("{\"id\":");
    wire::write_lossy_string(out, head.id);
    out.append(",\"object\":");
    wire::write_string(out, object);
    out.append(",\"created\":");
    wire::write_integer(out, head.created);
    out.append(",\"model\":");
    wire::write_lossy_string(out, head.model);
    out.append(",\"choices\":[");
}

}  // namespace

std::string_view finish_name(FinishReason finish)
{
    switch (finish) {
    case FinishReason::stop:
        return "stop";

    case FinishReason::length:
        return "length";

    case FinishReason::content_filter:
        return "content_filter";
    }

    return "stop";
}

void write_usage(std::string &out, const Usage &usage)
{
    out.append("{\"prompt_tokens\":");
    wire::write_integer(out, usage.prompt_tokens);
    out.append(",\"completion_tokens\":");
    wire::write_integer(out, usage.completion_tokens);
    out.append(",\"total_tokens\":");
    wire::write_integer(out, usage.total_tokens);
    out.push_back('}');
}

StreamEncoder::StreamEncoder(const AnswerHead &head, std::string_view object,
                             std::string_view text,
                             std::string_view text_end)
    : chunk_(wire::kSseData), text_end_(text_end),
      include_usage_(head.include_usage)
{
    write_begin(chunk_, head, object);
    choices_at_ = chunk_.size();
    chunk_.append(text);
    text_at_ = chunk_.size();
    chunk_.resize(text_at_ + kShortText + text_end_.size());
}

void StreamEncoder::write_text(std::string_view piece, std::string &out)
{
    spoken_ = true;
    out.append(text_begin());
    wire::write_escaped(out, piece);
    out.append(text_end_);
}

// One append costs less than three.
[[gnu::hot]]
void StreamEncoder::write_plain(std::string_view piece, std::string &out)
{
    spoken_ = true;

    if (piece.size() > kShortText) {
        out.append(text_begin()).append(piece).append(text_end_);
        return;
    }

    char *const text = chunk_.data() + text_at_;
    char *const end = std::copy(piece.begin(), piece.end(), text);
    char *const last = std::copy(text_end_.begin(), text_end_.end(), end);

    out.append(chunk_.data(), static_cast<std::size_t>(last - chunk_.data()));
}

void StreamEncoder::close(const Usage *usage, std::string &out) const
{
    if (include_usage_ && usage != nullptr) {
        out.append(chunk_begin()).append("],\"usage\":");
        write_usage(out, *usage);
        out.append("}").append(wire::kSseEnd);
    }

    out.append(wire::kSseDone);
}

void StreamEncoder::error(const Failure &failure, std::string &out)
{
    wire::write_event(out, spoken_ ? encode_error(failure)
                                   : encode_stream_error(failure));
    out.append(wire::kSseDone);
}

ReplyEncoder::ReplyEncoder(const AnswerHead &head, std::string_view object,
                           const Limits &limits)
    : max_bytes_(limits.max_answer_bytes)
{
    write_begin(begin_, head, object);
}

void ReplyEncoder::keep(std::string &kept, std::string_view piece)
{
    if (full_ || piece.size() > max_bytes_ - kept_bytes_) {
        full_ = true;
        return;
    }

    const std::size_t before = kept.size();

    wire::write_escaped(kept, piece);
    kept_bytes_ += kept.size() - before;
    full_ = kept_bytes_ > max_bytes_;
}

void ReplyEncoder::keep_plain(std::string &kept, std::string_view piece)
{
    if (full_ || piece.size() > max_bytes_ - kept_bytes_) {
        full_ = true;
        return;
    }

    kept.append(piece);
    kept_bytes_ += piece.size();
}

void ReplyEncoder::forget(std::string &kept)
{
    kept_bytes_ -= kept.size();
    kept.clear();
}

void ReplyEncoder::open(std::string &out) const
{
    out.append(begin_);
}

void ReplyEncoder::close(FinishReason finish, const Usage *usage,
                         std::string &out) const
{
    out.append("\"finish_reason\":\"").append(finish_name(finish));
    out.append("\"}]");

    if (usage != nullptr) {
        out.append(",\"usage\":");
        write_usage(out, *usage);
    }

    out.push_back('}');
}

void ReplyEncoder::error(const Failure &, std::string &)
{
}

}  // namespace opendify::openai
