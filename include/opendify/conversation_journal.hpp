// What is kept of the conversation map outside memory. A file is
//
//     header (128 bytes) | record (128 bytes) | record | ...
//
// with every number little-endian and a CRC-32C at the end of each part. A
// snapshot holds a put for each conversation and ends with an `end`; a
// journal holds what was changed since, and ends anywhere. Digests and ids
// only: no text, no key.

#ifndef OPENDIFY_CONVERSATION_JOURNAL_HPP
#define OPENDIFY_CONVERSATION_JOURNAL_HPP

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "opendify/conversation_map.hpp"

namespace opendify {

inline constexpr std::size_t kJournalHeaderBytes = 128;
inline constexpr std::size_t kJournalRecordBytes = 128;

using JournalHeaderBytes = std::array<char, kJournalHeaderBytes>;
using JournalRecordBytes = std::array<char, kJournalRecordBytes>;

enum class JournalKind : std::uint8_t { snapshot = 1, journal = 2 };

struct JournalHeader {
    JournalKind   kind = JournalKind::journal;
    std::uint64_t family = 0;      // the zone that wrote it; later is greater
    std::uint32_t generation = 0;  // counts the snapshots of the family
    std::uint32_t floor_s = 0;     // what others wrote before is not wanted
    std::uint64_t capacity = 0;    // of that zone, in conversations
    std::uint64_t order = 0;         // of the last change before
    std::uint64_t parent = 0;        // family that lived when it began, or 0
    std::uint64_t parent_order = 0;  // of the last change known of that one
    // Of the zone by the clock of now (see clock.hpp), 0: not known; and when
    // it was born at the earliest, by what it has read.
    std::uint32_t birth_s = 0;
    std::uint32_t not_before_s = 0;
};

enum class JournalOperation : std::uint8_t { put = 1, drop = 2, end = 3 };

struct JournalRecord {
    JournalOperation  operation = JournalOperation::put;
    std::uint64_t     order = 0;  // of the change within its family; of an
                                  // `end` the number of records before it
    std::uint32_t     birth_s = 0;  // of the zone by the clock of now, or 0
    ConversationEntry entry;      // of a drop only the key counts
};

JournalHeaderBytes encode(const JournalHeader &header);
JournalRecordBytes encode(const JournalRecord &record);

// False if the bytes are not such a header, of this version, undamaged; then
// `header` is as it was.
bool decode(std::string_view bytes, JournalHeader &header);

// False if the bytes are no undamaged record.
bool decode(std::string_view bytes, JournalRecord &record);

// An entry as one word, for a file that people carry from here to there.
std::string entry_text(const ConversationEntry &entry);

// False if it is not what entry_text() of this version made.
bool parse_entry(std::string_view text, ConversationEntry &entry);

// Reads what follows a header, in pieces cut anywhere. Damaged records are
// passed over and counted.
class JournalReader {
public:
    // Calls sink(const JournalRecord &) for each good record.
    template <class Sink>
    void feed(std::string_view bytes, Sink &&sink)
    {
        JournalRecord record;

        while (next(bytes, record)) {
            sink(record);
        }
    }

    std::size_t records() const { return records_; }
    std::size_t damaged() const { return damaged_; }

    // The bytes ended in the middle of a record.
    bool is_torn() const { return held_ != 0; }

    // An `end` was read last, after as many records as it says.
    bool is_complete() const { return complete_ && held_ == 0; }

private:
    bool next(std::string_view &bytes, JournalRecord &record);

    JournalRecordBytes part_ = {};
    std::size_t        held_ = 0;
    std::size_t        records_ = 0;
    std::size_t        damaged_ = 0;
    bool               complete_ = false;
};

}  // namespace opendify

#endif
