// A streamed answer (openai-api §0, §2.4):
//
//     role chunk | reasoning and content chunks | finish chunk, with the
//     sources | usage chunk, if asked for and known | [DONE]
//
// One piece is one chunk, however the backend's bytes were cut. What chunks
// share is rendered once.

#include "openai/annotations.hpp"
#include "openai/answer_encoder.hpp"
#include "wire/json_writer.hpp"
#include "wire/sse_writer.hpp"

namespace opendify::openai {

namespace {

// "error" must not be a member of a chunk, not even null (§0.6).
constexpr std::string_view kText =
    "{\"index\":0,\"delta\":{\"content\":\"";
constexpr std::string_view kRole = "\"role\":\"assistant\",";
constexpr std::string_view kContent = "\"content\":\"";
constexpr std::string_view kReasoning = "\"reasoning_content\":\"";
constexpr std::string_view kPieceEnd = "\"},\"finish_reason\":null}]}\n\n";

class ChatStreamEncoder : public StreamEncoder {
public:
    explicit ChatStreamEncoder(const AnswerHead &head)
        : StreamEncoder(head, "chat.completion.chunk", kText, kPieceEnd) {}

    void text(std::string_view piece, std::string &out) override;
    void plain(std::string_view piece, std::string &out) override;
    void reasoning(std::string_view piece, std::string &out) override;
    void citation(const Citation &citation) override;
    void replace(std::string_view whole, std::string &out) override;
    void end(FinishReason finish, const Usage *usage,
             std::string &out) override;

private:
    void role_once(std::string &out);
    // Of every chunk, up to "delta":{
    std::string_view delta_begin() const
    {
        return text_begin().substr(0, text_begin().size() - kContent.size());
    }

    Annotations annotations_;
    bool        role_sent_ = false;
};

void ChatStreamEncoder::role_once(std::string &out)
{
    if (!role_sent_) {
        out.append(delta_begin()).append(kRole);
        out.append(kContent).append(kPieceEnd);
        role_sent_ = true;
    }
}

void ChatStreamEncoder::text(std::string_view piece, std::string &out)
{
    if (piece.empty()) {
        return;
    }

    role_once(out);
    write_text(piece, out);
}

[[gnu::hot]]
void ChatStreamEncoder::plain(std::string_view piece, std::string &out)
{
    role_once(out);
    write_plain(piece, out);
}

void ChatStreamEncoder::reasoning(std::string_view piece, std::string &out)
{
    if (piece.empty()) {
        return;
    }

    role_once(out);
    out.append(delta_begin()).append(kReasoning);
    wire::write_escaped(out, piece);
    out.append(kPieceEnd);
}

void ChatStreamEncoder::citation(const Citation &citation)
{
    annotations_.add(citation);
}

void ChatStreamEncoder::replace(std::string_view whole, std::string &out)
{
    // The thoughts and sources go too: they led to what must not be shown.
    out.clear();
    annotations_.clear();
    role_sent_ = false;
    text(whole, out);
}

void ChatStreamEncoder::end(FinishReason finish, const Usage *usage,
                            std::string &out)
{
    role_once(out);
    out.append(delta_begin());

    // Once, and here: LobeChat looks nowhere else (§8.2).
    if (!annotations_.empty()) {
        out.append("\"annotations\":");
        annotations_.write(out);
    }

    out.append("},\"finish_reason\":\"").append(finish_name(finish));
    out.append("\"}]}").append(wire::kSseEnd);
    close(usage, out);
}

}  // namespace

std::unique_ptr<ChatEncoder> make_chat_stream_encoder(const AnswerHead &head)
{
    return std::make_unique<ChatStreamEncoder>(head);
}

}  // namespace opendify::openai
