// A folded answer: one JSON object, written when the end has been seen
// (openai-api §2.3). The text is kept escaped, as it will go out.

#include "openai/chat_encoder.hpp"
#include "wire/json_writer.hpp"

namespace opendify::openai {

namespace {

class ChatReplyEncoder : public ChatEncoder {
public:
    ChatReplyEncoder(const AnswerHead &head, const Limits &limits);

    void text(std::string_view piece, std::string &out) override;
    void reasoning(std::string_view piece, std::string &out) override;
    void replace(std::string_view whole, std::string &out) override;
    void end(FinishReason finish, const Usage *usage,
             std::string &out) override;
    void error(const Failure &failure, std::string &out) override;
    bool full() const override { return full_; }

private:
    void keep(std::string &kept, std::string_view piece);

    std::string begin_;  // up to "content":"
    std::string text_;
    std::string reasoning_;
    std::size_t max_bytes_;
    bool        full_ = false;
};

ChatReplyEncoder::ChatReplyEncoder(const AnswerHead &head,
                                   const Limits &limits)
    : max_bytes_(limits.max_answer_bytes)
{
    begin_.append("{\"id\":");
    wire::write_lossy_string(begin_, head.id);
    begin_.append(",\"object\":\"chat.completion\",\"created\":");
    wire::write_integer(begin_, head.created);
    begin_.append(",\"model\":");
    wire::write_lossy_string(begin_, head.model);
    begin_.append(",\"choices\":[{\"index\":0,\"message\":"
                  "{\"role\":\"assistant\",\"content\":\"");
}

void ChatReplyEncoder::keep(std::string &kept, std::string_view piece)
{
    std::size_t room = max_bytes_ - text_.size() - reasoning_.size();

    if (full_ || piece.size() > room) {
        full_ = true;
        return;
    }

    wire::write_escaped(kept, piece);
    full_ = text_.size() + reasoning_.size() > max_bytes_;
}

void ChatReplyEncoder::text(std::string_view piece, std::string &)
{
    keep(text_, piece);
}

void ChatReplyEncoder::reasoning(std::string_view piece, std::string &)
{
    keep(reasoning_, piece);
}

void ChatReplyEncoder::replace(std::string_view whole, std::string &)
{
    // The thoughts go too: they led to what must not be shown.
    text_.clear();
    reasoning_.clear();
    keep(text_, whole);
}

void ChatReplyEncoder::end(FinishReason finish, const Usage *usage,
                           std::string &out)
{
    out.reserve(out.size() + begin_.size() + text_.size()
                + reasoning_.size() + 256);
    out.append(begin_).append(text_).push_back('"');

    if (!reasoning_.empty()) {
        out.append(",\"reasoning_content\":\"").append(reasoning_);
        out.push_back('"');
    }

    out.append(",\"refusal\":null,\"annotations\":[]},\"logprobs\":null,"
               "\"finish_reason\":\"");
    out.append(finish_name(finish)).append("\"}]");

    if (usage != nullptr) {
        out.append(",\"usage\":");
        write_usage(out, *usage);
    }

    out.push_back('}');
}

void ChatReplyEncoder::error(const Failure &, std::string &)
{
}

}  // namespace

std::unique_ptr<ChatEncoder> make_chat_reply_encoder(const AnswerHead &head,
                                                     const Limits &limits)
{
    return std::make_unique<ChatReplyEncoder>(head, limits);
}

}  // namespace opendify::openai
