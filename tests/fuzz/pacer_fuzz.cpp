// Four bytes choose the lag, the lengths of pieces and the times between
// them; the rest is a text. Nothing is altered, nothing waits longer than the
// lag, a piece is cut only at the borders that are told.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "flow/grapheme_border.hpp"
#include "flow/pacer.hpp"

namespace {

using opendify::Pacer;

struct Stream {
    void come(std::string_view text)
    {
        std::string copy(text);  // a view must not outlive its call

        mark_borders(text);
        in.append(text);
        came.resize(in.size(), now);

        if (!pacer.keep(copy, now)) {
            went(pacer.take_all());
            went(copy);
        }
    }

    void mark_borders(std::string_view text)
    {
        for (std::size_t at = 0; at < text.size();) {
            borders.insert(in.size() + at);
            at = opendify::grapheme_border(text, at + 1);
        }
    }

    void until(std::uint64_t then)
    {
        while (pacer.due_ms() != 0 && pacer.due_ms() <= then) {
            now = pacer.due_ms();
            went(pacer.take(now));
        }

        now = then;
    }

    void went(std::string_view text)
    {
        if (in.compare(out, text.size(), text) != 0) {
            std::abort();
        }

        for (std::size_t i = 0; i < text.size(); i++) {
            if (now - came[out + i] > lag) {
                std::abort();
            }
        }

        out += text.size();

        if (out != in.size() && borders.count(out) == 0) {
            std::abort();
        }
    }

    std::uint32_t              lag;
    Pacer                      pacer{lag};
    std::uint64_t              now = 1;
    std::string                in;
    std::size_t                out = 0;
    std::vector<std::uint64_t> came;
    std::set<std::size_t>      borders;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data,
                                      std::size_t size)
{
    if (size < 4) {
        return 0;
    }

    Stream           stream{data[0] * 2u};
    std::minstd_rand random(data[1] + 1u);
    std::size_t      longest = data[2] + 1u;
    std::uint64_t    gap = data[3];
    std::string_view text(reinterpret_cast<const char *>(data + 4), size - 4);

    while (!text.empty()) {
        std::size_t piece =
            std::min<std::size_t>(random() % longest + 1, text.size());
        stream.come(text.substr(0, piece));
        text.remove_prefix(piece);

        if (random() % 4 == 0) {
            stream.until(stream.now + random() % (gap + 1));
        }
    }

    stream.until(stream.now + stream.lag);

    if (stream.out != stream.in.size() || stream.pacer.due_ms() != 0) {
        std::abort();
    }

    return 0;
}
