// A folded answer: one JSON object, written when the end has been seen
// (openai-api §2.3).

#include "openai/annotations.hpp"
#include "openai/answer_encoder.hpp"

namespace opendify::openai {

namespace {

class ChatReplyEncoder : public ReplyEncoder {
public:
    ChatReplyEncoder(const AnswerHead &head, const Limits &limits)
        : ReplyEncoder(head, "chat.completion", limits) {}

    void text(std::string_view piece, std::string &out) override;
    void plain(std::string_view piece, std::string &out) override;
    void reasoning(std::string_view piece, std::string &out) override;
    void citation(const Citation &citation) override;
    void replace(std::string_view whole, std::string &out) override;
    void end(FinishReason finish, const Usage *usage,
             std::string &out) override;

private:
    std::string text_;
    std::string reasoning_;
    Annotations annotations_;
};

void ChatReplyEncoder::text(std::string_view piece, std::string &)
{
    keep(text_, piece);
}

void ChatReplyEncoder::plain(std::string_view piece, std::string &)
{
    keep_plain(text_, piece);
}

void ChatReplyEncoder::reasoning(std::string_view piece, std::string &)
{
    keep(reasoning_, piece);
}

void ChatReplyEncoder::citation(const Citation &citation)
{
    annotations_.add(citation);
}

void ChatReplyEncoder::replace(std::string_view whole, std::string &)
{
    // The thoughts and sources go too: they led to what must not be shown.
    forget(text_);
    forget(reasoning_);
    annotations_.clear();
    keep(text_, whole);
}

// The text is the largest of it, and stays where it is.
void ChatReplyEncoder::end(FinishReason finish, const Usage *usage,
                           std::string &out)
{
    open(out);
    out.append("{\"index\":0,\"message\":{\"role\":\"assistant\","
               "\"content\":\"");
    text_.insert(0, out);
    out.swap(text_);
    std::string().swap(text_);
    out.push_back('"');

    if (!reasoning_.empty()) {
        out.append(",\"reasoning_content\":\"").append(reasoning_);
        out.push_back('"');
    }

    out.append(",\"refusal\":null,\"annotations\":");
    annotations_.write(out);
    out.append("},\"logprobs\":null,");
    close(finish, usage, out);
}

}  // namespace

std::unique_ptr<ChatEncoder> make_chat_reply_encoder(const AnswerHead &head,
                                                     const Limits &limits)
{
    return std::make_unique<ChatReplyEncoder>(head, limits);
}

}  // namespace opendify::openai
