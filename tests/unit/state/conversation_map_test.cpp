#include "opendify/conversation_map.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "state/conversation_table.hpp"

namespace opendify {
namespace {

constexpr std::uint32_t kTtl = 1000;

Digest digest(std::string_view name)
{
    return digest_of({ name });
}

const Digest kScope = digest("scope");
const Digest kOther = digest("other scope");

ConversationId id_of(std::string_view text)
{
    ConversationId id;
    EXPECT_TRUE(id.assign(text));
    return id;
}

// A map in memory that was full of something else before.
class Region {
public:
    explicit Region(std::size_t capacity)
        : words_((sizeof(state::Header)
                  + capacity * (sizeof(state::Record) + 12) + 7) / 8,
                 0xa5a5a5a5a5a5a5a5u)
    {
        EXPECT_TRUE(ConversationMap::format(words_.data(), words_.size() * 8));
        EXPECT_EQ(map().capacity(), capacity);
        EXPECT_EQ(map().size(), 0u);
    }

    ConversationMap map() { return ConversationMap(words_.data()); }
    std::vector<std::uint64_t> &words() { return words_; }

    void put(std::string_view head, std::string_view id, std::uint32_t now)
    {
        const std::string message = "answer " + std::string(head);
        map().put({ kScope, digest(head), digest(message), id_of(id) }, now);
    }

