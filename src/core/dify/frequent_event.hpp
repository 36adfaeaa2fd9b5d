// Events that tell a piece of the answer differ, within a stream, in that
// piece alone. Such an event is known again by the bytes around its text and
// read without building a document.

#ifndef OPENDIFY_DIFY_FREQUENT_EVENT_HPP
#define OPENDIFY_DIFY_FREQUENT_EVENT_HPP

#include <cstddef>
#include <cstring>
#include <string>
#include <string_view>

#include "wire/json_string.hpp"

namespace opendify::dify {

class FrequentEvent {
public:
    enum class Kind { none, message, agent_message, text_chunk };

    // `event` was read as a document: it is of this kind, and the token of
    // its text ends with the quote at `quote`. Replaces what was learnt.
    void learn(Kind kind, std::string_view event, std::size_t quote);

    // What was learnt does not count any more.
    void forget() { kind_ = Kind::none; }

    struct Found {
        Kind             kind = Kind::none;
        std::size_t      size = 0;  // of the event, or with its frame
        std::string_view text;  // lives until the next call, as do the bytes
        bool             plain = false;  // as a JsonToken's
    };

    // Is this the learnt event, with a text of its own? none: read it as a
    // document.
    Found read(std::string_view event);
    // Do the bytes begin with it, as Dify frames it: one line of data, and an
    // empty one?
    Found read_framed(std::string_view bytes)
    {
        return kind_ == Kind::none ? Found() : read(bytes, head_, tail_);
    }

    static constexpr std::string_view kFrame = "data: ";
    static constexpr std::string_view kFrameEnd = "\n\n";

private:
    Found read(std::string_view bytes, std::string_view head,
               std::string_view tail);

    Kind        kind_ = Kind::none;
    std::string head_;  // kFrame, and up to the text with its opening quote
    std::string tail_;  // behind it, from its closing quote on; kFrameEnd
    std::string text_;  // unescaped
};

inline FrequentEvent::Found FrequentEvent::read(std::string_view bytes,
                                                std::string_view head,
                                                std::string_view tail)
{
    if (bytes.size() < head.size()
        || std::memcmp(bytes.data(), head.data(), head.size()) != 0)
    {
        return {};
    }

    bytes.remove_prefix(head.size());
    const wire::JsonToken found = wire::read_token(bytes, text_);

    if (found.size == bytes.npos || bytes.size() - found.size < tail.size()
        || std::memcmp(bytes.data() + found.size, tail.data(), tail.size())
               != 0)
    {
        return {};
    }

    return {kind_, head.size() + found.size + tail.size(), found.text,
            found.plain};
}

// The quote that opens the token that ends at `quote`.
std::size_t opening_quote(std::string_view event, std::size_t quote);

// By the event's name.
FrequentEvent::Kind frequent_kind(std::string_view name);

}  // namespace opendify::dify

#endif
