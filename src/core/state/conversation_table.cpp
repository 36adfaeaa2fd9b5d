#include "state/conversation_table.hpp"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <iterator>

namespace opendify::state {

Table::Table(void *base)
    : header_(*static_cast<Header *>(base)),
      buckets_(reinterpret_cast<std::uint32_t *>(&header_ + 1)),
      records_(reinterpret_cast<Record *>(
          buckets_ + kIndices * std::size_t{ header_.capacity }))
{
    if (header_.noted != 0) {
        take_back();
    }
}

void Table::format(void *base, std::uint32_t capacity)
{
    auto *header = static_cast<Header *>(base);
    auto *buckets = reinterpret_cast<std::uint32_t *>(header + 1);

    *header = {};
    header->capacity = capacity;
    header->layout = kLayout;
    header->free = header->newest = header->oldest = kNone;
    std::fill_n(buckets, kIndices * std::size_t{ capacity }, kNone);
}

void Table::note(const void *word)
{
    const auto *base = reinterpret_cast<const char *>(&header_);
    Note &note = header_.notes[header_.noted];

    assert(header_.noted < kNotes);

    note.at = static_cast<std::uint32_t>(
        (static_cast<const char *>(word) - base) / 4);
    std::memcpy(&note.was, word, sizeof(note.was));
    in_order();
    header_.noted++;
    in_order();
}

// May be cut itself: then all is put back once more.
void Table::take_back()
{
    auto *base = reinterpret_cast<char *>(&header_);

    for (std::uint32_t i = header_.noted; i-- > 0;) {
        const Note &note = header_.notes[i];

        std::memcpy(base + std::size_t{ note.at } * 4, &note.was,
                    sizeof(note.was));
    }

    commit();
}

// Nothing stays in the notes of who talked to what.
void Table::commit()
{
    const std::uint32_t count = header_.noted;

    in_order();
    header_.noted = 0;
    in_order();
    std::memset(header_.notes, 0, count * sizeof(Note));
}

std::uint32_t &Table::bucket(Index index, const Digest &digest)
{
    std::uint64_t word;
    std::memcpy(&word, digest.data(), sizeof(word));

    return buckets_[index * std::size_t{ header_.capacity }
                    + word % header_.capacity];
}

std::uint32_t Table::find(Index index, const Digest &digest)
{
    std::uint32_t at = bucket(index, digest);

    while (at != kNone && record(at).digest[index] != digest) {
        at = record(at).next[index];
    }

    return at;
}

void Table::link(Index index, std::uint32_t number)
{
    std::uint32_t &first = bucket(index, record(number).digest[index]);

    write(records_[number].next[index], first);
    write(first, number);
}

void Table::unlink(Index index, std::uint32_t number)
{
    std::uint32_t *at = &bucket(index, record(number).digest[index]);

    while (*at != number) {
        at = &records_[*at].next[index];
    }

    write(*at, record(number).next[index]);
}

void Table::set_has(Index index, std::uint32_t number, bool has)
{
    RecordState state = record(number).state;

    (index == by_head ? state.has_head : state.has_message) = has ? 1 : 0;
    set_state(number, state);
}

void Table::set(Index index, std::uint32_t number, const Digest &digest)
{
    write(records_[number].digest[index], digest);
    set_has(index, number, true);
    link(index, number);
}

void Table::clear(Index index, std::uint32_t number)
{
    const RecordState &state = record(number).state;

    if ((index == by_head ? state.has_head : state.has_message) != 0) {
        set_has(index, number, false);
        unlink(index, number);
    }
}

void Table::void_head(std::uint32_t number)
{
    clear(by_head, number);
    clear(by_message, number);
}

void Table::use(std::uint32_t number)
{
    if (header_.newest != number) {
        leave_list(number);
        enter_list(number);
    }
}

void Table::enter_list(std::uint32_t number)
{
    const std::uint32_t before = header_.newest;

    write(records_[number].newer, kNone);
    write(records_[number].older, before);
    write(before == kNone ? header_.oldest : records_[before].newer, number);
    write(header_.newest, number);
}

void Table::leave_list(std::uint32_t number)
{
    const std::uint32_t newer = record(number).newer;
    const std::uint32_t older = record(number).older;

    write(newer == kNone ? header_.newest : records_[newer].older, older);
    write(older == kNone ? header_.oldest : records_[older].newer, newer);
}

// A free record; the least recently used one is freed if there is none.
std::uint32_t Table::unused()
{
    if (header_.free == kNone && header_.touched < header_.capacity) {
        write(header_.touched, header_.touched + 1);

        return header_.touched - 1;
    }

    if (header_.free == kNone) {
        forget(header_.oldest);
    }

    const std::uint32_t number = header_.free;
    write(header_.free, record(number).older);

    return number;
}

std::uint32_t Table::make(const Digest &key, const ConversationId &id,
                          std::uint32_t now_s)
{
    const std::uint32_t number = unused();
    Record &made = records_[number];
    Record record = {};

    // Of a dead record no more than this counts.
    note(&made.state);
    note(&made.older);

    record.digest[by_conversation] = key;
    record.id = id;
    record.used_s = now_s;
    record.state.live = 1;
    made = record;

    write(header_.size, header_.size + 1);
    link(by_conversation, number);
    enter_list(number);

    return number;
}

// Nothing stays in memory of who talked to what.
void Table::forget(std::uint32_t number)
{
    Record empty = {};

    void_head(number);
    unlink(by_conversation, number);
    leave_list(number);
    write(header_.size, header_.size - 1);
    empty.older = header_.free;
    write(records_[number], empty);
    write(header_.free, number);
}

}  // namespace opendify::state
