// What is shown of an answer, and how: pieces in, chunks of the client's
// dialect out. Knows what the client has seen, so that the fingerprint is
// that of the text it will send back.
//
//     pieces -> ThinkSplitter -> text -> StopFinder -> Pacer -> ChatEncoder
//                                 |                      |
//                              thoughts                  +-> Fingerprint
//
// Text that the pacer keeps was not yet said. It goes out before whatever
// comes after it.

#ifndef OPENDIFY_FLOW_ANSWER_WRITER_HPP
#define OPENDIFY_FLOW_ANSWER_WRITER_HPP

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "flow/pacer.hpp"
#include "flow/stop_finder.hpp"
#include "flow/text_gate.hpp"
#include "flow/think_splitter.hpp"
#include "openai/chat_encoder.hpp"
#include "opendify/pipeline.hpp"

namespace opendify {

class AnswerWriter : public GateSink, private ThinkSink {
public:
    // All but `limits` outlive it.
    AnswerWriter(const AnswerHead &head, const AnswerOptions &options,
                 const Fingerprint &history, const Limits &limits,
                 std::string &out);

    // A clock that never goes back, in ms.
    void set_now(std::uint64_t now_ms) { now_ms_ = now_ms; }

    // text, reasoning, step, form (its text) or file (file_piece).
    void on_release(TurnEvent::Kind kind, std::string_view text) override;
    static std::string file_piece(const OutputFile &file);

    // A text, not "", as for TurnSink::on_plain(). False: nothing was done,
    // it takes the general way.
    bool put_plain(std::string_view text);

    void citation(const Citation &citation);

    // Forgets the whole answer; nothing of it was sent.
    void take_back();
    // Forgets what was not yet shown.
    void drop_held();
    // Text that follows stands apart from what was shown.
    void new_paragraph() { after_block_ = true; }

    // Text that is kept for its time: when it is due, and what is due or all
    // of it goes out.
    bool keeps_text() const { return !pacer_.empty(); }
    std::uint64_t due_ms() const { return pacer_.due_ms(); }
    void release() { put_kept(pacer_.take(now_ms_)); }
    void hurry() { put_kept(pacer_.take_all()); }

    // No more text comes; some of it may still be kept.
    void finish_text();
    // Shows what is held and closes what is open; the sources, if asked for.
    void close(bool sources);
    // Text that is no part of the conversation.
    void aside(std::string_view block);

    // Nothing more is shown: a stop sequence came.
    bool is_cut() const { return stops_.found(); }

    openai::ChatEncoder &encoder() { return *encoder_; }
    bool started() const { return started_; }
    Digest digest();
    std::size_t text_bytes() const { return text_bytes_; }

private:
    // closed: others may follow; spoken: text has followed
    enum class Thoughts { none, open, closed, step, spoken };

    void on_text(std::string_view piece) override;
    void on_thought(std::string_view piece) override;
    void on_thought_end() override;

    void say(std::string_view piece);
    void say_held();
    void put_text(std::string_view piece);
    void spoken(std::string_view piece);
    void put_kept(std::string_view piece);
    void put_tag(std::string_view tag);
    void hash_seen();
    void put_block(std::string_view block);
    void put_thought(std::string_view piece, Thoughts kind);
    void close_thoughts();
    void step(std::string_view text);
    void file(std::string_view piece);
    bool in_text(std::string_view address) const;

    const AnswerOptions &options_;
    const Fingerprint   &history_;
    std::string         &out_;
    std::uint64_t        now_ms_ = 0;

    // What of a text has to be looked at: tags of thoughts, the rhythm.
    const bool split_;
    const bool paced_;
    const bool plain_;  // nothing but the tags

    Thoughts    thoughts_ = Thoughts::none;
    bool        started_ = false;
    bool        tag_open_ = false;     // inline thoughts
    bool        after_block_ = false;  // more text begins a new paragraph
    int         breaks_ = 0;           // line breaks that end the text
    std::size_t text_bytes_ = 0;

    std::unique_ptr<openai::ChatEncoder> encoder_;
    Fingerprint answer_;  // history_, and the text up to
    std::size_t hashed_ = 0;  // here in
    std::string seen_;  // its beginning, and what is not hashed

    ThinkSplitter splitter_;
    Pacer         pacer_;
    StopFinder    stops_;
    std::string   sure_;  // text that begins none of them

    std::vector<std::string> addresses_;  // of files
    std::vector<Citation>    citations_;
    std::string              joined_;
};

}  // namespace opendify

#endif
