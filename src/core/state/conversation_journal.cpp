// Record: operation | flags | 2 zero | used_s | order | key | head | message |
// id | user | app | birth_s | zeros | crc.
// Header: magic | version | kind | generation | floor_s |
// family | capacity | order | parent | parent_order | birth_s |
// not_before_s | zeros | crc.

#include "opendify/conversation_journal.hpp"

#include <algorithm>
#include <cstring>

namespace opendify {
namespace {

constexpr std::string_view kMagic("opendify", 8);
constexpr std::uint32_t kVersion = 2;
constexpr std::size_t kCrcBytes = 4;
constexpr std::string_view kTextPrefix("2-");  // kVersion

// Before `returns` every taken head came back, also one whose turn the backend
// had stored: without it `is_taken` says nothing.
enum Flag : std::uint8_t {
    has_head = 1,
    is_taken = 2,
    has_message = 4,
    returns = 8,
};

// Of the 8 bytes that are taken at once ("slicing by 8"): [k] is what a byte
// does to the sum k bytes later.
using CrcTables = std::array<std::array<std::uint32_t, 256>, 8>;

constexpr CrcTables make_crc_tables()
{
    CrcTables tables = {};

    for (std::uint32_t i = 0; i < 256; i++) {
        std::uint32_t crc = i;
        for (int bit = 0; bit < 8; bit++) {
            crc = (crc & 1) != 0 ? crc >> 1 ^ 0x82f63b78u : crc >> 1;
        }

        tables[0][i] = crc;
    }

    for (std::size_t k = 1; k < tables.size(); k++) {
        for (std::size_t i = 0; i < 256; i++) {
            const std::uint32_t crc = tables[k - 1][i];
            tables[k][i] = tables[0][crc & 0xff] ^ crc >> 8;
        }
    }

    return tables;
}

constexpr CrcTables kCrcTables = make_crc_tables();

std::uint32_t crc32c(std::string_view bytes)
{
    const auto *at = reinterpret_cast<const std::uint8_t *>(bytes.data());
    const auto *end = at + bytes.size();
    std::uint32_t crc = 0xffffffffu;

    for (; end - at >= 8; at += 8) {
        const std::uint32_t first[4] = { at[0] ^ (crc & 0xff),
                                         at[1] ^ (crc >> 8 & 0xff),
                                         at[2] ^ (crc >> 16 & 0xff),
                                         at[3] ^ crc >> 24 };
        crc = kCrcTables[7][first[0]] ^ kCrcTables[6][first[1]]
              ^ kCrcTables[5][first[2]] ^ kCrcTables[4][first[3]]
              ^ kCrcTables[3][at[4]] ^ kCrcTables[2][at[5]]
              ^ kCrcTables[1][at[6]] ^ kCrcTables[0][at[7]];
    }

    for (; at != end; at++) {
        crc = kCrcTables[0][(crc ^ *at) & 0xff] ^ crc >> 8;
    }

    return ~crc;
}

class Writer {
public:
    explicit Writer(char *to) : begin_(to), at_(to) {}

    template <class T>
    Writer &number(T value)
    {
        for (std::size_t i = 0; i < sizeof(T); i++) {
            *at_++ = static_cast<char>(value >> 8 * i & 0xff);
        }

        return *this;
    }

    template <class Bytes>
    Writer &bytes(const Bytes &from)
    {
        at_ = std::copy(std::begin(from), std::end(from), at_);
        return *this;
    }

    // Zeros up to the checksum of all `size` bytes.
    void seal(std::size_t size)
    {
        at_ = std::fill_n(at_, begin_ + size - kCrcBytes - at_, '\0');
        number(crc32c({ begin_, size - kCrcBytes }));
    }

private:
    char *begin_;
    char *at_;
};

class Reader {
public:
    explicit Reader(std::string_view from) : at_(from.data()) {}

    template <class T>
    Reader &number(T &value)
    {
        value = 0;
        for (std::size_t i = 0; i < sizeof(T); i++) {
            value = static_cast<T>(
                value | static_cast<T>(static_cast<std::uint8_t>(*at_++))
                            << 8 * i);
        }

        return *this;
    }

    template <class Bytes>
    Reader &bytes(Bytes &to)
    {
        std::copy_n(at_, std::size(to), std::begin(to));
        at_ += std::size(to);
        return *this;
    }

