// Entries out of the map and back, for what keeps them outside memory.

#include <algorithm>

#include "opendify/conversation_map.hpp"
#include "state/conversation_table.hpp"

namespace opendify {
namespace {

using state::by_conversation;
using state::by_head;
using state::by_message;
using state::Change;
using state::Index;
using state::kNone;
using state::Record;
using state::RecordState;
using state::Table;

// What counts if all that live in this memory die now.
ConversationEntry entry_of(const Record &record)
{
    const RecordState &state = record.state;
    ConversationEntry entry;

    entry.key = record.digest[by_conversation];
    entry.head = record.digest[by_head];
    entry.message = record.digest[by_message];
    entry.id = record.id;
    entry.owner = record.owner;
    entry.used_s = record.used_s;
    entry.has_head = state.has_head != 0 && state.pending == 0;
    entry.is_taken = !entry.has_head && state.returns != 0;
    entry.has_message = state.has_head != 0
                            ? state.has_message != 0
                            : entry.is_taken && state.returns_message != 0;

    return entry;
}

// Who had it loses all. False if somebody has it and shall keep it.
bool make_free(Table &table, Index index, const Digest &digest, bool wins)
{
    const std::uint32_t rival = table.find(index, digest);

    if (rival != kNone && wins) {
        table.void_head(rival);
    }

    return rival == kNone || wins;
}

void restore_head(Table &table, std::uint32_t number,
                  const ConversationEntry &entry)
{
    if (!make_free(table, by_head, entry.head, entry.has_head)
        || (entry.has_message
            && !make_free(table, by_message, entry.message, entry.has_head)))
    {
        return;
    }

    table.set(by_head, number, entry.head);
    if (entry.has_message) {
        table.set(by_message, number, entry.message);
    }
}

}  // namespace

void ConversationMap::drop(const Digest &key)
{
    Table table(base_);
    const Change change(table);
    const std::uint32_t number = table.find(by_conversation, key);

    if (number != kNone) {
        table.forget(number);
    }
}

bool ConversationMap::find(const Digest &key, ConversationEntry &out) const
{
    Table table(base_);
    const Change change(table);
    const std::uint32_t number = table.find(by_conversation, key);

    if (number != kNone) {
        out = entry_of(table.record(number));
    }

    return number != kNone;
}

bool ConversationMap::newest(ConversationEntry &out) const
{
    Table table(base_);
    const Change change(table);
    const std::uint32_t number = table.header().newest;

    if (number != kNone) {
        out = entry_of(table.record(number));
    }

    return number != kNone;
}

std::size_t ConversationMap::copy(std::uint32_t &from, ConversationEntry *out,
                                  std::size_t count) const
{
    Table table(base_);
    std::size_t copied = 0;

    for (; from < table.header().touched && copied < count; from++) {
        if (table.record(from).state.live != 0) {
            out[copied++] = entry_of(table.record(from));
        }
    }

    return copied;
}

std::size_t ConversationMap::search(const ConversationFilter &filter,
                                    std::uint32_t &from,
                                    ConversationEntry *out,
                                    std::size_t count) const
{
    Table table(base_);
    std::size_t found = 0;
    std::size_t left = kSearched;

    for (; !is_end(from) && left > 0 && found < count; from++, left--) {
        const Record &record = table.record(from);

        if (record.state.live != 0
            && filter.matches(record.owner, record.id, record.used_s))
        {
            out[found++] = entry_of(record);
        }
    }

    return found;
}

bool ConversationMap::is_end(std::uint32_t from) const
{
    return from >= Table(base_).header().touched;
}

void ConversationMap::restore(const ConversationEntry &entry)
{
    Table table(base_);
    const Change change(table);
    std::uint32_t number = table.find(by_conversation, entry.key);

    if (number == kNone) {
        number = table.make(entry.key, entry.id, entry.used_s);

    } else {
        table.void_head(number);
        table.set_used(number, entry.used_s);
        table.use(number);
    }

    RecordState state = table.record(number).state;
    state.pending = 0;
    state.returns = 0;
    table.set_state(number, state);
    table.set_owner(number, entry.owner);

    if (entry.has_head || entry.is_taken) {
        restore_head(table, number, entry);
    }
}

bool ConversationMap::add(const ConversationEntry &entry)
{
    {
        Table table(base_);
        const Change change(table);
        const bool counts = entry.has_head || entry.is_taken;

        if (table.find(by_conversation, entry.key) != kNone
            || (counts && table.find(by_head, entry.head) != kNone)
            || (counts && entry.has_message
                && table.find(by_message, entry.message) != kNone))
        {
            return false;
        }
    }

    restore(entry);
    return true;
}

}  // namespace opendify
