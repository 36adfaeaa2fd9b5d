#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "opendify/conversation_map.hpp"
#include "state/conversation_table.hpp"

namespace opendify {
namespace {

Digest digest(std::string_view name)
{
    return digest_of({ name });
}

const Digest kScope = digest("scope");
const Digest kApp = digest("app");

class Region {
public:
    explicit Region(std::size_t capacity)
        : words_((sizeof(state::Header)
                  + capacity * (sizeof(state::Record) + 12) + 7) / 8)
    {
        EXPECT_TRUE(ConversationMap::format(words_.data(), words_.size() * 8));
    }

    ConversationMap map() { return ConversationMap(words_.data()); }

    std::string_view bytes() const
    {
        return { reinterpret_cast<const char *>(words_.data()),
                 words_.size() * 8 };
    }

    void put(std::string_view id, std::string_view user,
             std::uint32_t now_s = 100)
    {
        Mapping mapping = { kScope, digest(id), digest("m"), {},
                            ConversationOwner::of(user, kApp) };
        ASSERT_TRUE(mapping.id.assign(id));
        map().put(mapping, now_s);
    }

    // The ids, by one call after the other.
    std::vector<std::string> search(const ConversationFilter &filter,
                                    std::size_t count = 1000)
    {
        std::vector<ConversationEntry> entries(count);
        std::vector<std::string> ids;

        for (std::uint32_t from = 0; !map().is_end(from);) {
            const std::uint32_t before = from;
            const std::size_t found =
                map().search(filter, from, entries.data(), count);

            EXPECT_GT(from, before);
            EXPECT_LE(from - before, ConversationMap::kSearched);
            EXPECT_LE(found, count);

            for (std::size_t i = 0; i < found; i++) {
                ids.emplace_back(entries[i].id.view());
            }
        }

        return ids;
    }

private:
    std::vector<std::uint64_t> words_;
};

ConversationFilter of_user(std::string_view user)
{
    ConversationFilter filter;
    filter.user = ConversationOwner::of(user, kApp).user;
    return filter;
}

TEST(ConversationSearch, OwnerIsABeginningOfDigests)
{
    const auto owner = ConversationOwner::of("somebody", kApp);
    const Digest user = digest_of({ "user", "somebody" });

    EXPECT_TRUE(std::equal(owner.user.begin(), owner.user.end(),
                           user.begin()));
    EXPECT_TRUE(std::equal(owner.app.begin(), owner.app.end(), kApp.begin()));
}

TEST(ConversationSearch, AnEmptyMapIsAtItsEnd)
{
    Region region(4);
    EXPECT_TRUE(region.map().is_end(0));
    EXPECT_TRUE(region.search({}).empty());
}

TEST(ConversationSearch, FindsEachOnceWhateverTheCount)
{
    Region region(2000);
    std::set<std::string> all;
    for (int i = 0; i < 1300; i++) {
        all.insert("c" + std::to_string(i));
        region.put("c" + std::to_string(i), "u" + std::to_string(i % 2));
    }

    for (const std::size_t count : { 1, 7, 511, 512, 513, 5000 }) {
        const auto found = region.search({}, count);
        EXPECT_EQ(found.size(), 1300u) << count;
        EXPECT_EQ(std::set(found.begin(), found.end()), all) << count;
        EXPECT_EQ(region.search(of_user("u1"), count).size(), 650u) << count;
    }
}

TEST(ConversationSearch, FiltersAddUp)
{
    Region region(8);
    region.put("a", "u1", 10);
    region.put("b", "u2", 20);
    region.put("c", "u1", 30);
    using Ids = std::vector<std::string>;

    ConversationFilter filter;
    filter.used_until_s = 20;
    EXPECT_EQ(region.search(filter), (Ids{ "a", "b" }));
    filter.user = of_user("u1").user;
    EXPECT_EQ(region.search(filter), (Ids{ "a" }));
    filter = {};
    EXPECT_TRUE(filter.id.emplace().assign("c"));
    EXPECT_EQ(region.search(filter), (Ids{ "c" }));
    filter.app = ConversationOwner::of({}, digest("other app")).app;
    EXPECT_TRUE(region.search(filter).empty());
    filter.app = ConversationOwner::of({}, kApp).app;
    EXPECT_EQ(region.search(filter), (Ids{ "c" }));
}

TEST(ConversationSearch, TheOwnerStaysWhenAHeadIsTakenAndPutBack)
{
    Region region(4);
    region.put("a", "u1");
    Mapping taken;
    ASSERT_EQ(region.map().take(kScope, digest("a"), 100, 9, taken),
              Taken::yes);
    EXPECT_EQ(taken.owner.user, *of_user("u1").user);
    EXPECT_EQ(region.search(of_user("u1")).size(), 1u);
    region.map().put(taken, 101);
    EXPECT_EQ(region.search(of_user("u1")).size(), 1u);
}

TEST(ConversationSearch, TheOwnerIsRestored)
{
    Region from(4), to(4);
    from.put("a", "u1");
    ConversationEntry entry;
    ASSERT_TRUE(from.map().newest(entry));
    to.put("a", "u2");  // an older state of the same
    to.map().restore(entry);
    EXPECT_EQ(to.search(of_user("u1")).size(), 1u);
    EXPECT_TRUE(to.search(of_user("u2")).empty());
}

TEST(ConversationSearch, NothingOfADroppedOneStaysInMemory)
{
    Region region(4);
    region.put("secret-conversation", "u1");
    EXPECT_NE(region.bytes().find("secret-conversation"),
              std::string_view::npos);
    const auto tag = *of_user("u1").user;
    const std::string_view user(reinterpret_cast<const char *>(tag.data()),
                                tag.size());
    EXPECT_NE(region.bytes().find(user), std::string_view::npos);
    region.map().drop(kScope, "secret-conversation");
    EXPECT_EQ(region.bytes().find("secret-conversation"),
              std::string_view::npos);
    EXPECT_EQ(region.bytes().find(user), std::string_view::npos);
    EXPECT_TRUE(region.search({}).empty());
}

// Of "a" with its message "m", put elsewhere.
ConversationEntry entry_of_a()
{
    Region from(4);
    ConversationEntry entry;

    from.put("a", "u1");
    EXPECT_TRUE(from.map().newest(entry));
    entry.has_message = true;
    return entry;
}

TEST(ConversationAdd, WhatIsNotKnown)
{
    Region region(4);
    const auto entry = entry_of_a();
    ConversationEntry known;

    EXPECT_TRUE(region.map().add(entry));
    EXPECT_TRUE(region.map().newest(known));
    EXPECT_EQ(known.head, entry.head);
    EXPECT_EQ(known.used_s, entry.used_s);
    EXPECT_FALSE(region.map().add(entry));
}

TEST(ConversationAdd, WhatIsKnownStays)
{
    const auto entry = entry_of_a();
    Mapping out;

    // The conversation, with another head.
    Region same(4);
    Mapping moved = { kScope, digest("later"), digest("m"), entry.id,
                      entry.owner };
    same.map().put(moved, 200);
    EXPECT_FALSE(same.map().add(entry));
    EXPECT_EQ(same.map().take(kScope, digest("later"), 200, 100, out),
              Taken::yes);

    // Another one with its head, or its message.
    for (const bool head : { true, false }) {
        Region other(4);
        Mapping rival = { kScope, head ? entry.head : digest("another"),
                          head ? digest("other") : entry.message, {}, {} };
        ASSERT_TRUE(rival.id.assign("b"));
        other.map().put(rival, 200);
        EXPECT_FALSE(other.map().add(entry));
        EXPECT_EQ(other.map().size(), 1u);
        EXPECT_EQ(other.map().take(kScope, rival.head, 200, 100, out),
                  Taken::yes);
        EXPECT_EQ(out.id.view(), "b");
    }
}

}  // namespace
}  // namespace opendify
