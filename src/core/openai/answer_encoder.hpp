// What the answers of /v1/chat/completions and /v1/completions have in common
// (openai-api §2.3, §2.4, §4.2).

#ifndef OPENDIFY_OPENAI_ANSWER_ENCODER_HPP
#define OPENDIFY_OPENAI_ANSWER_ENCODER_HPP

#include <cstddef>
#include <string>
#include <string_view>

#include "openai/chat_encoder.hpp"

namespace opendify::openai {

class StreamEncoder : public ChatEncoder {
public:
    void error(const Failure &failure, std::string &out) final;

protected:
    // `text`: how a chunk with a text goes on behind "choices":[, and
    // `text_end` behind the text; a literal.
    StreamEncoder(const AnswerHead &head, std::string_view object,
                  std::string_view text, std::string_view text_end);

    // A chunk with a text, or with one that JSON writes as it is.
    void write_text(std::string_view piece, std::string &out);
    void write_plain(std::string_view piece, std::string &out);

    // Of a chunk with a text, up to the text,
    std::string_view text_begin() const { return {chunk_.data(), text_at_}; }
    // and of every chunk, up to "choices":[
    std::string_view chunk_begin() const
    {
        return {chunk_.data(), choices_at_};
    }

    // After the finish chunk: usage, if asked for and known, and [DONE].
    void close(const Usage *usage, std::string &out) const;

private:
    // A longer text is not put together here first.
    static constexpr std::size_t kShortText = 64;

    std::string      chunk_;  // the last one with a short text
    std::size_t      choices_at_;
    std::size_t      text_at_;
    std::string_view text_end_;
    bool             include_usage_;
    // The client has text: its library reports an error and does not repeat
    // the request.
    bool             spoken_ = false;
};

// Keeps texts escaped, as they will go out, up to a limit for all of them.
class ReplyEncoder : public ChatEncoder {
public:
    void error(const Failure &failure, std::string &out) final;
    bool full() const final { return full_; }

protected:
    ReplyEncoder(const AnswerHead &head, std::string_view object,
                 const Limits &limits);

    // Adds a piece to one of the kept texts; or one that JSON writes as it is.
    void keep(std::string &kept, std::string_view piece);
    void keep_plain(std::string &kept, std::string_view piece);
    // Empties one of them.
    void forget(std::string &kept);

    // Up to "choices":[
    void open(std::string &out) const;
    // "finish_reason" of the choice, usage if known, and the end.
    void close(FinishReason finish, const Usage *usage,
               std::string &out) const;

private:
    std::string begin_;
    std::size_t max_bytes_;
    std::size_t kept_bytes_ = 0;
    bool        full_ = false;
};

}  // namespace opendify::openai

#endif
