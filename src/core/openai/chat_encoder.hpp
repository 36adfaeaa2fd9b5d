// What the two forms of a chat answer have in common: TurnEvents in, the
// client's bytes appended to a string.

#ifndef OPENDIFY_OPENAI_CHAT_ENCODER_HPP
#define OPENDIFY_OPENAI_CHAT_ENCODER_HPP

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "opendify/limits.hpp"
#include "opendify/pipeline.hpp"
#include "opendify/turn.hpp"

namespace opendify::openai {

class ChatEncoder {
public:
    virtual ~ChatEncoder() = default;

    virtual void text(std::string_view piece, std::string &out) = 0;
    // The same of a piece, not "", that JSON writes as it is.
    virtual void plain(std::string_view piece, std::string &out) = 0;
    virtual void reasoning(std::string_view piece, std::string &out) = 0;
    // For the `annotations` of the end (openai-api §2.3, §8.2).
    virtual void citation(const Citation &citation) = 0;
    // `whole` takes the place of all text so far. Stream: `out` still holds
    // everything that was encoded; it begins anew.
    virtual void replace(std::string_view whole, std::string &out) = 0;
    // With the usage chunk and [DONE] (stream), or the whole reply (folded).
    virtual void end(FinishReason finish, const Usage *usage,
                     std::string &out) = 0;
    // The error event and [DONE] (stream); nothing (folded: the glue answers
    // with a status).
    virtual void error(const Failure &failure, std::string &out) = 0;
    // Folded: the answer outgrew max_answer_bytes and is no longer kept.
    virtual bool full() const { return false; }
};

// "stop", "length", "content_filter": no other word (openai-api §0.8).
std::string_view finish_name(FinishReason finish);

// {"prompt_tokens":...,"completion_tokens":...,"total_tokens":...}
void write_usage(std::string &out, const Usage &usage);

// A Markdown list of the sources, each once, under the mark of a block of
// ours, so that it is known again when it comes back as history; "" for an
// empty list. What has no web address is named only.
std::string footnotes(const std::vector<Citation> &citations);

// The role chunk goes out with the first piece, or with the end.
std::unique_ptr<ChatEncoder> make_chat_stream_encoder(const AnswerHead &head);
std::unique_ptr<ChatEncoder> make_chat_reply_encoder(const AnswerHead &head,
                                                     const Limits &limits);

// The forms of /v1/completions (openai-api §4.2): no role, no reasoning, no
// annotations.
std::unique_ptr<ChatEncoder>
make_completion_stream_encoder(const AnswerHead &head);
std::unique_ptr<ChatEncoder>
make_completion_reply_encoder(const AnswerHead &head, const Limits &limits);

}  // namespace opendify::openai

#endif
