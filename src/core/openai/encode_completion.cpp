// The two forms of a /v1/completions answer (openai-api §4.2). There is a
// place for the text only: thoughts and sources are dropped.

#include "openai/answer_encoder.hpp"
#include "wire/json_writer.hpp"
#include "wire/sse_writer.hpp"

namespace opendify::openai {

namespace {

// One word for the folded object and for every chunk.
constexpr std::string_view kObject = "text_completion";
constexpr std::string_view kText = "{\"text\":\"";
constexpr std::string_view kPieceEnd =
    "\",\"index\":0,\"logprobs\":null,\"finish_reason\":null}]}\n\n";
constexpr std::string_view kTextEnd =
    kPieceEnd.substr(0, kPieceEnd.find("\"finish_reason\""));

class CompletionStreamEncoder : public StreamEncoder {
public:
    explicit CompletionStreamEncoder(const AnswerHead &head)
        : StreamEncoder(head, kObject, kText, kPieceEnd) {}

    void text(std::string_view piece, std::string &out) override;
    void plain(std::string_view piece, std::string &out) override;
    void reasoning(std::string_view, std::string &) override {}
    void citation(const Citation &) override {}
    void replace(std::string_view whole, std::string &out) override;
    void end(FinishReason finish, const Usage *usage,
             std::string &out) override;
};

void CompletionStreamEncoder::text(std::string_view piece, std::string &out)
{
    if (!piece.empty()) {
        write_text(piece, out);
    }
}

void CompletionStreamEncoder::plain(std::string_view piece, std::string &out)
{
    write_plain(piece, out);
}

void CompletionStreamEncoder::replace(std::string_view whole,
                                      std::string &out)
{
    out.clear();
    text(whole, out);
}

void CompletionStreamEncoder::end(FinishReason finish, const Usage *usage,
                                  std::string &out)
{
    out.append(text_begin()).append(kTextEnd);
    out.append("\"finish_reason\":\"").append(finish_name(finish));
    out.append("\"}]}").append(wire::kSseEnd);
    close(usage, out);
}

class CompletionReplyEncoder : public ReplyEncoder {
public:
    CompletionReplyEncoder(const AnswerHead &head, const Limits &limits)
        : ReplyEncoder(head, kObject, limits) {}

    void text(std::string_view piece, std::string &out) override;
    void plain(std::string_view piece, std::string &out) override;
    void reasoning(std::string_view, std::string &) override {}
    void citation(const Citation &) override {}
    void replace(std::string_view whole, std::string &out) override;
    void end(FinishReason finish, const Usage *usage,
             std::string &out) override;

private:
    std::string text_;
};

void CompletionReplyEncoder::text(std::string_view piece, std::string &)
{
    keep(text_, piece);
}

void CompletionReplyEncoder::plain(std::string_view piece, std::string &)
{
    keep_plain(text_, piece);
}

void CompletionReplyEncoder::replace(std::string_view whole, std::string &)
{
    forget(text_);
    keep(text_, whole);
}

void CompletionReplyEncoder::end(FinishReason finish, const Usage *usage,
                                 std::string &out)
{
    open(out);
    out.append(kText);
    text_.insert(0, out);
    out.swap(text_);
    std::string().swap(text_);
    out.append(kTextEnd);
    close(finish, usage, out);
}

}  // namespace

std::unique_ptr<ChatEncoder>
make_completion_stream_encoder(const AnswerHead &head)
{
    return std::make_unique<CompletionStreamEncoder>(head);
}

std::unique_ptr<ChatEncoder>
make_completion_reply_encoder(const AnswerHead &head, const Limits &limits)
{
    return std::make_unique<CompletionReplyEncoder>(head, limits);
}

}  // namespace opendify::openai
