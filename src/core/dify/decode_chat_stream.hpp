// Events of a Dify chat, agent-chat, chatflow or New Agent stream -> TurnEvents.
// Decided by what an event means, never by order (spec dify-api §4.2, §5, §14).

#ifndef OPENDIFY_DIFY_DECODE_CHAT_STREAM_HPP
#define OPENDIFY_DIFY_DECODE_CHAT_STREAM_HPP

#include <cstddef>
#include <string>

#include "opendify/backend.hpp"
#include "opendify/limits.hpp"
#include "opendify/turn.hpp"
#include "wire/json_reader.hpp"
#include "wire/sse_parser.hpp"

namespace opendify::dify {

class ChatStreamDecoder : public wire::SseSink {
public:
    // The sink outlives the decoder.
    ChatStreamDecoder(AppMode mode, const Limits &limits, TurnSink &sink);
    ~ChatStreamDecoder() override;

    bool on_sse_event(const wire::SseEvent &event) override;

    bool over() const;     // an end or error event was reported
    bool stirred() const;  // an event other than a ping came
    std::size_t skipped() const;

    const std::string &task_id() const;
    const std::string &conversation_id() const;
    const std::string &message_id() const;
};

}  // namespace opendify::dify

#endif
