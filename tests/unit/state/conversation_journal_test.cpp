#include "opendify/conversation_journal.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "state/conversation_table.hpp"

namespace opendify {
namespace {

Digest digest(std::string_view name)
{
    return digest_of({ name });
}

const Digest kScope = digest("scope");

template <class Bytes>
std::string_view text(const Bytes &bytes)
{
    return { bytes.data(), bytes.size() };
}

JournalRecord record_of(std::uint64_t order)
{
    const std::string name = std::to_string(order);
    JournalRecord record;

    record.order = order;
    record.entry.key = digest("key" + name);
    record.entry.head = digest("head" + name);
    record.entry.message = digest("message" + name);
    record.entry.used_s = 0x80000000u + static_cast<std::uint32_t>(order);
    record.entry.has_head = true;
    record.entry.owner = ConversationOwner::of("user" + name, digest("app"));
    EXPECT_TRUE(record.entry.id.assign("conversation " + name));

    return record;
}

std::string records(std::uint64_t count)
{
    std::string bytes;
    for (std::uint64_t order = 1; order <= count; order++) {
        bytes += text(encode(record_of(order)));
    }

    return bytes;
}

std::vector<std::uint64_t> orders(JournalReader &reader,
                                  std::string_view bytes)
{
    std::vector<std::uint64_t> found;
    reader.feed(bytes, [&](const JournalRecord &record) {
        found.push_back(record.order);
        EXPECT_EQ(text(encode(record)), text(encode(record_of(record.order))));
    });

    return found;
}

std::vector<std::uint64_t> first(std::uint64_t count)
{
    std::vector<std::uint64_t> all;
    for (std::uint64_t order = 1; order <= count; order++) {
        all.push_back(order);
    }

    return all;
}

TEST(ConversationJournal, HeaderComesBack)
{
    JournalHeader header;
    header.kind = JournalKind::snapshot;
    header.family = 0x0123456789abcdef;
    header.generation = 0xfedcba98;
    header.floor_s = 77;
    header.capacity = 1u << 20;
    header.order = 1ull << 40;
    header.parent = 0xfedcba9876543210;
    header.parent_order = 3;
    header.birth_s = 0xf1f2f3f4;
    header.not_before_s = 5;

    JournalHeader out;
    ASSERT_TRUE(decode(text(encode(header)), out));
    EXPECT_EQ(out.kind, JournalKind::snapshot);
    EXPECT_EQ(out.family, header.family);
    EXPECT_EQ(out.generation, header.generation);
    EXPECT_EQ(out.floor_s, 77u);
    EXPECT_EQ(out.capacity, 1u << 20);
    EXPECT_EQ(out.order, 1ull << 40);
    EXPECT_EQ(out.parent, header.parent);
    EXPECT_EQ(out.parent_order, 3u);
    EXPECT_EQ(out.birth_s, 0xf1f2f3f4u);
    EXPECT_EQ(out.not_before_s, 5u);
}

TEST(ConversationJournal, BirthComesBackWithEachRecord)
{
    JournalRecord record = record_of(1);
    JournalRecord out;

    ASSERT_TRUE(decode(text(encode(record)), out));
    EXPECT_EQ(out.birth_s, 0u);  // of a version that did not write it
    record.birth_s = 0xf1f2f3f4;
    ASSERT_TRUE(decode(text(encode(record)), out));
    EXPECT_EQ(out.birth_s, 0xf1f2f3f4u);
    EXPECT_EQ(text(encode(out)), text(encode(record)));
}

// So that a file can be read by another machine and another version.
TEST(ConversationJournal, BytesAreFixed)
{
    JournalHeader header;
    header.family = 0x0102030405060708;
    header.generation = 0x0a0b0c0d;
    EXPECT_EQ(text(encode(header)).substr(0, 40),
              std::string_view("opendify\2\0\0\0\2\0\0\0\x0d\x0c\x0b\x0a"
                               "\0\0\0\0\x08\x07\6\5\4\3\2\1"
                               "\0\0\0\0\0\0\0\0", 40));
    // CRC-32C of the 124 bytes before, made by another program.
    EXPECT_EQ(text(encode(header)).substr(124),
              std::string_view("\072\355\023\134", 4));

    JournalRecord record = record_of(5);
    record.operation = JournalOperation::drop;
    record.entry.has_message = true;
    const auto bytes = encode(record);
    EXPECT_EQ(text(bytes).substr(0, 16),
              std::string_view("\2\5\0\0\5\0\0\x80\5\0\0\0\0\0\0\0", 16));
    EXPECT_EQ(text(bytes).substr(64, 14), "conversation 5");
}

TEST(ConversationJournal, EveryFlippedBitIsSeen)
{
    auto bytes = encode(record_of(9));
    auto header = encode(JournalHeader{});
    JournalRecord record;
    JournalHeader out;

    for (std::size_t bit = 0; bit < 8 * bytes.size(); bit++) {
        bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ 1 << bit % 8);
        EXPECT_FALSE(decode(text(bytes), record)) << bit;
        bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ 1 << bit % 8);
    }

