// Events of a Dify stream, of every kind of app -> TurnEvents. Decided by what
// an event means, never by order (spec dify-api §4.2, §5, §14).
//
//     text, reasoning, replace, step, file (a tool's)    as they come
//     text (of the outputs), file, citation, form, usage, end    at the end

#ifndef OPENDIFY_DIFY_DECODE_STREAM_HPP
#define OPENDIFY_DIFY_DECODE_STREAM_HPP

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "dify/citations.hpp"
#include "dify/cut_character.hpp"
#include "dify/frequent_event.hpp"
#include "dify/new_text.hpp"
#include "dify/output_files.hpp"
#include "dify/run_finish.hpp"
#include "dify/steps.hpp"
#include "dify/stream_event.hpp"
#include "opendify/backend.hpp"
#include "opendify/limits.hpp"
#include "opendify/turn.hpp"
#include "wire/json_reader.hpp"
#include "wire/sse_parser.hpp"

namespace opendify::dify {

class StreamDecoder : public wire::SseSink {
public:
    // The sink outlives the decoder. After an end or error event nothing more
    // is reported, whatever comes: the rest is an after-shock.
    //
    // `steps`: steps are told; it costs something. `output_name`: the output
    // of a workflow that is its answer, "" for the only text among them. It
    // counts only where no text was streamed: what was said stays said.
    StreamDecoder(AppMode mode, const Limits &limits, TurnSink &sink,
                  bool steps = false, std::string_view output_name = {});
    ~StreamDecoder() override;

    bool on_sse_event(const wire::SseEvent &event) override;
    std::size_t take_sse_event(std::string_view bytes) override;

    // The body is over: what is told from now on may have lost its end.
    void close();
    // And was told: what was waited for does not come.
    void finish();

    bool over() const;     // an end or error event was reported
    bool stirred() const;  // an event other than a ping came
    // Events that meant nothing to us: unknown ones, such that are no JSON
    // object, such that were too large to be read.
    std::size_t skipped() const;
    // Events that had lost the empty line before the next one.
    std::size_t glued() const;
    // Events that are no JSON.
    std::size_t broken() const;

    const std::string &task_id() const;
    const std::string &conversation_id() const;
    const std::string &message_id() const;

private:
    void on_object(std::string_view data, wire::JsonValue root);
    void on_run_started(wire::JsonValue root);
    void on_step(Meaning meaning, wire::JsonValue root);
    void on_replace(wire::JsonValue whole, wire::JsonValue reason);
    void on_message_end(wire::JsonValue root);

    // decode_unclear.cpp
    void on_document(std::string_view data);
    bool on_json(std::string_view data);
    void on_unclear(std::string_view data);
    void on_cut_data(std::string_view data);
    void on_broken(std::string_view event);

    // decode_answer.cpp
    bool on_frequent(std::string_view data);
    void learn_frequent(std::string_view data, wire::JsonValue root,
                        wire::JsonValue text);
    void on_piece(std::string_view data, wire::JsonValue root,
                  wire::JsonValue text);
    void on_answer(FrequentEvent::Kind kind, std::string_view piece,
                   bool plain = false);
    void on_answer_event(FrequentEvent::Kind kind, std::string_view piece);
    // `plain`: as a JsonToken's.
    void text(std::string_view piece, bool plain = false);
    void on_reasoning(std::string_view data, wire::JsonValue told);

    // decode_agent.cpp
    void on_row(wire::JsonValue row);
    void on_thought(std::string_view id, std::string_view thought);
    void reasoning(std::string_view piece);
    bool is_said(std::string_view text) const;
    std::string_view agent_text(FrequentEvent::Kind kind,
                                std::string_view piece);
    void part_steps(std::string_view next);
    void note_line(std::string_view piece)
    {
        line_over_ = piece.empty() ? line_over_ : piece.back() == '\n';
    }

    // decode_run.cpp
    void on_node(wire::JsonValue data);
    void on_run_finished(std::string_view status, wire::JsonValue data);
    void on_form(wire::JsonValue root);
    void on_form_timeout(wire::JsonValue data);
    void on_paused(wire::JsonValue root);
    void outputs(wire::JsonValue data);
    void total_usage(wire::JsonValue data);

    // decode_cut_event.cpp
    void on_cut(std::string_view head);
    bool on_cut_text(std::string_view name);
    void on_cut_run_finished(std::string_view head);

    void end();
    void fail(const Failure &failure);
    void learn_ids(wire::JsonValue root);

    AppMode            mode_;
    std::size_t        max_event_;
    std::size_t        max_depth_;
    std::size_t        max_spoken_;
    TurnSink          &sink_;
    FrequentEvent      frequent_;

    bool has_usage_ = false;
    bool node_lost_ = false;    // a node_finished was too large to read
    bool said_ = false;         // text but blanks, or what replaces it
    bool run_over_ = false;     // its message_end is waited for
    bool end_follows_ = false;  // a run is not over without one
    bool pinged_ = false;
    bool over_ = false;
    bool stirred_ = false;
    bool closing_ = false;

    // New Agent: what came as agent_message, to know it again when the whole
    // answer follows as one `message`, or that of the last step.
    SaidText spoken_;
    SaidText step_;  // of these, if it is not the first one
    bool     steps_begun_ = false;
    bool     line_over_ = false;  // it ends with a line break

    // Rows of an agent's steps.
    std::string  row_id_;
    std::int64_t row_ = 0;         // its position
    std::size_t  rows_begun_ = 0;  // since the last text
    std::string  thought_id_;
    std::string  thought_;         // told of that row
    bool         thought_over_ = false;  // the next piece is of another one

    std::string          output_name_;
    std::optional<Steps> steps_;
    OutputFiles          files_;
    Citations            citations_;

    RunFinish                run_finish_;
    std::optional<HumanForm> form_;  // what a person is asked, unanswered

    std::string task_id_;
    std::string conversation_id_;
    std::string message_id_;

    Usage       usage_;
    std::size_t skipped_ = 0;
    std::size_t glued_ = 0;
    std::size_t broken_ = 0;

    CutCharacter cut_text_;
    CutCharacter cut_thought_;
    std::string  cut_bytes_;  // of a character that is no whole UTF-8 yet
};

}  // namespace opendify::dify

#endif
