#include "dify/frequent_event.hpp"

namespace opendify::dify {

namespace {

// What is kept of a stream is bounded; Dify's events have some 300 bytes.
constexpr std::size_t kMaxAround = 2048;

}  // namespace

// Those inside of the token are escaped, and so stand behind an odd number of
// backslashes.
std::size_t opening_quote(std::string_view event, std::size_t quote)
{
    for (std::size_t at = event.rfind('"', quote - 1); at != event.npos;
         at = event.rfind('"', at - 1))
    {
        const std::size_t before = event.find_last_not_of('\\', at - 1);

        if ((at - 1 - before) % 2 == 0) {
            return at;
        }
    }

    return event.npos;
}

FrequentEvent::Kind frequent_kind(std::string_view name)
{
    using Kind = FrequentEvent::Kind;

    return name == "message"         ? Kind::message
           : name == "agent_message" ? Kind::agent_message
           : name == "text_chunk"    ? Kind::text_chunk
                                     : Kind::none;
}

void FrequentEvent::learn(Kind kind, std::string_view event,
                          std::size_t quote)
{
    const std::size_t open = opening_quote(event, quote);

    kind_ = Kind::none;

    if (open + 1 + event.size() - quote <= kMaxAround) {
        kind_ = kind;
        head_.assign(kFrame).append(event.substr(0, open + 1));
        tail_.assign(event.substr(quote)).append(kFrameEnd);
    }
}

FrequentEvent::Found FrequentEvent::read(std::string_view event)
{
    const std::string_view head(head_);
    const std::string_view tail(tail_);

    if (kind_ == Kind::none) {
        return {};
    }

    const Found found = read(event, head.substr(kFrame.size()),
                             tail.substr(0, tail.size() - kFrameEnd.size()));

    return found.size == event.size() ? found : Found();
}

}  // namespace opendify::dify
