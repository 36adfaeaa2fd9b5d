// The history of a turn alone.

#ifndef OPENDIFY_TESTS_HISTORY_DIGEST_HPP
#define OPENDIFY_TESTS_HISTORY_DIGEST_HPP

#include <optional>

#include "opendify/fingerprint.hpp"

namespace opendify {

// False if there is none.
inline bool history_digest(const Turn &turn, Digest &out)
{
    std::optional<Digest> history;
    turn_fingerprint(turn, &history);
    out = history.value_or(Digest{});

    return history.has_value();
}

}  // namespace opendify

#endif
