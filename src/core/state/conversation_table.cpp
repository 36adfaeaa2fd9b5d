#include "state/conversation_table.hpp"

#include <algorithm>
#include <cstring>
#include <iterator>

namespace opendify::state {
namespace {

// Nothing stays in memory of who talked to what.
void wipe(Record &record)
{
    record.id = {};
    record.owner = {};
    std::fill(std::begin(record.digest), std::end(record.digest), Digest{});
}

}  // namespace

Table::Table(void *base)
    : header_(*static_cast<Header *>(base)),
      buckets_(reinterpret_cast<std::uint32_t *>(&header_ + 1)),
      records_(reinterpret_cast<Record *>(
          buckets_ + kIndices * std::size_t{ header_.capacity }))
{
}

void Table::format(void *base, std::uint32_t capacity)
{
    auto *header = static_cast<Header *>(base);

    *header = {};
    header->capacity = capacity;
    header->busy = 1;
    Table(base).mend();
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
    Record &record = this->record(number);
    std::uint32_t &first = bucket(index, record.digest[index]);

    record.next[index] = first;
    in_order();
    first = number;
}

void Table::unlink(Index index, std::uint32_t number)
{
    std::uint32_t *at = &bucket(index, record(number).digest[index]);

    while (*at != number) {
        at = &record(*at).next[index];
    }

    *at = record(number).next[index];
}

std::uint8_t &Table::has(Index index, std::uint32_t number)
{
    Record &record = this->record(number);

    return index == by_head ? record.has_head : record.has_message;
}

void Table::set(Index index, std::uint32_t number, const Digest &digest)
{
    record(number).digest[index] = digest;
    in_order();
    has(index, number) = 1;
    link(index, number);
}

void Table::clear(Index index, std::uint32_t number)
{
    if (has(index, number) != 0) {
        has(index, number) = 0;
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
    leave_list(number);
    enter_list(number);
}

void Table::enter_list(std::uint32_t number)
{
    record(number).newer = kNone;
    record(number).older = header_.newest;

    if (header_.newest == kNone) {
        header_.oldest = number;

    } else {
        record(header_.newest).newer = number;
    }

    header_.newest = number;
}

void Table::leave_list(std::uint32_t number)
{
    const Record &record = this->record(number);

    if (record.newer == kNone) {
        header_.newest = record.older;

    } else {
        this->record(record.newer).older = record.older;
    }

    if (record.older == kNone) {
        header_.oldest = record.newer;

    } else {
        this->record(record.older).newer = record.newer;
    }
}

// A free record; the least recently used one is freed if there is none.
std::uint32_t Table::unused()
{
    if (header_.free == kNone && header_.touched < header_.capacity) {
        record(header_.touched).live = 0;  // the memory may be a used one
        in_order();

        return header_.touched++;
    }

    if (header_.free == kNone) {
        forget(header_.oldest);
    }

    const std::uint32_t number = header_.free;
    header_.free = record(number).older;

    return number;
}

std::uint32_t Table::make(const Digest &key, const ConversationId &id,
                          std::uint32_t now_s)
{
    const std::uint32_t number = unused();
    Record &record = this->record(number);

    record = {};
    record.digest[by_conversation] = key;
    record.id = id;
    record.used_s = now_s;
    in_order();
    record.live = 1;

    header_.size++;
    link(by_conversation, number);
    enter_list(number);

    return number;
}

void Table::forget(std::uint32_t number)
{
    record(number).live = 0;
    void_head(number);
    unlink(by_conversation, number);
    leave_list(number);
    header_.size--;
    wipe(record(number));
    set_free(number);
}

void Table::set_free(std::uint32_t number)
{
    record(number).older = header_.free;
    header_.free = number;
}

void Table::mend()
{
    if (header_.busy == 0) {
        return;
    }

    std::fill_n(buckets_, kIndices * std::size_t{ header_.capacity }, kNone);
    header_.free = kNone;
    header_.size = 0;
    std::uint32_t list = kNone;

    for (std::uint32_t number = header_.touched; number-- > 0;) {
        Record &record = this->record(number);
        if (record.live == 0) {
            set_free(number);
            continue;
        }

        link(by_conversation, number);
        for (const Index index : { by_head, by_message }) {
            if (has(index, number) != 0) {
                link(index, number);
            }
        }

        record.older = list;
        list = number;
        header_.size++;
    }

    relist(list);
    in_order();
    header_.busy = 0;
}

// Makes the list of use from records linked by `older` in any order.
void Table::relist(std::uint32_t list)
{
    if (list != kNone) {
        list = sort(list, header_.size);
    }

    header_.newest = list;
    header_.oldest = kNone;

    for (; list != kNone; list = record(list).older) {
        record(list).newer = header_.oldest;
        header_.oldest = list;
    }
}

// Cuts `count` records off `list` and sorts them, newest first.
std::uint32_t Table::sort(std::uint32_t &list, std::uint32_t count)
{
    if (count == 1) {
        const std::uint32_t one = list;
        list = record(one).older;
        record(one).older = kNone;

        return one;
    }

    const std::uint32_t one = sort(list, count / 2);
    const std::uint32_t other = sort(list, count - count / 2);

    return merge(one, other);
}

std::uint32_t Table::merge(std::uint32_t one, std::uint32_t other)
{
    std::uint32_t merged = kNone;
    std::uint32_t *end = &merged;

    while (one != kNone && other != kNone) {
        std::uint32_t &newer =
            record(one).used_s >= record(other).used_s ? one : other;

        *end = newer;
        end = &record(newer).older;
        newer = *end;
    }

    *end = one == kNone ? other : one;

    return merged;
}

}  // namespace opendify::state
