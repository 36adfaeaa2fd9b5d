// Header | buckets[3][n] | records[n], all links are record numbers.
//
// A record hangs in up to three chains (conversation, head, message) and in
// one list from the most to the least recently used; a free one in the list
// of free ones. `busy` stands while links change: whoever finds it standing
// follows a process that died there, and makes all links anew from the
// records. A record counts from the store to `live` on, which is the last one
// of filling it, its head from the store to `has_head` on, and so its message.

#ifndef OPENDIFY_STATE_CONVERSATION_TABLE_HPP
#define OPENDIFY_STATE_CONVERSATION_TABLE_HPP

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "opendify/conversation_map.hpp"
#include "opendify/fingerprint.hpp"

namespace opendify::state {

inline constexpr std::uint32_t kNone = 0xffffffff;

enum Index : std::size_t {
    by_conversation,
    by_head,
    by_message,
    kIndices,
};

struct Header {
    std::uint32_t capacity;
    std::uint32_t size;
    std::uint32_t touched;  // records from here on were never used
    std::uint32_t free;     // linked by `older`
    std::uint32_t newest;
    std::uint32_t oldest;
    std::uint32_t busy;
    std::uint32_t reserved;
};

struct Record {
    Digest         digest[kIndices];
    ConversationId id;
    ConversationOwner owner;
    std::uint32_t  next[kIndices];
    std::uint32_t  newer;
    std::uint32_t  older;
    std::uint32_t  used_s;
    std::uint8_t   live;
    std::uint8_t   has_head;
    std::uint8_t   has_message;
    std::uint8_t   pending : 1;
    std::uint8_t   taken : 1;  // its head is void because a turn has it
    std::uint8_t   taken_message : 1;  // and had a message
};

static_assert(std::is_trivially_copyable_v<Header>);
static_assert(std::is_trivially_copyable_v<Record>);
static_assert(sizeof(Record) <= 128);
static_assert(alignof(Header) <= 8 && alignof(Record) <= alignof(Header));

// The compiler keeps stores on their side of it. That is enough: a process
// that died has no stores left in flight, and the lock orders the rest.
inline void in_order()
{
    std::atomic_signal_fence(std::memory_order_seq_cst);
}

// The links of one region. Only a Change may call what changes them.
class Table {
public:
    explicit Table(void *base);

    // An empty table of this capacity; the memory is large enough.
    static void format(void *base, std::uint32_t capacity);

    Header &header() { return header_; }
    Record &record(std::uint32_t number) { return records_[number]; }

    // Number of the record with this digest, or kNone.
    std::uint32_t find(Index index, const Digest &digest);

    // A new record without a head; may cost the least recently used one.
    std::uint32_t make(const Digest &key, const ConversationId &id,
                       std::uint32_t now_s);
    void forget(std::uint32_t number);

    // `index` is by_head or by_message, of a record that has none.
    void set(Index index, std::uint32_t number, const Digest &digest);
    void clear(Index index, std::uint32_t number);
    // It is nobody's last turn any more: no head, no message.
    void void_head(std::uint32_t number);

    // It is the most recently used one now.
    void use(std::uint32_t number);

    // Makes all links from the records after a process died in a Change.
    void mend();

private:
    std::uint32_t &bucket(Index index, const Digest &digest);
    std::uint8_t &has(Index index, std::uint32_t number);
    void link(Index index, std::uint32_t number);
    void unlink(Index index, std::uint32_t number);
    void enter_list(std::uint32_t number);
    void leave_list(std::uint32_t number);
    std::uint32_t unused();
    void set_free(std::uint32_t number);
    std::uint32_t sort(std::uint32_t &list, std::uint32_t count);
    std::uint32_t merge(std::uint32_t one, std::uint32_t other);
    void relist(std::uint32_t list);

    Header        &header_;
    std::uint32_t *buckets_;
    Record        *records_;
};

// Lives while the links of a table are changed.
class Change {
public:
    explicit Change(Table &table) : header_(table.header())
    {
        table.mend();
        header_.busy = 1;
        in_order();
    }

    ~Change()
    {
        in_order();
        header_.busy = 0;
    }

    Change(const Change &) = delete;
    Change &operator=(const Change &) = delete;

private:
    Header &header_;
};

}  // namespace opendify::state

#endif