    for (std::size_t bit = 0; bit < 8 * header.size(); bit++) {
        header[bit / 8] = static_cast<char>(header[bit / 8] ^ 1 << bit % 8);
        EXPECT_FALSE(decode(text(header), out)) << bit;
        header[bit / 8] = static_cast<char>(header[bit / 8] ^ 1 << bit % 8);
    }

    EXPECT_TRUE(decode(text(bytes), record));
    EXPECT_TRUE(decode(text(header), out));
}

TEST(ConversationJournal, WrongLengthsAreRefused)
{
    const std::string zeros(4096, '\0');
    const auto bytes = encode(record_of(9));
    JournalRecord record;
    JournalHeader header;

    for (std::size_t size = 0; size <= zeros.size(); size++) {
        EXPECT_FALSE(decode(zeros.substr(0, size), record));
        EXPECT_FALSE(decode(zeros.substr(0, size), header));
    }

    for (std::size_t size = 0; size < bytes.size(); size++) {
        EXPECT_FALSE(decode(text(bytes).substr(0, size), record));
    }
}

TEST(JournalReader, EveryPrefixGivesItsWholeRecords)
{
    const std::string bytes = records(5);

    for (std::size_t size = 0; size <= bytes.size(); size++) {
        JournalReader reader;
        EXPECT_EQ(orders(reader, { bytes.data(), size }),
                  first(size / kJournalRecordBytes));
        EXPECT_EQ(reader.is_torn(), size % kJournalRecordBytes != 0);
        EXPECT_EQ(reader.damaged(), 0u);
    }
}

TEST(JournalReader, CutsDoNotMatter)
{
    const std::string bytes = records(40);
    std::mt19937 random(1);

    for (int round = 0; round < 50; round++) {
        JournalReader reader;
        std::vector<std::uint64_t> found;

        for (std::string_view rest = bytes; !rest.empty();) {
            const std::size_t cut =
                std::min<std::size_t>(random() % 300, rest.size());
            for (const auto order : orders(reader, rest.substr(0, cut))) {
                found.push_back(order);
            }

            rest.remove_prefix(cut);
        }

        EXPECT_EQ(found, first(40));
        EXPECT_FALSE(reader.is_torn());
    }
}

TEST(JournalReader, DamageCostsOneRecord)
{
    const std::string whole = records(7);

    for (std::size_t at = 0; at < whole.size(); at += 5) {
        std::string bytes = whole;
        bytes[at] = static_cast<char>(bytes[at] ^ 0x10);

        auto expected = first(7);
        expected.erase(expected.begin()
                       + static_cast<long>(at / kJournalRecordBytes));

        JournalReader reader;
        EXPECT_EQ(orders(reader, bytes), expected);
        EXPECT_EQ(reader.damaged(), 1u);
        EXPECT_EQ(reader.records(), 6u);
    }
}

TEST(JournalReader, OnlyItsEndMakesASnapshotComplete)
{
    JournalRecord end;
    end.operation = JournalOperation::end;
    end.order = 3;
    const std::string bytes = records(3) + std::string(text(encode(end)));

    for (std::size_t size = 0; size <= bytes.size(); size++) {
        JournalReader reader;
        orders(reader, { bytes.data(), size });
        EXPECT_EQ(reader.is_complete(), size == bytes.size());
    }

    JournalReader shorter;
    orders(shorter, bytes.substr(kJournalRecordBytes));
    EXPECT_FALSE(shorter.is_complete());
}

