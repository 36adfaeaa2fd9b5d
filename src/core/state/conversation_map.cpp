#include "opendify/conversation_map.hpp"

#include <algorithm>
#include <iterator>

#include "state/conversation_table.hpp"

namespace opendify {
namespace {

using state::by_conversation;
using state::by_head;
using state::Change;
using state::Header;
using state::kIndices;
using state::kNone;
using state::Record;
using state::Table;

Digest key_of(const Digest &scope, std::string_view id)
{
    const auto *bytes = reinterpret_cast<const char *>(scope.data());
    return digest_of({ { bytes, scope.size() }, id });
}

// A clock that went back makes nothing old.
bool is_old(const Record &record, std::uint32_t now_s, std::uint32_t ttl_s)
{
    return now_s > record.used_s && now_s - record.used_s > ttl_s;
}

}  // namespace

bool ConversationId::assign(std::string_view id)
{
    if (id.size() > sizeof(text) || id.find('\0') != std::string_view::npos) {
        return false;
    }

    std::fill(std::copy(id.begin(), id.end(), text), std::end(text), '\0');
    return true;
}

std::string_view ConversationId::view() const
{
    const char *end = std::find(text, text + sizeof(text), '\0');
    return { text, static_cast<std::size_t>(end - text) };
}

bool ConversationMap::format(void *memory, std::size_t bytes)
{
    constexpr std::size_t kEach =
        sizeof(Record) + kIndices * sizeof(std::uint32_t);

    if (bytes < sizeof(Header) + kEach) {
        return false;
    }

    const std::size_t capacity =
        std::min<std::size_t>((bytes - sizeof(Header)) / kEach, kNone - 1);

    Table::format(memory, static_cast<std::uint32_t>(capacity));

    return true;
}

bool ConversationMap::take(const Digest &head, std::uint32_t now_s,
                           std::uint32_t ttl_s, ConversationId &out)
{
    Table table(base_);
    const Change change(table);
    const std::uint32_t number = table.find(by_head, head);

    if (number == kNone || is_old(table.record(number), now_s, ttl_s)) {
        return false;
    }

    out = table.record(number).id;
    table.void_head(number);
    table.record(number).taken = 1;
    table.record(number).used_s = now_s;
    table.use(number);

    return true;
}

bool ConversationMap::take_conversation(const Digest &scope,
                                        std::string_view id, Digest &head)
{
    const Digest key = key_of(scope, id);
    Table table(base_);
    const Change change(table);
    const std::uint32_t number = table.find(by_conversation, key);

    if (number == kNone) {
        return false;
    }

    const bool has_head = table.record(number).has_head != 0;
    head = table.record(number).digest[by_head];
    table.void_head(number);
    table.record(number).taken |= has_head;
    table.use(number);

    return has_head;
}

void ConversationMap::put(const Digest &scope, const Digest &head,
                          const ConversationId &id, std::uint32_t now_s)
{
    const Digest key = key_of(scope, id.view());
    Table table(base_);
    const Change change(table);

    const std::uint32_t rival = table.find(by_head, head);
    if (rival != kNone) {
        table.void_head(rival);
    }

    std::uint32_t number = table.find(by_conversation, key);
    if (number == kNone) {
        number = table.make(key, id, now_s);

    } else {
        table.void_head(number);
        table.record(number).used_s = now_s;
        table.use(number);
    }

    table.set_head(number, head);
}

void ConversationMap::drop(const Digest &scope, std::string_view id)
{
    drop(key_of(scope, id));
}

Digest ConversationMap::key(const Digest &scope, std::string_view id)
{
    return key_of(scope, id);
}

std::size_t ConversationMap::size() const
{
    return Table(base_).header().size;
}

std::size_t ConversationMap::capacity() const
{
    return Table(base_).header().capacity;
}

}  // namespace opendify