    // The id, or "" if nothing was taken.
    std::string take(std::string_view head, std::uint32_t now)
    {
        Mapping out;
        return map().take(kScope, digest(head), now, kTtl, out) == Taken::yes
                   ? std::string(out.id.view())
                   : std::string();
    }

private:
    std::vector<std::uint64_t> words_;
};

TEST(ConversationId, HoldsFortyBytes)
{
    ConversationId id;
    EXPECT_EQ(id.view(), "");
    EXPECT_TRUE(id.assign(std::string(40, 'x')));
    EXPECT_EQ(id.view(), std::string(40, 'x'));
    EXPECT_FALSE(id.assign(std::string(41, 'y')));
    EXPECT_TRUE(id.assign("short"));
    EXPECT_EQ(id.view(), "short");
    EXPECT_FALSE(id.assign(std::string("a\0b", 3)));
}

TEST(ConversationMap, RefusesTooLittleMemory)
{
    const std::size_t least =
        sizeof(state::Header) + sizeof(state::Record) + 12;
    std::vector<std::uint64_t> words(least / 8 + 1);

    EXPECT_FALSE(ConversationMap::format(words.data(), 0));
    EXPECT_FALSE(ConversationMap::format(words.data(), least - 1));
    EXPECT_TRUE(ConversationMap::format(words.data(), least));
    EXPECT_EQ(ConversationMap(words.data()).capacity(), 1u);
}

TEST(ConversationMap, TakesAHeadOnce)
{
    Region region(8);
    region.put("h1", "c1", 10);

    EXPECT_EQ(region.take("h2", 11), "");
    EXPECT_EQ(region.take("h1", 11), "c1");
    EXPECT_EQ(region.take("h1", 11), "");

    region.put("h2", "c1", 12);
    EXPECT_EQ(region.map().size(), 1u);
    EXPECT_EQ(region.take("h1", 13), "");
    EXPECT_EQ(region.take("h2", 13), "c1");
}

TEST(ConversationMap, PutMovesTheHead)
{
    Region region(8);
    region.put("h1", "c1", 10);
    region.put("h2", "c1", 11);
    EXPECT_EQ(region.take("h1", 12), "");
    EXPECT_EQ(region.take("h2", 12), "c1");

    region.put("h2", "c1", 13);
    region.put("h2", "c1", 14);
    EXPECT_EQ(region.take("h2", 15), "c1");
}

TEST(ConversationMap, TheNewerConversationStealsAHead)
{
    Region region(8);
    region.put("h", "c1", 10);
    region.put("h", "c2", 11);
    EXPECT_EQ(region.map().size(), 2u);
    EXPECT_EQ(region.take("h", 12), "c2");
    EXPECT_EQ(region.take("h", 12), "");

    region.put("h1", "c1", 13);
    EXPECT_EQ(region.map().size(), 2u);
    EXPECT_EQ(region.take("h1", 14), "c1");
}

TEST(ConversationMap, ForgetsAfterTheTtl)
{
    Region region(8);
    region.put("h1", "c1", 10);
    EXPECT_EQ(region.take("h1", 10 + kTtl + 1), "");
    EXPECT_EQ(region.take("h1", 10 + kTtl), "c1");

    region.put("h2", "c2", 100);
    EXPECT_EQ(region.take("h2", 50), "c2") << "the clock went back";
}

TEST(ConversationMap, TakesAConversationByItsId)
{
    Region region(8);
    region.put("h1", "c1", 10);

    Mapping head;
    EXPECT_FALSE(region.map().take_conversation(kOther, "c1", head));
    EXPECT_FALSE(region.map().take_conversation(kScope, "c2", head));
    EXPECT_FALSE(region.map().take_conversation(kScope, std::string(100, 'x'),
                                                head));
    EXPECT_EQ(region.take("h1", 11), "c1");

    region.put("h1", "c1", 12);
    EXPECT_TRUE(region.map().take_conversation(kScope, "c1", head));
    EXPECT_EQ(head.head, digest("h1"));
    EXPECT_EQ(head.message, digest("answer h1"));
    EXPECT_EQ(head.id.view(), "c1");
    EXPECT_FALSE(region.map().take_conversation(kScope, "c1", head));
    EXPECT_EQ(region.take("h1", 13), "");
    EXPECT_EQ(region.map().size(), 1u);
}

TEST(ConversationMap, TakesAConversationByItsMessage)
{
    Region region(8);
    const Digest first = digest("m1"), second = digest("m2");
    Mapping id;

    region.map().put({ kScope, digest("h1"), first, id_of("c") }, 10);
    EXPECT_EQ(region.map().take_message(kScope, second, 11, kTtl, id), Taken::no);
    EXPECT_EQ(region.map().take_message(kScope, first, 11 + kTtl, kTtl, id), Taken::no);
    EXPECT_EQ(region.map().take_message(kScope, first, 11, kTtl, id), Taken::yes);
    EXPECT_EQ(id.id.view(), "c");
    EXPECT_EQ(region.map().take_message(kScope, first, 11, kTtl, id), Taken::no);
    EXPECT_EQ(region.take("h1", 11), "") << "taken is taken";

    region.map().put({ kScope, digest("h2"), second, id_of("c") }, 12);
    EXPECT_EQ(region.take("h2", 12), "c");
    EXPECT_EQ(region.map().take_message(kScope, second, 12, kTtl, id), Taken::no);

    region.map().put({ kScope, digest("h3"), second, id_of("c") }, 13);
    region.map().put({ kScope, digest("h4"), second, id_of("d") }, 13);
    EXPECT_EQ(region.take("h3", 13), "c") << "it lost its message, not more";
    EXPECT_EQ(region.map().take_message(kScope, second, 13, kTtl, id), Taken::yes);
    EXPECT_EQ(id.id.view(), "d");
}

TEST(ConversationMap, APendingTurnIsWaitedFor)
{
    Region region(8);
    const Mapping mapping = { kScope, digest("h"), digest("m"), id_of("c") };
    Mapping id;

    region.map().put(mapping, 10, true);
    EXPECT_EQ(region.map().take(kScope, mapping.head, 10, kTtl, id), Taken::pending);
    EXPECT_EQ(region.map().take_message(kScope, *mapping.message, 14, kTtl, id),
              Taken::pending);

    EXPECT_TRUE(region.map().settle(mapping));
    EXPECT_EQ(region.map().take(kScope, mapping.head, 14, kTtl, id), Taken::yes);

    region.map().put(mapping, 20, true);
    EXPECT_EQ(region.map().take(kScope, mapping.head, 25, kTtl, id), Taken::no)
        << "who should have settled it died: nobody knows what is stored";
    EXPECT_TRUE(region.map().settle(mapping));
    EXPECT_EQ(region.map().take(kScope, mapping.head, 25, kTtl, id), Taken::yes)
        << "or was late";

    region.map().put(mapping, 20, true, true);
    EXPECT_EQ(region.map().take(kScope, mapping.head, 24, kTtl, id),
              Taken::pending);
    EXPECT_EQ(region.map().take(kScope, mapping.head, 25, kTtl, id), Taken::yes)
        << "the client shows no history that could be another";

    region.map().put(mapping, 30, true);
    EXPECT_EQ(region.map().take(kScope, mapping.head, 29, kTtl, id),
              Taken::pending) << "the clock went back a little";
    EXPECT_EQ(region.map().take(kScope, mapping.head, 20, kTtl, id), Taken::no);
    EXPECT_EQ(region.map().take(kScope, mapping.head, 90, kTtl, id), Taken::no);
    EXPECT_TRUE(region.map().settle(mapping));
    EXPECT_FALSE(region.map().settle(mapping)) << "it is settled";
    EXPECT_EQ(region.map().take(kScope, mapping.head, 20, kTtl, id), Taken::yes);
}

TEST(ConversationMap, APendingTurnIsAbandoned)
{
    Region region(8);
    const Mapping mapping = { kScope, digest("h"), digest("m"), id_of("c") };
    Mapping id;

    region.map().put(mapping, 10, true);
    EXPECT_TRUE(region.map().abandon(mapping));
    EXPECT_EQ(region.map().size(), 0u);
    EXPECT_FALSE(region.map().abandon(mapping));
    EXPECT_FALSE(region.map().settle(mapping));

    region.map().put(mapping, 10);
    EXPECT_FALSE(region.map().abandon(mapping)) << "it was settled";

    region.map().put({ kScope, digest("h2"), {}, id_of("c") }, 11, true);
    EXPECT_FALSE(region.map().abandon(mapping)) << "it has moved on";
    EXPECT_EQ(region.map().take(kScope, digest("h2"), 12, kTtl, id),
              Taken::pending);
}

TEST(ConversationMap, SettlingGivesNothingBack)
{
    Region region(8);
    const Mapping stopped = { kScope, digest("h"), digest("m"), id_of("c") };
    Mapping id;

    region.map().put(stopped, 10, true);
    region.map().put({ kScope, digest("h2"), digest("m"), id_of("d") }, 11);
    EXPECT_TRUE(region.map().settle(stopped));
    EXPECT_EQ(region.take("h", 12), "c") << "what was stopped goes on too";
    EXPECT_EQ(region.map().take_message(kScope, digest("m"), 12, kTtl, id),
              Taken::yes);
    EXPECT_EQ(id.id.view(), "d") << "the later answer has the name";

    region.map().put(stopped, 20, true);
    EXPECT_TRUE(region.map().settle(stopped));
    EXPECT_EQ(region.take("h", 25), "c");
    EXPECT_FALSE(region.map().settle(stopped));
    EXPECT_EQ(region.take("h", 26), "") << "it was taken meanwhile";

    region.map().put({ kScope, digest("h3"), {}, id_of("c") }, 27, true);
    EXPECT_FALSE(region.map().settle(stopped));
    EXPECT_EQ(region.map().take(kScope, digest("h3"), 28, kTtl, id),
              Taken::pending) << "another turn of it";

    region.map().drop(kScope, "c");
    EXPECT_FALSE(region.map().settle(stopped));
    EXPECT_EQ(region.take("h", 29), "");
}

TEST(ConversationMap, ScopesDoNotMix)
{
    Region region(8);
    region.map().put({ kScope, digest("h1"), {}, id_of("c") }, 10);
    region.map().put({ kOther, digest("h2"), {}, id_of("c") }, 10);
    EXPECT_EQ(region.map().size(), 2u);

    region.map().drop(kOther, "c");
    EXPECT_EQ(region.take("h2", 11), "");
    EXPECT_EQ(region.take("h1", 11), "c");
}

TEST(ConversationMap, Drops)
{
    Region region(8);
    region.put("h1", "c1", 10);
    region.put("h2", "c2", 10);
    region.map().drop(kScope, "c1");
    region.map().drop(kScope, "c1");

    EXPECT_EQ(region.map().size(), 1u);
    EXPECT_EQ(region.take("h1", 11), "");
    EXPECT_EQ(region.take("h2", 11), "c2");

    region.map().drop(kScope, "c2");
    EXPECT_EQ(region.map().size(), 0u);
    region.put("h3", "c3", 12);
    EXPECT_EQ(region.take("h3", 13), "c3");
}

TEST(ConversationMap, EvictsTheLeastRecentlyUsed)
{
    Region region(3);
    region.put("h1", "c1", 10);
    region.put("h2", "c2", 10);
    region.put("h3", "c3", 10);
    EXPECT_EQ(region.take("h1", 10), "c1");
    region.put("h1", "c1", 10);
    Mapping head;
    region.map().take_conversation(kScope, "c2", head);

    region.put("h4", "c4", 10);
    EXPECT_EQ(region.map().size(), 3u);
    EXPECT_EQ(region.take("h3", 10), "");

    region.put("h5", "c5", 10);
    EXPECT_EQ(region.take("h1", 10), "");
    EXPECT_EQ(region.take("h4", 10), "c4");
    EXPECT_EQ(region.take("h5", 10), "c5");
}

TEST(ConversationMap, WorksWithOneRecord)
{
    Region region(1);
    for (int i = 0; i < 5; i++) {
        const std::string n = std::to_string(i);
        region.put("h" + n, "c" + n, 10);
        EXPECT_EQ(region.map().size(), 1u);
    }
    EXPECT_EQ(region.take("h3", 11), "");
    EXPECT_EQ(region.take("h4", 11), "c4");
}

TEST(ConversationMap, MayLieAnywhere)
{
    Region region(16);
    region.put("h1", "c1", 10);
    region.put("h2", "c2", 10);

    std::vector<std::uint64_t> moved = region.words();
    std::fill(region.words().begin(), region.words().end(), 0);

    ConversationMap map(moved.data());
    Mapping id;
    EXPECT_EQ(map.size(), 2u);
    EXPECT_EQ(map.take(kScope, digest("h1"), 11, kTtl, id), Taken::yes);
    EXPECT_EQ(id.id.view(), "c1");
}

// The map as it is described, in the plainest possible way.
class Model {
public:
    explicit Model(std::size_t capacity) : capacity_(capacity) {}