TEST(JournalReader, NoiseIsHarmless)
{
    std::mt19937 random(2);
    std::string noise(100 * kJournalRecordBytes + 17, '\0');
    std::generate(noise.begin(), noise.end(),
                  [&] { return static_cast<char>(random()); });

    JournalReader reader;
    EXPECT_TRUE(orders(reader, noise).empty());
    EXPECT_EQ(reader.damaged(), 100u);
    EXPECT_TRUE(reader.is_torn());
}

// --- a map that is kept, and what comes back of it --------------------------

class Region {
public:
    explicit Region(std::size_t capacity)
        : words_((sizeof(state::Header)
                  + capacity * (sizeof(state::Record) + 12) + 7) / 8)
    {
        EXPECT_TRUE(ConversationMap::format(words_.data(), words_.size() * 8));
    }

    ConversationMap map() { return ConversationMap(words_.data()); }

    // Every head has a message of its own.
    void put(std::string_view head, std::string_view id, std::uint32_t now)
    {
        Mapping mapping = { kScope, digest(head), message(head), {} };
        EXPECT_TRUE(mapping.id.assign(id));
        map().put(mapping, now);
    }

    std::string take(std::string_view head, std::uint32_t now)
    {
        Mapping taken;
        return map().take(kScope, digest(head), now, 1000, taken) == Taken::yes
                   ? std::string(taken.id.view())
                   : std::string();
    }

    std::string take_message(std::string_view head, std::uint32_t now)
    {
        Mapping taken;
        return map().take_message(kScope, message(head), now, 1000, taken)
                       == Taken::yes
                   ? std::string(taken.id.view())
                   : std::string();
    }

private:
    static Digest message(std::string_view head)
    {
        return digest("message of " + std::string(head));
    }

    std::vector<std::uint64_t> words_;
};

std::vector<ConversationEntry> all_of(Region &region, std::size_t chunk)
{
    std::vector<ConversationEntry> all;
    std::vector<ConversationEntry> some(chunk);
    std::uint32_t from = 0;

    while (const auto count = region.map().copy(from, some.data(), chunk)) {
        all.insert(all.end(), some.begin(),
                   some.begin() + static_cast<long>(count));
    }

    return all;
}

TEST(ConversationCopy, GivesEveryConversationOnce)
{
    for (const std::size_t chunk : { 1u, 2u, 3u, 7u, 100u }) {
        Region region(20);
        std::map<std::string, int> seen;

        for (int i = 0; i < 15; i++) {
            const auto name = std::to_string(i);
            region.put("h" + name, "c" + name, 10);
        }

        region.map().drop(kScope, "c0");
        region.map().drop(ConversationMap::key(kScope, "c7"));

        for (const auto &entry : all_of(region, chunk)) {
            seen[std::string(entry.id.view())]++;
            EXPECT_EQ(entry.key,
                      ConversationMap::key(kScope, entry.id.view()));
            EXPECT_TRUE(entry.has_head);
            EXPECT_FALSE(entry.is_taken);
            EXPECT_EQ(entry.used_s, 10u);
        }

        EXPECT_EQ(seen.size(), 13u);
        EXPECT_EQ(seen.count("c0") + seen.count("c7"), 0u);
    }
}

TEST(ConversationCopy, NewestIsWhatWasPut)
{
    Region region(3);
    ConversationEntry entry;
    EXPECT_FALSE(region.map().newest(entry));

    region.put("h1", "c1", 1);
    region.put("h2", "c2", 2);
    region.put("h3", "c1", 3);
    ASSERT_TRUE(region.map().newest(entry));
    EXPECT_EQ(entry.id.view(), "c1");
    EXPECT_EQ(entry.head, digest("h3"));
    EXPECT_EQ(entry.used_s, 3u);
}

ConversationEntry only(Region &region)
{
    auto all = all_of(region, 8);
    EXPECT_EQ(all.size(), 1u);

    return all.at(0);
}

// What comes back of an entry that is written, and read.
ConversationEntry read_again(const ConversationEntry &entry)
{
    JournalRecord record;
    record.entry = entry;

    const auto bytes = encode(record);
    EXPECT_TRUE(decode(text(bytes), record));

    return record.entry;
}

