// What the instructions of a turn are known by.

#include <algorithm>
#include <vector>

#include "opendify/fingerprint.hpp"
#include "state/sha256.hpp"
#include "state/stable_text.hpp"

namespace opendify {

std::optional<Digest> turn_instructions(const Turn &turn, ToldApart told_apart)
{
    std::vector<Digest> parts;

    for (const Message &message : turn.messages) {
        if (message.role != Role::system) {
            continue;
        }

        const std::string text =
            told_apart == ToldApart::by_name
                ? state::stable_text(state::without_renewed(message.text))
                : state::stable_text(message.text);

        if (!text.empty()) {
            parts.push_back(digest_of({ text }));
        }
    }

    if (parts.empty()) {
        return std::nullopt;
    }

    std::sort(parts.begin(), parts.end());
    parts.erase(std::unique(parts.begin(), parts.end()), parts.end());

    state::Sha256 hash;

    for (const Digest &part : parts) {
        hash.add(state::bytes_of(part));
    }

    return hash.finish();
}

}  // namespace opendify
