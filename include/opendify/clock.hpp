// Times of a clock that jumps, as they are stored: seconds since 1970.
//
// Who stores times also stores its birth: the clock's time less the time that
// has passed since it began. As long as the clock only runs, that is always
// the same; a step of the clock is a step of the birth.

#ifndef OPENDIFY_CLOCK_HPP
#define OPENDIFY_CLOCK_HPP

#include <cstdint>

namespace opendify {

// Clocks before 1970 and after 2106 stand still.
std::uint32_t stored_seconds(std::int64_t seconds);

// Never 0, which stands for: not known.
std::uint32_t birth_seconds(std::uint32_t now_s, std::uint64_t passed_ms);

// Whether the clock has jumped ahead between two births of the same.
bool is_later_birth(std::uint32_t birth_s, std::uint32_t later_s);

// A time that was stored by the clock of `birth_s`, as the clock that went
// ahead to `later_s` had told it: not later than `newest_s`, unless it was. A
// clock that went back changes nothing: times that are to come are not old.
std::uint32_t on_later_clock(std::uint32_t used_s, std::uint32_t birth_s,
                             std::uint32_t later_s, std::uint32_t newest_s);

}  // namespace opendify

#endif
