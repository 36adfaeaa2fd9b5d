// Events of a Dify chat, agent-chat, chatflow or New Agent stream ->
// TurnEvents. Decided by what an event means, never by order (spec dify-api
// §4.2, §5, §14).

#ifndef OPENDIFY_DIFY_DECODE_CHAT_STREAM_HPP
#define OPENDIFY_DIFY_DECODE_CHAT_STREAM_HPP

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "opendify/backend.hpp"
#include "opendify/limits.hpp"
#include "opendify/turn.hpp"
#include "wire/json_reader.hpp"
#include "wire/sse_parser.hpp"

namespace opendify::dify {

class ChatStreamDecoder : public wire::SseSink {
public:
    // The sink outlives the decoder. After an end or error event nothing more
    // is reported, whatever comes: the rest is an after-shock.
    ChatStreamDecoder(AppMode mode, const Limits &limits, TurnSink &sink);
    ~ChatStreamDecoder() override;

    bool on_sse_event(const wire::SseEvent &event) override;

    bool over() const;     // an end or error event was reported
    bool stirred() const;  // an event other than a ping came
    // Events that meant nothing to us: unknown ones, such that are no JSON
    // object, such that were too large to be read.
    std::size_t skipped() const;

    const std::string &task_id() const;
    const std::string &conversation_id() const;
    const std::string &message_id() const;

private:
    void on_object(wire::JsonValue root);
    void on_cut(std::string_view head);
    void on_answer(std::string_view name, wire::JsonValue answer);
    void on_replace(wire::JsonValue text);
    void on_node(wire::JsonValue data);
    void on_message_end(wire::JsonValue root);
    void on_run_finished(std::string_view status, wire::JsonValue data);
    void on_cut_run_finished(std::string_view head);

    void text(std::string_view piece);
    void end();
    void fail(const Failure &failure);
    void fail_paused();
    void learn_ids(wire::JsonValue root);

    AppMode            mode_;
    std::size_t        max_depth_;
    std::size_t        max_spoken_;
    TurnSink          &sink_;
    wire::JsonDocument doc_;

    std::string task_id_;
    std::string conversation_id_;
    std::string message_id_;

    // New Agent: what came as agent_message, to know it again when the whole
    // answer follows as one `message`.
    std::string spoken_;

    Usage       usage_;
    bool        has_usage_ = false;
    bool        node_lost_ = false;  // a node_finished was too large to read
    bool        over_ = false;
    bool        stirred_ = false;
    std::size_t skipped_ = 0;
};

}  // namespace opendify::dify

#endif
