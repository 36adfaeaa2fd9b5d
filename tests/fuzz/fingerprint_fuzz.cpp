// The first byte chooses the cuts, the second who speaks, the rest is a text.
// However it is cut, it is the same answer, and one with blanks around it. What
// was stored after the answer is what the next turn looks for. A question is
// the end of its text, and nothing is to be unwrapped from it again but lists
// of files. No text crashes is_auxiliary().

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <random>
#include <string>
#include <string_view>

#include "opendify/auxiliary.hpp"
#include "opendify/fingerprint.hpp"
#include "state/normal_text.hpp"

namespace {

using opendify::Digest;
using opendify::Fingerprint;
using opendify::Role;
using opendify::Turn;

void must(bool holds)
{
    if (!holds) {
        std::abort();
    }
}

template <class Cut>
Digest answered(const Turn &turn, std::string_view text, Cut &&cut)
{
    Fingerprint fingerprint = turn_fingerprint(turn);

    fingerprint.begin(Role::assistant);
    while (!text.empty()) {
        std::size_t size = std::min<std::size_t>(cut(), text.size());
        std::string copy(text.substr(0, size));
        fingerprint.add(copy);
        text.remove_prefix(size);
    }

    fingerprint.end();
    return fingerprint.digest();
}

Digest looked_for(Turn turn, const std::string &answer)
{
    std::optional<Digest> history;

    turn.messages.push_back({ Role::assistant, answer });
    turn.messages.push_back({ Role::user, "And?" });
    turn_fingerprint(turn, &history);
    must(history.has_value());

    return *history;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data,
                                      std::size_t size)
{
    if (size < 2) {
        return 0;
    }

    const std::string text(reinterpret_cast<const char *>(data + 2),
                           size - 2);
    std::minstd_rand random(data[0] + 1u);

    Turn turn;
    turn.stream = (data[1] & 1) != 0;
    turn.messages = { { Role::user, text } };

    // A second message that the answer lengthens.
    if ((data[1] & 2) != 0) {
        turn.messages.push_back({ Role::assistant, "So " });
    }

    const Digest whole = answered(turn, text, [&] { return text.size(); });

    must(answered(turn, text, [] { return 1; }) == whole);
    must(answered(turn, text, [&] { return random() % 7 + 1; }) == whole);
    must(looked_for(turn, text) == whole);

    if ((data[1] & 2) == 0) {
        must(looked_for(turn, "\n\xe3\x80\x80" + text) == whole
             || text.find_first_of("<>[") != std::string::npos);
    }

    const std::string_view asked = opendify::state::asked_text(text);
    must(asked.data() + asked.size() == text.data() + text.size());

    (void)is_auxiliary(turn, {});
    return 0;
}
