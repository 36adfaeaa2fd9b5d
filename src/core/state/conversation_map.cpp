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
using state::RecordState;
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

// A clock that went far makes nothing pending for long.
bool is_young(const Record &record, std::uint32_t now_s)
{
    constexpr std::uint32_t kPendingS = 4;

    return std::max(now_s, record.used_s) - std::min(now_s, record.used_s)
           <= kPendingS;
}

// The record of the conversation if that head of it is pending, or kNone.
std::uint32_t find_pending(Table &table, const Mapping &mapping)
{
    const std::uint32_t number = table.find(
        by_conversation, key_of(mapping.scope, mapping.id.view()));

    return number != kNone && table.record(number).state.has_head != 0
                   && table.record(number).state.pending != 0
                   && table.record(number).digest[by_head] == mapping.head
               ? number
               : kNone;
}

// Whether it counts as the head of a conversation now.
Taken state_of(const Record &record, std::uint32_t now_s, std::uint32_t ttl_s)
{
    if (is_old(record, now_s, ttl_s)) {
        return Taken::no;
    }

    if (record.state.pending == 0) {
        return Taken::yes;
    }

    if (is_young(record, now_s)) {
        return Taken::pending;
    }

    return record.state.returns != 0 ? Taken::yes : Taken::no;
}

void take_head(Table &table, std::uint32_t number, bool returns, Mapping &out)
{
    const Record &record = table.record(number);
    RecordState state = record.state;

    out.head = record.digest[by_head];
    out.message = state.has_message != 0
                      ? std::optional(record.digest[by_message])
                      : std::nullopt;
    out.id = record.id;
    out.owner = record.owner;

    if (state.has_head != 0) {
        state.pending = 0;
        state.returns = returns ? 1 : 0;
        state.returns_message = state.has_message;
        table.set_state(number, state);
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

bool ConversationMap::is_ours(const void *memory)
{
    return static_cast<const Header *>(memory)->layout == state::kLayout;
}

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
        std::min<std::size_t>((bytes - sizeof(Header)) / kEach,
                              static_cast<std::size_t>(state::kMaxRecords));

    Table::format(memory, static_cast<std::uint32_t>(capacity));

    return true;
}

Taken ConversationMap::take(const Digest &scope, const Digest &head,
                            std::uint32_t now_s, std::uint32_t ttl_s,
                            Mapping &out, bool returns)
{
    out.scope = scope;

    return take_by(by_head, head, now_s, ttl_s, out, returns);
}

Taken ConversationMap::take_message(const Digest &scope, const Digest &message,
                                    std::uint32_t now_s, std::uint32_t ttl_s,
                                    Mapping &out, bool returns)
{
    out.scope = scope;

    return take_by(by_message, message, now_s, ttl_s, out, returns);
}

Taken ConversationMap::take_by(std::size_t index, const Digest &digest,
                               std::uint32_t now_s, std::uint32_t ttl_s,
                               Mapping &out, bool returns)
{
    Table table(base_);
    const Change change(table);
    const std::uint32_t number =
        table.find(static_cast<Index>(index), digest);

    const Taken found = number == kNone
                            ? Taken::no
                            : state_of(table.record(number), now_s, ttl_s);

    if (found == Taken::yes) {
        take_head(table, number, returns, out);
        table.set_used(number, now_s);
    }

    return found;
}

bool ConversationMap::take_conversation(const Digest &scope,
                                        std::string_view id, Mapping &out,
                                        bool returns)
{
    const Digest key = key_of(scope, id);
    Table table(base_);
    const Change change(table);
    const std::uint32_t number = table.find(by_conversation, key);

    if (number == kNone) {
        return false;
    }

    const bool has_head = table.record(number).state.has_head != 0;
    out.scope = scope;
    take_head(table, number, returns, out);

    return has_head;
}

void ConversationMap::put(const Mapping &mapping, std::uint32_t now_s,
                          bool pending, bool returns)
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
        table.set_used(number, now_s);
        table.use(number);
    }

    RecordState state = table.record(number).state;
    state.pending = pending ? 1 : 0;
    state.returns = pending && returns ? 1 : 0;
    table.set_state(number, state);
    table.set_owner(number, mapping.owner);
    table.set(by_head, number, mapping.head);
    if (mapping.message) {
        table.set(by_message, number, *mapping.message);
    }
}

bool ConversationMap::settle(const Mapping &mapping)
{
    Table table(base_);
    const Change change(table);
    const std::uint32_t number = find_pending(table, mapping);

    if (number == kNone) {
        return false;
    }

    RecordState state = table.record(number).state;
    state.pending = 0;
    state.returns = 0;
    table.set_state(number, state);
    table.use(number);

    return true;
}

bool ConversationMap::abandon(const Mapping &mapping)
{
    Table table(base_);
    const Change change(table);
    const std::uint32_t number = find_pending(table, mapping);

    if (number != kNone) {
        table.forget(number);
    }

    return number != kNone;
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
    return static_cast<const Header *>(base_)->capacity;
}

}  // namespace opendify
