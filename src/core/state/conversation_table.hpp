// Header | buckets[3][n] | records[n], all links are record numbers.
//
// A record hangs in up to three chains (conversation, head, message) and in
// one list from the most to the least recently used; a free one in the list
// of free ones.
//
// Every word is noted in the header before it is changed. A process may die
// between any two stores: whoever comes next finds the notes, puts the words
// back, the last one first, and the table is what it was before that change.
// This takes as long as one change, however large the table is.

#ifndef OPENDIFY_STATE_CONVERSATION_TABLE_HPP
#define OPENDIFY_STATE_CONVERSATION_TABLE_HPP

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
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

// More than any change writes; see the test that counts them.
inline constexpr std::uint32_t kNotes = 128;

// Of the header and the records: memory of another layout is another's.
inline constexpr std::uint32_t kLayout = 2;

struct Note {
    std::uint32_t at;   // in words of 4 bytes from the header on
    std::uint32_t was;
};

struct Header {
    std::uint32_t capacity;
    std::uint32_t size;
    std::uint32_t touched;  // records from here on were never used
    std::uint32_t free;     // linked by `older`
    std::uint32_t newest;
    std::uint32_t oldest;
    std::uint32_t noted;    // notes of a change that has not ended
    std::uint32_t layout;
    Note          notes[kNotes];
};

// Changed as one word.
struct RecordState {
    std::uint8_t live;
    std::uint8_t has_head;
    std::uint8_t has_message;
    std::uint8_t pending : 1;
    std::uint8_t returns : 1;  // its head counts again if its turn never ends
    std::uint8_t returns_message : 1;  // and had a message
};

struct Record {
    Digest         digest[kIndices];
    ConversationId id;
    ConversationOwner owner;
    std::uint32_t  next[kIndices];
    std::uint32_t  newer;
    std::uint32_t  older;
    std::uint32_t  used_s;
    RecordState    state;
};

static_assert(std::is_trivially_copyable_v<Header>);
static_assert(std::is_trivially_copyable_v<Record>);
static_assert(sizeof(Record) <= 128);
static_assert(alignof(Header) == 4 && alignof(Record) == 4);
static_assert(sizeof(RecordState) == 4
              && offsetof(Record, state) % 4 == 0);

// So many records can be addressed by the words of the notes.
inline constexpr std::uint64_t kMaxRecords =
    ((std::uint64_t{ 1 } << 32) * 4 - sizeof(Header))
    / (sizeof(Record) + kIndices * 4);

// The compiler keeps stores on their side of it. That is enough: a process
// that died has no stores left in flight, and the lock orders the rest.
inline void in_order()
{
    std::atomic_signal_fence(std::memory_order_seq_cst);
}

// The links of one region. Only a Change may call what changes them.
class Table {
public:
    // Takes back what a process that died in a Change has begun.
    explicit Table(void *base);

    // An empty table of this capacity; the memory is large enough.
    static void format(void *base, std::uint32_t capacity);

    const Header &header() const { return header_; }
    const Record &record(std::uint32_t number) const
    {
        return records_[number];
    }

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

    void set_used(std::uint32_t number, std::uint32_t now_s)
    {
        write(records_[number].used_s, now_s);
    }

    void set_owner(std::uint32_t number, const ConversationOwner &owner)
    {
        write(records_[number].owner, owner);
    }

    void set_state(std::uint32_t number, const RecordState &state)
    {
        write(records_[number].state, state);
    }

    // What was noted is changed for good.
    void commit();

private:
    std::uint32_t &bucket(Index index, const Digest &digest);
    void set_has(Index index, std::uint32_t number, bool has);
    void link(Index index, std::uint32_t number);
    void unlink(Index index, std::uint32_t number);
    void enter_list(std::uint32_t number);
    void leave_list(std::uint32_t number);
    std::uint32_t unused();
    void take_back();
    void note(const void *word);

    // A field of whole words in the region.
    template <class T>
    void write(T &field, const T &value)
    {
        static_assert(std::is_trivially_copyable_v<T> && sizeof(T) % 4 == 0);

        for (std::size_t at = 0; at < sizeof(T); at += 4) {
            note(reinterpret_cast<const char *>(&field) + at);
        }

        std::memcpy(static_cast<void *>(&field), &value, sizeof(T));
    }

    Header        &header_;
    std::uint32_t *buckets_;
    Record        *records_;
};

// Lives while a table is changed: all of it happens, or nothing.
class Change {
public:
    explicit Change(Table &table) : table_(table) {}
    ~Change() { table_.commit(); }

    Change(const Change &) = delete;
    Change &operator=(const Change &) = delete;

private:
    Table &table_;
};

}  // namespace opendify::state

#endif