    std::string take(const std::string &head, std::uint32_t now)
    {
        for (auto &[id, entry] : entries_) {
            if (entry.head == head && now <= entry.used_s + kTtl) {
                entry = { "", now, ++clock_ };
                return id;
            }
        }

        return "";
    }

    void take_conversation(const std::string &id)
    {
        const auto found = entries_.find(id);
        if (found != entries_.end()) {
            found->second.head.clear();
            found->second.order = ++clock_;
        }
    }

    void put(const std::string &head, const std::string &id,
             std::uint32_t now)
    {
        for (auto &other : entries_) {
            if (other.second.head == head) {
                other.second.head.clear();
            }
        }

        if (entries_.count(id) == 0 && entries_.size() == capacity_) {
            entries_.erase(std::min_element(
                entries_.begin(), entries_.end(),
                [](const auto &a, const auto &b) {
                    return a.second.order < b.second.order;
                }));
        }

        entries_[id] = { head, now, ++clock_ };
    }

    void drop(const std::string &id) { entries_.erase(id); }
    std::size_t size() const { return entries_.size(); }

private:
    struct Entry {
        std::string   head;
        std::uint32_t used_s;
        std::uint64_t order;
    };

    std::size_t                  capacity_;
    std::uint64_t                clock_ = 0;
    std::map<std::string, Entry> entries_;
};

void run_against_model(std::size_t capacity, unsigned seed)
{
    Region region(capacity);
    Model model(capacity);
    std::mt19937 random(seed);
    std::uint32_t now = 5000;

    for (int i = 0; i < 20000; i++) {
        const std::string head = "h" + std::to_string(random() % 60);
        const std::string id = "c" + std::to_string(random() % 40);
        now += random() % 4 == 0 ? 1 : 0;
        now += random() % 500 == 0 ? kTtl : 0;

        switch (random() % 8) {
        case 0:
        case 1:
        case 2:
            region.put(head, id, now);
            model.put(head, id, now);
            break;

        case 3:
            region.map().drop(kScope, id);
            model.drop(id);
            break;

        case 4: {
            Mapping head;
            region.map().take_conversation(kScope, id, head);
            model.take_conversation(id);
            break;
        }

        default:
            ASSERT_EQ(region.take(head, now), model.take(head, now)) << i;
        }

        ASSERT_EQ(region.map().size(), model.size()) << i;
    }
}

TEST(ConversationMap, BehavesAsItsModel)
{
    for (const std::size_t capacity : { 1, 2, 7, 30, 100 }) {
        run_against_model(capacity, 11);
        run_against_model(capacity, 12);
    }
}

}  // namespace
}  // namespace opendify