    Reader &skip(std::size_t count)
    {
        at_ += count;
        return *this;
    }

private:
    const char *at_;
};

bool is_sealed(std::string_view bytes, std::size_t size)
{
    if (bytes.size() != size) {
        return false;
    }

    std::uint32_t crc;
    Reader(bytes.substr(size - kCrcBytes)).number(crc);

    return crc == crc32c(bytes.substr(0, size - kCrcBytes));
}

}  // namespace

JournalHeaderBytes encode(const JournalHeader &header)
{
    JournalHeaderBytes to;

    Writer(to.data())
        .bytes(kMagic)
        .number(kVersion)
        .number(static_cast<std::uint32_t>(header.kind))
        .number(header.generation)
        .number(header.floor_s)
        .number(header.family)
        .number(header.capacity)
        .number(header.order)
        .number(header.parent)
        .number(header.parent_order)
        .number(header.birth_s)
        .number(header.not_before_s)
        .seal(to.size());

    return to;
}

bool decode(std::string_view bytes, JournalHeader &header)
{
    if (!is_sealed(bytes, kJournalHeaderBytes)
        || bytes.substr(0, kMagic.size()) != kMagic)
    {
        return false;
    }

    JournalHeader found;
    std::uint32_t version;
    std::uint32_t kind;

    Reader(bytes)
        .skip(kMagic.size())
        .number(version)
        .number(kind)
        .number(found.generation)
        .number(found.floor_s)
        .number(found.family)
        .number(found.capacity)
        .number(found.order)
        .number(found.parent)
        .number(found.parent_order)
        .number(found.birth_s)
        .number(found.not_before_s);

    found.kind = static_cast<JournalKind>(kind);

    if (version != kVersion
        || (found.kind != JournalKind::snapshot
            && found.kind != JournalKind::journal))
    {
        return false;
    }

    header = found;
    return true;
}

JournalRecordBytes encode(const JournalRecord &record)
{
    const auto &entry = record.entry;
    const int flags = (entry.has_head ? has_head : 0)
                      | (entry.is_taken ? is_taken | returns : 0)
                      | (entry.has_message ? has_message : 0);
    JournalRecordBytes to;

    Writer(to.data())
        .number(static_cast<std::uint8_t>(record.operation))
        .number(static_cast<std::uint8_t>(flags))
        .number(std::uint16_t{ 0 })
        .number(entry.used_s)
        .number(record.order)
        .bytes(entry.key)
        .bytes(entry.head)
        .bytes(entry.message)
        .bytes(entry.id.text)
        .bytes(entry.owner.user)
        .bytes(entry.owner.app)
        .number(record.birth_s)
        .seal(to.size());

    return to;
}

bool decode(std::string_view bytes, JournalRecord &record)
{
    if (!is_sealed(bytes, kJournalRecordBytes)) {
        return false;
    }

    auto &entry = record.entry;
    std::uint8_t operation;
    std::uint8_t flags;

    Reader(bytes)
        .number(operation)
        .number(flags)
        .skip(2)
        .number(entry.used_s)
        .number(record.order)
        .bytes(entry.key)
        .bytes(entry.head)
        .bytes(entry.message)
        .bytes(entry.id.text)
        .bytes(entry.owner.user)
        .bytes(entry.owner.app)
        .number(record.birth_s);

    record.operation = static_cast<JournalOperation>(operation);
    entry.has_head = (flags & has_head) != 0;
    entry.is_taken = (flags & is_taken) != 0 && (flags & returns) != 0;
    entry.has_message = (flags & has_message) != 0;

    return operation >= static_cast<std::uint8_t>(JournalOperation::put)
           && operation <= static_cast<std::uint8_t>(JournalOperation::end);
}

std::string entry_text(const ConversationEntry &entry)
{
    constexpr char kHex[] = "0123456789abcdef";
    JournalRecord record;
    std::string text(kTextPrefix);

    record.entry = entry;

    for (const char c : encode(record)) {
        const auto byte = static_cast<std::uint8_t>(c);
        text += kHex[byte >> 4];
        text += kHex[byte & 15];
    }

    return text;
}

bool parse_entry(std::string_view text, ConversationEntry &entry)
{
    constexpr std::string_view kHex = "0123456789abcdef";
    JournalRecord record;
    std::string bytes;

    if (text.substr(0, kTextPrefix.size()) != kTextPrefix) {
        return false;
    }

    for (text.remove_prefix(kTextPrefix.size()); text.size() > 1;
         text.remove_prefix(2))
    {
        const std::size_t high = kHex.find(text[0]);
        const std::size_t low = kHex.find(text[1]);

        if (high == kHex.npos || low == kHex.npos) {
            return false;
        }

        bytes += static_cast<char>(high << 4 | low);
    }

    if (!text.empty() || !decode(bytes, record)
        || record.operation != JournalOperation::put)
    {
        return false;
    }

    entry = record.entry;
    return true;
}

// The next good record that is no `end`; all bytes are consumed without one.
bool JournalReader::next(std::string_view &bytes, JournalRecord &record)
{
    while (!bytes.empty()) {
        const std::size_t count =
            std::min(part_.size() - held_, bytes.size());

        std::memcpy(part_.data() + held_, bytes.data(), count);
        bytes.remove_prefix(count);
        held_ += count;

        if (held_ != part_.size()) {
            return false;
        }

        held_ = 0;
        complete_ = false;

        if (!decode({ part_.data(), part_.size() }, record)) {
            damaged_++;
            continue;
        }

        if (record.operation == JournalOperation::end) {
            complete_ = record.order == records_ + damaged_;
            continue;
        }

        records_++;
        return true;
    }

    return false;
}

}  // namespace opendify
