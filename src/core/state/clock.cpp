#include "opendify/clock.hpp"

#include <algorithm>

namespace opendify {
namespace {

constexpr std::int64_t kLast = UINT32_MAX;
constexpr std::uint32_t kRoundingS = 2;  // both were cut to whole seconds

}  // namespace

std::uint32_t stored_seconds(std::int64_t seconds)
{
    return static_cast<std::uint32_t>(
        std::clamp<std::int64_t>(seconds, 0, kLast));
}

std::uint32_t birth_seconds(std::uint32_t now_s, std::uint64_t passed_ms)
{
    const std::uint64_t passed_s = passed_ms / 1000;

    return now_s > passed_s ? static_cast<std::uint32_t>(now_s - passed_s) : 1;
}

bool is_later_birth(std::uint32_t birth_s, std::uint32_t later_s)
{
    return birth_s != 0 && later_s > birth_s
           && later_s - birth_s > kRoundingS;
}

std::uint32_t on_later_clock(std::uint32_t used_s, std::uint32_t birth_s,
                             std::uint32_t later_s, std::uint32_t newest_s)
{
    if (!is_later_birth(birth_s, later_s) || used_s >= newest_s) {
        return used_s;
    }

    return used_s + std::min(later_s - birth_s, newest_s - used_s);
}

}  // namespace opendify
