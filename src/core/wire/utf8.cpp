#include "wire/utf8.hpp"

#include <cstdint>
#include <cstring>

namespace opendify::wire {
namespace {

struct Lead {
    std::size_t   size;   // 0: no character begins so
    unsigned char least;  // bounds of the second byte
    unsigned char most;
};

Lead lead_of(unsigned char c)
{
    if (c >= 0xc2 && c <= 0xdf) {
        return { 2, 0x80, 0xbf };
    }

    if (c >= 0xe0 && c <= 0xef) {
        const unsigned char least = c == 0xe0 ? 0xa0 : 0x80;
        const unsigned char most = c == 0xed ? 0x9f : 0xbf;
        return { 3, least, most };
    }

    if (c >= 0xf0 && c <= 0xf4) {
        const unsigned char least = c == 0xf0 ? 0x90 : 0x80;
        const unsigned char most = c == 0xf4 ? 0x8f : 0xbf;
        return { 4, least, most };
    }

    return { 0, 0, 0 };
}

// How many bytes from `at` on are ASCII for sure; a multiple of 8.
std::size_t ascii_run(std::string_view bytes, std::size_t at)
{
    const std::size_t begin = at;

    for (; bytes.size() - at >= 8; at += 8) {
        std::uint64_t word;
        std::memcpy(&word, bytes.data() + at, 8);
        if ((word & 0x8080808080808080u) != 0) {
            break;
        }
    }

    return at - begin;
}

}  // namespace

Utf8Unit utf8_unit(std::string_view bytes, std::size_t at)
{
    const auto byte = [&](std::size_t i) {
        return static_cast<unsigned char>(bytes[i]);
    };

    if (byte(at) < 0x80) {
        return { true, 1 };
    }

    const Lead lead = lead_of(byte(at));
    if (lead.size == 0) {
        return { false, 1 };
    }

    for (std::size_t i = 1; i < lead.size; i++) {
        if (at + i >= bytes.size()) {
            return { false, i };
        }

        const unsigned char least = i == 1 ? lead.least : 0x80;
        const unsigned char most = i == 1 ? lead.most : 0xbf;
        if (byte(at + i) < least || byte(at + i) > most) {
            return { false, i };
        }
    }

    return { true, lead.size };
}

[[gnu::hot]]
bool is_utf8(std::string_view bytes)
{
    std::size_t at = ascii_run(bytes, 0);

    while (at < bytes.size()) {
        const Utf8Unit unit = utf8_unit(bytes, at);
        if (!unit.valid) {
            return false;
        }

        at += unit.size;
        if (unit.size == 1) {
            at += ascii_run(bytes, at);
        }
    }

    return true;
}

}  // namespace opendify::wire
