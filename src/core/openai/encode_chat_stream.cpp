// A streamed answer (openai-api §0, §2.4):
//
//     role chunk | reasoning and content chunks | finish chunk
//     | usage chunk, if asked for and known | [DONE]
//
// One piece is one chunk, however the backend's bytes were cut. What chunks
// share is rendered once; a piece costs three appends.

#include "opendify/endpoint.hpp"
#include "openai/chat_encoder.hpp"
#include "wire/json_writer.hpp"
#include "wire/sse_writer.hpp"

namespace opendify::openai {

namespace {

// "error" must not be a member of a chunk, not even null (§0.6).
constexpr std::string_view kDelta = "{\"index\":0,\"delta\":{";
constexpr std::string_view kRole = "\"role\":\"assistant\",\"content\":\"";
constexpr std::string_view kContent = "\"content\":\"";
constexpr std::string_view kReasoning = "\"reasoning_content\":\"";
constexpr std::string_view kPieceEnd = "\"},\"finish_reason\":null}]}\n\n";

class ChatStreamEncoder : public ChatEncoder {
public:
    explicit ChatStreamEncoder(const AnswerHead &head);

    void text(std::string_view piece, std::string &out) override;
    void reasoning(std::string_view piece, std::string &out) override;
    void replace(std::string_view whole, std::string &out) override;
    void end(FinishReason finish, const Usage *usage,
             std::string &out) override;
    void error(const Failure &failure, std::string &out) override;

private:
    void role_once(std::string &out);
    void piece_chunk(const std::string &begin, std::string_view piece,
                     std::string &out);

    std::string head_;  // up to "choices":[
    std::string content_begin_;
    std::string reasoning_begin_;
    bool        include_usage_;
    bool        role_sent_ = false;
};

ChatStreamEncoder::ChatStreamEncoder(const AnswerHead &head)
    : include_usage_(head.include_usage)
{
    head_.append(wire::kSseData).append("{\"id\":");
    wire::write_lossy_string(head_, head.id);
    head_.append(",\"object\":\"chat.completion.chunk\",\"created\":");
    wire::write_integer(head_, head.created);
    head_.append(",\"model\":");
    wire::write_lossy_string(head_, head.model);
    head_.append(",\"choices\":[");

    content_begin_.append(head_).append(kDelta).append(kContent);
    reasoning_begin_.append(head_).append(kDelta).append(kReasoning);
}

void ChatStreamEncoder::role_once(std::string &out)
{
    if (role_sent_) {
        return;
    }

    out.append(head_).append(kDelta).append(kRole).append(kPieceEnd);
    role_sent_ = true;
}

void ChatStreamEncoder::piece_chunk(const std::string &begin,
                                    std::string_view piece, std::string &out)
{
    if (piece.empty()) {
        return;
    }

    role_once(out);
    out.append(begin);
    wire::write_escaped(out, piece);
    out.append(kPieceEnd);
}

void ChatStreamEncoder::text(std::string_view piece, std::string &out)
{
    piece_chunk(content_begin_, piece, out);
}

void ChatStreamEncoder::reasoning(std::string_view piece, std::string &out)
{
    piece_chunk(reasoning_begin_, piece, out);
}

void ChatStreamEncoder::replace(std::string_view whole, std::string &out)
{
    // The thoughts go too: they led to what must not be shown.
    out.clear();
    role_sent_ = false;
    text(whole, out);
}

void ChatStreamEncoder::end(FinishReason finish, const Usage *usage,
                            std::string &out)
{
    role_once(out);
    out.append(head_).append(kDelta).append("},\"finish_reason\":\"");
    out.append(finish_name(finish)).append("\"}]}").append(wire::kSseEnd);

    if (include_usage_ && usage != nullptr) {
        out.append(head_).append("],\"usage\":");
        write_usage(out, *usage);
        out.append("}").append(wire::kSseEnd);
    }

    out.append(wire::kSseDone);
}

void ChatStreamEncoder::error(const Failure &failure, std::string &out)
{
    wire::write_event(out, encode_error(failure));
    out.append(wire::kSseDone);
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

std::unique_ptr<ChatEncoder> make_chat_stream_encoder(const AnswerHead &head)
{
    return std::make_unique<ChatStreamEncoder>(head);
}

}  // namespace opendify::openai
