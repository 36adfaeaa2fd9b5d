// The bytes of a JSON text that is followed by NULs: no token has one, so they
// end each.

#ifndef OPENDIFY_WIRE_JSON_SCAN_HPP
#define OPENDIFY_WIRE_JSON_SCAN_HPP

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace opendify::wire {

constexpr std::size_t kScanPadding = 8;  // how many NULs

inline bool is_blank(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

inline bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

inline bool is_wide(char c)
{
    return static_cast<unsigned char>(c) >= 0x80;
}

// Behind the ASCII that stands for itself in a string. Eight bytes are looked
// at together: the subtractions set the high bit of those below the subtrahend,
// and may borrow from what lies behind such a byte. A few bytes behind `limit`
// it ends in any case.
inline char *skip_plain(char *at, const char *limit)
{
    constexpr std::uint64_t kEach = 0x0101010101010101;

    for (; at < limit; at += 8) {
        std::uint64_t word;
        std::memcpy(&word, at, sizeof(word));
        if (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__) {
            word = __builtin_bswap64(word);
        }

        // The quote takes the place of the blank behind the controls.
        static_assert(('"' ^ 0x02) == 0x20);
        const std::uint64_t others = word
                                     | ((word ^ kEach * 0x02) - kEach * 0x21)
                                     | ((word ^ kEach * '\\') - kEach);

        if ((others & kEach * 0x80) != 0) {
            return at + __builtin_ctzll(others & kEach * 0x80) / 8u;
        }
    }

    return at;
}

}  // namespace opendify::wire

#endif
