#include <algorithm>

#include "opendify/backend.hpp"
#include "opendify/fingerprint.hpp"
#include "wire/json_reader.hpp"

namespace opendify {

namespace {

bool same_turn(const Turn &turn, std::string_view query,
               std::string_view answer)
{
    const auto last = std::find_if(
        turn.messages.rbegin(), turn.messages.rend(),
        [](const Message &m) { return m.role == Role::assistant; });
    const auto asked = std::find_if(
        last, turn.messages.rend(),
        [](const Message &m) { return m.role == Role::user; });
    Fingerprint shown, stored;

    if (asked == turn.messages.rend()) {
        return false;
    }

    // Forward again: an answer may come in several messages.
    for (auto m = asked.base() - 1; m != last.base(); ++m) {
        shown.message(m->role, m->text);
    }

    stored.message(Role::user, query);
    stored.message(Role::assistant, answer);

    return shown.digest() == stored.digest();
}

}  // namespace

bool shows_last_turn(const Turn &turn, std::string_view messages)
{
    wire::JsonDocument json;
    wire::JsonValue newest;

    if (!json.parse_python(messages, 64)) {
        return false;
    }

    for (auto m = json.root()["data"].first(); m; m = m.next()) {
        newest = m;
    }

    return newest
           && same_turn(turn, newest["query"].string(),
                        newest["answer"].string());
}

}  // namespace opendify
