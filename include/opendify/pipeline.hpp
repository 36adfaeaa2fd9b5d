// One answer: the backend's bytes in, the client's bytes out.
//
//     bytes -> wire/sse_parser -> dify/decode_stream -> TurnEvent
//           -> flow/text_gate -> flow/answer_writer, with flow/pacer
//           -> openai/encode_chat_stream | encode_chat_reply -> output()
//
// The pipeline never blocks and never throws for bytes from a network.

#ifndef OPENDIFY_PIPELINE_HPP
#define OPENDIFY_PIPELINE_HPP

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "opendify/backend.hpp"
#include "opendify/fingerprint.hpp"
#include "opendify/human_form.hpp"
#include "opendify/limits.hpp"
#include "opendify/result.hpp"
#include "opendify/turn.hpp"
#include "opendify/turn_end.hpp"

namespace opendify {

// What may be sent at any time between two events of a committed stream, so
// that nobody on the way takes silence for death.
inline constexpr std::string_view kKeepAliveComment = ": ping\n\n";

// What the client sees around the answer. All owned.
struct AnswerHead {
    std::string  id;       // "chatcmpl-..."
    std::int64_t created;  // Unix seconds
    std::string  model;
    bool         stream;
    bool         include_usage;
    bool         completion = false;  // the form of /v1/completions
};

enum class ReasoningMode {
    content,  // in reasoning_content
    inline_,  // in the text, between <think> tags
    off,      // dropped
};

// How an answer is shown. All owned, but what the seal borrows.
struct AnswerOptions {
    ReasoningMode reasoning = ReasoningMode::content;
    bool          steps = false;      // steps are shown as reasoning
    bool          footnotes = false;  // sources also as a block of text
    bool          hold_end = false;   // wait for complete() at the end
    std::uint32_t moderation_window_ms = 0;  // text is held back that long
    std::uint32_t pace_ms = 0;  // bursts of text are spread over that long
    std::string   files_origin;  // "https://dify.example.com": what relative
                                 // addresses of files are relative to
    std::vector<std::string> stop;  // text ends before the first of these,
                                    // none is empty; thoughts do not
    std::string   output_name;   // workflow: the output that is the answer,
                                 // "": the only text
    FormSeal      seal;          // who may answer a form
};

// Questions as a block for complete(); "" for none.
std::string suggested_block(const std::vector<std::string> &questions);

class Pipeline {
public:
    // `history` is the fingerprint of everything the client sent; the text of
    // the answer is added to it as it comes.
    Pipeline(AnswerHead head, AppMode mode, Fingerprint history,
             const Limits &limits, AnswerOptions options = {});
    ~Pipeline();

    Pipeline(const Pipeline &) = delete;
    Pipeline &operator=(const Pipeline &) = delete;

    // A clock that never goes back, in ms; before feed() and release(). Only
    // the moderation window and the pacing of a stream need it.
    void set_now(std::uint64_t now_ms);

    // When text that is held back is to be let go with release(), 0: never.
    std::uint64_t due_ms() const;
    void release();
    // Text goes out unpaced: the client is behind anyway.
    void hurry();

    // Bytes of the backend's body, cut anywhere. Ignored after over().
    void feed(std::string_view bytes);
    // feed() follows: the memory that it needs is asked for.
    void fetch_ahead() const;

    // The backend's body is over: backend_closed unless the end was seen.
    void finish();

    // Ends the answer with an error of the transport's.
    void fail(Failure failure);

    // Forgets the upstream's state (not the client's) for another call; only
    // while nothing was written.
    void restart(AppMode mode);

    // Bytes for the client, appended to by feed() and friends; the caller
    // takes them (and clears, or erases a prefix). Folded replies stay empty
    // until the end.
    std::string &output() { return output_; }
    const std::string &output() const { return output_; }

    // The end was seen, but is not in output(): paced text goes before it, or
    // it is held().
    bool closing() const { return progress_.closing && !over(); }

    // A piece of the answer was written, or the end was seen. What is held
    // back or dropped does not count.
    bool started() const;
    bool stirred() const;   // an event other than a ping was seen
    bool ended() const { return progress_.ended; }  // output() is complete
    // failure() says why; in a stream that has committed, output() ends with
    // the error event.
    bool failed() const { return progress_.failed; }
    bool over() const { return ended() || failed(); }

    // With hold_end: the backend's end was seen, the answer's waits for
    // complete(), which may add a block of text, no part of digest().
    bool held() const { return progress_.held; }
    void complete(std::string_view block);
    const Failure &failure() const;

    // The client has left in mid-answer: what comes from now on goes to the tail
    // and no longer here.
    std::unique_ptr<TurnTail> leave(AppMode mode);

    // The client has seen (or is about to see) the 200 of this stream: from
    // now on a failure is written as an event into output(). Before that
    // fail() and errors only set failure(). A piece of the answer that is in
    // output() is as good as seen, and what replaces or fails it commits.
    void commit();
    bool committed() const { return progress_.committed; }

    // Facts for logs, stop call, conversation map; empty until known.
    const std::string &task_id() const;
    const std::string &conversation_id() const;
    const std::string &message_id() const;
    const Usage &usage() const;
    bool has_usage() const;
    std::string_view finish_reason() const;  // "" until the end
    std::size_t skipped_events() const;
    // Of the backend's events: how many had lost the empty line before the
    // next one (they were read), and how many could not be read.
    std::size_t glued_events() const;
    std::size_t broken_events() const;

    // Of the history with the answer so far, as far as it was written, as
    // its last assistant message.
    Digest digest() const;

    // What the client has is not what the backend keeps as the answer:
    // moderation has replaced a text that was already shown, or it was cut.
    bool is_other_text() const;

    // The answer was cut at a stop sequence, and the backend goes on unless it
    // is told.
    bool is_cut_short() const;

    // How much answer text was written, bytes; no thoughts.
    std::size_t text_bytes() const;

private:
    struct Impl;

    struct Progress {
        bool closing = false;  // the end was seen
        bool held = false;     // and complete() was not called
        bool ended = false;
        bool failed = false;
        bool committed = false;
    };

    std::string           output_;
    Progress              progress_;
    std::unique_ptr<Impl> impl_;
};

}  // namespace opendify

#endif