TEST(ConversationCopy, ATakenHeadDoesNotComeBack)
{
    Region region(8);
    region.put("h", "c1", 1);
    EXPECT_EQ(region.take("h", 2), "c1");

    const auto taken = only(region);
    EXPECT_FALSE(taken.is_taken);
    EXPECT_FALSE(taken.has_head);
    EXPECT_FALSE(taken.has_message);

    Region other(8);
    other.put("h", "c1", 1);  // as an older record had it
    other.map().restore(read_again(taken));
    EXPECT_EQ(other.take_message("h", 3), "");
    EXPECT_EQ(other.take("h", 3), "");
    EXPECT_EQ(other.map().size(), 1u);

    // Its turn was not taken by the backend.
    region.put("h", "c1", 3);
    other.map().restore(read_again(only(region)));
    EXPECT_EQ(other.take("h", 3), "c1");
}

TEST(ConversationCopy, NeitherIsTheHeadOfAStopThatIsNotStored)
{
    Region region(8);
    Mapping stopped = { kScope, digest("h"), digest("m"), {} };
    Mapping out;
    ASSERT_TRUE(stopped.id.assign("c"));

    region.map().put(stopped, 10, true);
    EXPECT_FALSE(only(region).has_head);
    EXPECT_FALSE(only(region).is_taken);

    region.map().settle(stopped);
    EXPECT_TRUE(only(region).has_head);
    EXPECT_TRUE(only(region).has_message);

    region.map().put(stopped, 10, true, true);
    EXPECT_TRUE(only(region).is_taken);
    EXPECT_TRUE(only(region).has_message);
    EXPECT_FALSE(only(region).has_head);

    Region other(8);
    other.map().restore(read_again(only(region)));
    EXPECT_EQ(other.map().take(kScope, stopped.head, 11, 1000, out),
              Taken::yes);
}

TEST(ConversationCopy, AHeadThatReturnsDoesUnlessItIsAnothers)
{
    Region region(8);
    Mapping out;
    region.put("h", "c1", 1);
    EXPECT_EQ(region.map().take(kScope, digest("h"), 2, 1000, out, true),
              Taken::yes);
    const auto taken = only(region);
    EXPECT_TRUE(taken.is_taken);
    EXPECT_FALSE(taken.has_head);

    Region other(8);
    other.map().restore(read_again(taken));
    EXPECT_EQ(other.take_message("h", 3), "c1");
    EXPECT_EQ(other.take("h", 3), "");

    region.put("h", "c2", 3);
    for (const bool reversed : { false, true }) {
        auto both = all_of(region, 8);
        ASSERT_EQ(both.size(), 2u);
        if (reversed) {
            std::swap(both[0], both[1]);
        }

        Region again(8);
        again.map().restore(both[0]);
        again.map().restore(both[1]);
        EXPECT_EQ(again.take("h", 4), "c2");
        EXPECT_EQ(again.take("h", 4), "");
    }
}

// CRC-32C, a bit at a time.
void seal(JournalRecordBytes &bytes)
{
    std::uint32_t crc = 0xffffffffu;

    for (std::size_t i = 0; i < bytes.size() - 4; i++) {
        crc ^= static_cast<std::uint8_t>(bytes[i]);
        for (int bit = 0; bit < 8; bit++) {
            crc = (crc & 1) != 0 ? crc >> 1 ^ 0x82f63b78u : crc >> 1;
        }
    }

    for (std::size_t i = 0; i < 4; i++) {
        bytes[bytes.size() - 4 + i] = static_cast<char>(~crc >> 8 * i);
    }
}

// They were written whatever became of the turn.
TEST(ConversationCopy, TakenHeadsOfAnOlderVersionDoNotComeBack)
{
    JournalRecord record = record_of(3);
    record.entry.has_head = false;
    record.entry.is_taken = true;
    auto bytes = encode(record);
    EXPECT_EQ(bytes[1], 2 | 8);
    ASSERT_TRUE(decode(text(bytes), record));
    EXPECT_TRUE(record.entry.is_taken);

    bytes[1] = 2;
    seal(bytes);
    ASSERT_TRUE(decode(text(bytes), record));
    EXPECT_FALSE(record.entry.is_taken);
    EXPECT_FALSE(record.entry.has_head);
}

