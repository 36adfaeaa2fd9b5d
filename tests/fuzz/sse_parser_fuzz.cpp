// The first two bytes choose limit and cuts, the rest is the stream: however
// it is cut, the events are the same, and none is larger than the limit.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <random>
#include <string>
#include <string_view>

#include "wire/sse_parser.hpp"

namespace {

using opendify::wire::SseEvent;
using opendify::wire::SseParser;
using opendify::wire::SseSink;

struct Transcript : SseSink {
    explicit Transcript(std::size_t limit) : max_event_bytes(limit) {}

    bool on_sse_event(const SseEvent &event) override
    {
        if (event.data.size() > max_event_bytes
            || event.type.size() > max_event_bytes
            || event.data.find('\r') != std::string_view::npos)
        {
            std::abort();
        }

        text.append(std::to_string(event.type.size())).append(event.type);
        text.append(std::to_string(event.data.size())).append(event.data);
        text.push_back(event.cut ? '!' : '.');

        return true;
    }

    std::size_t max_event_bytes;
    std::string text;
};

template <class Cut>
std::string transcript(std::string_view bytes, std::size_t limit, Cut &&cut)
{
    Transcript sink(limit);
    SseParser parser(limit);

    while (!bytes.empty()) {
        const std::size_t size = std::min<std::size_t>(cut(), bytes.size());
        const std::string copy(bytes.substr(0, size));
        parser.feed(copy, sink);
        bytes.remove_prefix(size);
    }

    parser.finish(sink);

    return sink.text;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data,
                                      std::size_t size)
{
    if (size < 2) {
        return 0;
    }

    const std::size_t limit = data[0];
    const std::string_view bytes(reinterpret_cast<const char *>(data + 2),
                                 size - 2);
    std::minstd_rand random(data[1] + 1u);

    const std::string whole =
        transcript(bytes, limit, [&] { return bytes.size(); });

    if (transcript(bytes, limit, [] { return 1; }) != whole
        || transcript(bytes, limit, [&] { return random() % 7; }) != whole)
    {
        std::abort();
    }

    return 0;
}
