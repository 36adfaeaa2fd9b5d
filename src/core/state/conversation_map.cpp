#include "opendify/conversation_map.hpp"

#include <algorithm>
#include <iterator>

#include "state/conversation_table.hpp"

namespace opendify {
namespace {

using state::by_conversation;
using state::by_head;
using state::by_message;
using state::Change;
using state::Header;
using state::Index;
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

// Somebody is still to settle it. A clock that went back makes nothing be
// awaited for long.
bool is_awaited(const Record &record, std::uint32_t now_s)
{
    constexpr std::uint32_t kPendingS = 4;

    return now_s - record.used_s <= kPendingS;
}

// The record of the conversation if it has that head, or kNone.
std::uint32_t find_head(Table &table, const Mapping &mapping)
{
    const std::uint32_t number = table.find(
        by_conversation, key_of(mapping.scope, mapping.id.view()));

    return number != kNone && table.record(number).has_head != 0
                   && table.record(number).digest[by_head] == mapping.head
               ? number
               : kNone;
}

void take_head(Table &table, std::uint32_t number, Mapping &out)
{
    Record &record = table.record(number);

    out.head = record.digest[by_head];
    out.message = record.has_message != 0
                      ? std::optional(record.digest[by_message])
                      : std::nullopt;
    out.id = record.id;
    out.owner = record.owner;

    if (record.has_head != 0) {
        record.taken = 1;
        record.taken_message = record.has_message != 0;
    }

    table.void_head(number);
    table.use(number);
}

// One head has one conversation, and one message. A conversation without its
// message is still found by its head.
void void_rivals(Table &table, const Mapping &mapping)
{
    std::uint32_t rival = table.find(by_head, mapping.head);
    if (rival != kNone) {
        table.void_head(rival);
    }

    rival = mapping.message ? table.find(by_message, *mapping.message) : kNone;
    if (rival != kNone) {
        table.clear(by_message, rival);
    }
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

ConversationOwner ConversationOwner::of(std::string_view user,
                                        const Digest &app)
{
    const Digest digest = digest_of({ "user", user });
    ConversationOwner owner;

    std::copy_n(digest.begin(), owner.user.size(), owner.user.begin());
    std::copy_n(app.begin(), owner.app.size(), owner.app.begin());

    return owner;
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

Taken ConversationMap::take(const Digest &scope, const Digest &head,
                            std::uint32_t now_s, std::uint32_t ttl_s,
                            Mapping &out)
{
    out.scope = scope;

    return take_by(by_head, head, now_s, ttl_s, out);
}

Taken ConversationMap::take_message(const Digest &scope, const Digest &message,
                                    std::uint32_t now_s, std::uint32_t ttl_s,
                                    Mapping &out)
{
    out.scope = scope;

    return take_by(by_message, message, now_s, ttl_s, out);
}

Taken ConversationMap::take_by(std::size_t index, const Digest &digest,
                               std::uint32_t now_s, std::uint32_t ttl_s,
                               Mapping &out)
{
    Table table(base_);
    const Change change(table);
    const std::uint32_t number =
        table.find(static_cast<Index>(index), digest);

    if (number == kNone || is_old(table.record(number), now_s, ttl_s)) {
        return Taken::no;
    }

    if (table.record(number).pending != 0) {
        return is_awaited(table.record(number), now_s) ? Taken::pending
                                                       : Taken::no;
    }

    take_head(table, number, out);
    table.record(number).used_s = now_s;

    return Taken::yes;
}

bool ConversationMap::take_conversation(const Digest &scope,
                                        std::string_view id, Mapping &out)
{
    const Digest key = key_of(scope, id);
    Table table(base_);
    const Change change(table);
    const std::uint32_t number = table.find(by_conversation, key);

    if (number == kNone) {
        return false;
    }

    const bool has_head = table.record(number).has_head != 0;
    out.scope = scope;
    take_head(table, number, out);

    return has_head;
}

void ConversationMap::put(const Mapping &mapping, std::uint32_t now_s,
                          bool pending)
{
    const Digest key = key_of(mapping.scope, mapping.id.view());
    Table table(base_);
    const Change change(table);

    void_rivals(table, mapping);

    std::uint32_t number = table.find(by_conversation, key);
    if (number == kNone) {
        number = table.make(key, mapping.id, now_s);

    } else {
        table.void_head(number);
        table.record(number).used_s = now_s;
        table.use(number);
    }

    table.record(number).owner = mapping.owner;
    table.record(number).pending = pending ? 1 : 0;
    table.record(number).taken = 0;
    table.set(by_head, number, mapping.head);
    if (mapping.message) {
        table.set(by_message, number, *mapping.message);
    }
}

bool ConversationMap::settle(const Mapping &mapping)
{
    Table table(base_);
    const Change change(table);
    const std::uint32_t number = find_head(table, mapping);

    if (number == kNone) {
        return false;
    }

    table.record(number).pending = 0;
    table.use(number);

    return true;
}

bool ConversationMap::abandon(const Mapping &mapping)
{
    Table table(base_);
    const Change change(table);
    const std::uint32_t number = find_head(table, mapping);

    if (number == kNone || table.record(number).pending == 0) {
        return false;
    }

    table.forget(number);

    return true;
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