TEST(ConversationCopy, AMovedHeadDoesNotComeBack)
{
    Region region(8);
    region.put("h1", "c1", 1);
    EXPECT_EQ(region.take("h1", 2), "c1");
    region.put("h2", "c1", 3);
    region.put("h2", "c2", 4);  // c1 has lost it

    Region other(8);
    for (const auto &entry : all_of(region, 8)) {
        other.map().restore(entry);
    }

    EXPECT_EQ(other.take("h1", 5), "");
    EXPECT_EQ(other.take("h2", 5), "c2");
    EXPECT_EQ(other.take("h2", 5), "");
}

// A snapshot that is walked in steps while the map goes on changing, and a
// journal from the moment at which the walk began, give the map of the end.
TEST(ConversationCopy, SnapshotAndJournalGiveTheMap)
{
    std::mt19937 random(3);

    for (int round = 0; round < 200; round++) {
        Region region(64);
        std::map<std::string, std::string> heads;  // conversation: its head
        std::vector<JournalRecord> journal;
        std::vector<ConversationEntry> snapshot;
        ConversationEntry some[3];
        std::uint32_t from = 0;
        bool walking = false;
        std::uint32_t now = 100;

        for (int step = 0; step < 150; step++, now++) {
            const auto id = "c" + std::to_string(random() % 24);
            const auto head = "h" + std::to_string(random() % 40);
            JournalRecord record;

            walking = walking || step == 50;
            record.order = static_cast<std::uint64_t>(step);

            if (random() % 8 == 0) {
                region.map().drop(kScope, id);
                heads.erase(id);
                record.operation = JournalOperation::drop;
                record.entry.key = ConversationMap::key(kScope, id);

            } else {
                region.put(head, id, now);
                for (auto &[other, its] : heads) {
                    its = its == head ? "" : its;
                }

                heads[id] = head;
                ASSERT_TRUE(region.map().newest(record.entry));
            }

            if (walking) {
                JournalRecord out;
                ASSERT_TRUE(decode(text(encode(record)), out));
                journal.push_back(out);
                const auto count = region.map().copy(from, some, 3);
                snapshot.insert(snapshot.end(), some, some + count);
            }
        }

        Region other(64);
        for (const auto &entry : snapshot) {
            other.map().restore(entry);
        }

        for (const auto &record : journal) {
            if (record.operation == JournalOperation::drop) {
                other.map().drop(record.entry.key);

            } else {
                other.map().restore(record.entry);
            }
        }

        EXPECT_EQ(other.map().size(), heads.size());
        for (const auto &[id, head] : heads) {
            ConversationEntry entry;
            ASSERT_TRUE(
                other.map().find(ConversationMap::key(kScope, id), entry));
            EXPECT_EQ(entry.has_head, !head.empty());
            if (!head.empty()) {
                EXPECT_EQ(entry.head, digest(head));
                EXPECT_EQ(round % 2 == 0 ? other.take(head, now)
                                         : other.take_message(head, now),
                          id);
            }
        }
    }
}

TEST(ConversationText, IsOneWordAndComesBack)
{
    const auto entry = record_of(7).entry;
    const auto word = entry_text(entry);
    ConversationEntry back;

    EXPECT_EQ(word.find_first_not_of("0123456789abcdef-"), word.npos);
    ASSERT_TRUE(parse_entry(word, back));
    EXPECT_EQ(entry_text(back), word);
    EXPECT_EQ(back.id.view(), entry.id.view());
    EXPECT_EQ(back.head, entry.head);
}

TEST(ConversationText, ADamagedOneIsNone)
{
    const auto word = entry_text(record_of(7).entry);
    ConversationEntry back;
    back.used_s = 77;

    for (std::size_t i = 0; i < word.size(); i++) {
        std::string other = word;
        other[i] = other[i] == '0' ? '1' : '0';
        EXPECT_FALSE(parse_entry(other, back)) << i;
        EXPECT_FALSE(parse_entry(word.substr(0, i), back)) << i;
    }

    for (const char *more : { "0", "00", " ", "g0" }) {
        EXPECT_FALSE(parse_entry(word + more, back));
    }

    EXPECT_EQ(back.used_s, 77u);
}

}  // namespace
}  // namespace opendify
