#include "wire/sse_parser.hpp"

#include <algorithm>

namespace opendify::wire {
namespace {

constexpr std::string_view kMark = "\xef\xbb\xbf";

// The longest beginning of a line that is not value: "event: ".
constexpr std::size_t kMaxField = 8;

// Ends of lines in one piece of input. Each byte is looked at once per kind
// of end, however many lines there are.
class LineEnds {
public:
    explicit LineEnds(std::string_view bytes) : bytes_(bytes) {}

    // The first CR or LF not before `at`; size of the input if there is none.
    std::size_t next(std::size_t at)
    {
        advance('\n', at, lf_);
        advance('\r', at, cr_);

        return std::min(lf_, cr_);
    }

private:
    // std::string_view::find(char) is memchr.
    void advance(char end, std::size_t at, std::size_t &found) const
    {
        if (found == kUnknown || found < at) {
            found = std::min(bytes_.find(end, at), bytes_.size());
        }
    }

    static constexpr std::size_t kUnknown = std::string_view::npos;

    std::string_view bytes_;
    std::size_t      lf_ = kUnknown;
    std::size_t      cr_ = kUnknown;
};

}  // namespace

SseParser::SseParser(std::size_t max_event_bytes)
    : max_event_bytes_(max_event_bytes)
{
}

[[gnu::hot]]
void SseParser::feed(std::string_view bytes, SseSink &sink)
{
    if (bytes.empty()) {
        return;
    }

    switch (state_) {
    case State::mark:
        bytes = skip_mark(bytes);
        break;

    case State::after_cr:  // CR LF is one end of a line
        state_ = State::lines;
        if (bytes.front() == '\n') {
            bytes.remove_prefix(1);
        }
        break;

    case State::lines:
        break;

    case State::over:
        return;
    }

    bytes.remove_prefix(take_events(bytes, sink));

    if (!bytes.empty()) {
        read_lines(bytes, sink);
    }
}

void SseParser::finish(SseSink &sink)
{
    if (state_ == State::over) {
        return;
    }

    if (!line_.empty()) {
        on_line(line_, sink);
    }

    report(sink);
    state_ = State::over;
}

void SseParser::reset()
{
    *this = SseParser(max_event_bytes_);
}

// "If the stream starts with a byte order mark, it is skipped."
std::string_view SseParser::skip_mark(std::string_view bytes)
{
    while (mark_seen_ < kMark.size()) {
        if (bytes.empty()) {
            return bytes;
        }

        if (bytes.front() != kMark[mark_seen_]) {
            line_.assign(kMark.substr(0, mark_seen_));
            break;
        }

        bytes.remove_prefix(1);
        mark_seen_++;
    }

    state_ = State::lines;

    return bytes;
}

void SseParser::read_lines(std::string_view bytes, SseSink &sink)
{
    LineEnds ends(bytes);
    std::size_t at = 0;
    bool continued = !line_.empty();

    for (;;) {
        const std::size_t end = ends.next(at);
        if (end == bytes.size()) {
            break;
        }

        std::string_view line = bytes.substr(at, end - at);
        if (continued) {
            keep_line(line);
            line = line_;
            continued = false;
        }

        on_line(line, sink);
        if (state_ == State::over) {
            return;
        }

        at = end + 1;
        if (bytes[end] == '\r') {
            if (at == bytes.size()) {
                state_ = State::after_cr;

            } else if (bytes[at] == '\n') {
                at++;
            }
        }

        at += take_events(bytes.substr(at), sink);
    }

    keep_event();
    if (!continued) {
        line_.clear();
    }
    keep_line(bytes.substr(at));
}

void SseParser::on_line(std::string_view line, SseSink &sink)
{
    if (line.empty()) {
        report(sink);
        return;
    }

    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) {
        on_field(line, {});
        return;
    }

    std::string_view value = line.substr(colon + 1);
    if (!value.empty() && value.front() == ' ') {
        value.remove_prefix(1);
    }

    on_field(line.substr(0, colon), value);
}

// A comment is a field without a name.
void SseParser::on_field(std::string_view name, std::string_view value)
{
    if (name == "data") {
        add_data(value);

    } else if (name == "event") {
        type_ = value.substr(0, max_event_bytes_);
        type_kept_ = false;
    }
}

void SseParser::add_data(std::string_view value)
{
    if (!has_data_) {
        has_data_ = true;
        data_ = value.substr(0, max_event_bytes_);
        cut_ = data_.size() < value.size();
        return;
    }

    if (!data_kept_) {
        data_text_.assign(data_);
        data_kept_ = true;
    }

    if (cut_ || data_text_.size() == max_event_bytes_) {
        cut_ = true;
        return;
    }

    data_text_.push_back('\n');
    const std::size_t room = max_event_bytes_ - data_text_.size();
    cut_ = value.size() > room;
    data_text_.append(value.substr(0, room));
}

void SseParser::report(SseSink &sink)
{
    const SseEvent event = { type_kept_ ? type_text_ : type_,
                             data_kept_ ? data_text_ : data_, cut_ };
    const bool wanted = has_data_ || !event.type.empty();

    has_data_ = false;
    cut_ = false;
    type_kept_ = false;
    data_kept_ = false;
    type_ = {};
    data_ = {};

    if (wanted && !sink.on_sse_event(event)) {
        state_ = State::over;
    }
}

// Bounded so that a longer value is still seen to be longer.
void SseParser::keep_line(std::string_view part)
{
    const std::size_t room = max_event_bytes_ + kMaxField - line_.size();
    line_.append(part.substr(0, room));
}

// The bytes of this feed are about to go away.
void SseParser::keep_event()
{
    if (!type_kept_ && !type_.empty()) {
        type_text_.assign(type_);
        type_kept_ = true;
    }

    if (!data_kept_ && has_data_) {
        data_text_.assign(data_);
        data_kept_ = true;
    }

    type_ = {};
    data_ = {};
}

}  // namespace opendify::wire
