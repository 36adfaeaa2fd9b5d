// The first byte chooses the cuts, a bit of it the rule for tags; the rest is
// an answer. However it is cut, the same is said and thought. Nothing is made
// up: what comes out is what went in, in order, with parts left out; and
// without "<" and ">" nothing is left out.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <random>
#include <string>
#include <string_view>

#include "flow/think_splitter.hpp"

namespace {

using opendify::ThinkSink;
using opendify::ThinkSplitter;

struct Transcript : ThinkSink {
    void on_text(std::string_view piece) override { add('t', piece); }
    void on_thought(std::string_view piece) override { add('r', piece); }
    void on_thought_end() override { kinds.push_back('.'); }

    void add(char kind, std::string_view piece)
    {
        if (piece.empty()) {
            std::abort();
        }

        kinds.append(piece.size(), kind);
        bytes.append(piece);
    }

    std::string kinds;
    std::string bytes;
};

template <class Cut>
Transcript transcript(std::string_view text, ThinkSplitter::Tags tags,
                      Cut &&cut)
{
    Transcript    sink;
    ThinkSplitter splitter(tags);
    std::size_t   fed = 0;
    bool          dropped =
        text.find_first_of("<>") != std::string_view::npos;

    while (!text.empty()) {
        std::size_t size = std::min<std::size_t>(cut(), text.size());
        std::string copy(text.substr(0, size));
        splitter.feed(copy, sink);
        text.remove_prefix(size);
        fed += size;

        if (!dropped
            && fed - sink.bytes.size() > ThinkSplitter::kMaxHeld)
        {
            std::abort();
        }
    }

    splitter.finish(sink);
    return sink;
}

bool left_out_only(std::string_view from, std::string_view bytes)
{
    for (char c : bytes) {
        std::size_t at = from.find(c);

        if (at == std::string_view::npos) {
            return false;
        }

        from.remove_prefix(at + 1);
    }

    return true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data,
                                      std::size_t size)
{
    if (size < 1) {
        return 0;
    }

    auto tags = data[0] & 1 ? ThinkSplitter::Tags::anywhere
                            : ThinkSplitter::Tags::placed;
    std::string_view text(reinterpret_cast<const char *>(data + 1), size - 1);
    std::minstd_rand random(data[0] + 1u);

    Transcript whole = transcript(text, tags, [&] { return text.size(); });
    Transcript bytes = transcript(text, tags, [] { return 1; });
    Transcript cuts =
        transcript(text, tags, [&] { return random() % 7 + 1; });

    if (bytes.kinds != whole.kinds || bytes.bytes != whole.bytes
        || cuts.kinds != whole.kinds || cuts.bytes != whole.bytes)
    {
        std::abort();
    }

    if (text.find_first_of("<>") == std::string_view::npos
        && whole.bytes != text)
    {
        std::abort();
    }

    // Entities of escaped thoughts become what was not there.
    if (text.find('&') == std::string_view::npos
        && !left_out_only(text, whole.bytes))
    {
        std::abort();
    }

    return 0;
}
