// Bytes -> server-sent events (WHATWG HTML §9.2.6), cut anywhere.

#ifndef OPENDIFY_WIRE_SSE_PARSER_HPP
#define OPENDIFY_WIRE_SSE_PARSER_HPP

#include <cstddef>
#include <string>
#include <string_view>

namespace opendify::wire {

struct SseEvent {
    std::string_view type;  // the `event:` field, "" if there was none
    std::string_view data;  // `data:` fields joined with "\n"
    bool             cut;   // data is only the first max_event_bytes
};

class SseSink {
public:
    virtual ~SseSink() = default;
    // Views live until the call returns. False stops the parser: it ignores
    // everything from then on.
    virtual bool on_sse_event(const SseEvent &event) = 0;

    // `bytes` begin with a line that begins an event. A sink that knows
    // the event by its bytes takes it: how many those are, its empty line
    // included; 0: parse it.
    virtual std::size_t take_sse_event(std::string_view) { return 0; }
};

// LF, CR and CRLF end a line; a byte order mark at the start is skipped;
// comments, id, retry and unknown fields are ignored. An event without data
// is reported when it has a type (Dify's ping is one). An event that outgrows
// the limit is reported once at its end with `cut` set.
//
// An event that lies whole in one feed() is handed on without a copy.
class SseParser {
public:
    explicit SseParser(std::size_t max_event_bytes);

    void feed(std::string_view bytes, SseSink &sink);

    // The stream is over. An event without its empty line is reported all the
    // same: a server that was cut may have sent the answer's end.
    void finish(SseSink &sink);

    void reset();

private:
    enum class State { mark, lines, after_cr, over };

    std::string_view skip_mark(std::string_view bytes);
    // At the beginning of a line: what the sink knows by its bytes.
    std::size_t take_events(std::string_view bytes, SseSink &sink)
    {
        const std::size_t size = bytes.size();

        while (!bytes.empty() && between_events()) {
            const std::size_t taken = sink.take_sse_event(bytes);
            if (taken == 0) {
                break;
            }

            bytes.remove_prefix(taken);
        }

        return size - bytes.size();
    }

    bool between_events() const
    {
        return line_.empty() && !has_data_ && !type_kept_ && type_.empty();
    }

    void read_lines(std::string_view bytes, SseSink &sink);
    void on_line(std::string_view line, SseSink &sink);
    void on_field(std::string_view name, std::string_view value);
    void add_data(std::string_view value);
    void report(SseSink &sink);
    void keep_line(std::string_view part);
    void keep_event();

    std::size_t max_event_bytes_;
    State       state_ = State::mark;
    std::size_t mark_seen_ = 0;  // bytes of the byte order mark

    std::string line_;  // beginning of a line, bounded

    // The event so far. The views lie in the bytes of the current feed() or
    // in line_; between two feeds everything is in the strings.
    bool             has_data_ = false;
    bool             cut_ = false;
    bool             type_kept_ = false;
    bool             data_kept_ = false;
    std::string_view type_;
    std::string_view data_;
    std::string      type_text_;
    std::string      data_text_;
};

}  // namespace opendify::wire

#endif
