// A process dies while it changes the map: at each store that it makes, one
// after the other, another process finds the map as it was before or as it is
// after.

#include <gtest/gtest.h>

#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "opendify/conversation_map.hpp"
#include "state/conversation_table.hpp"

namespace opendify {
namespace {

constexpr std::uint32_t kNow = 1000;
constexpr std::uint32_t kTtl = 1000;
constexpr std::size_t kCapacity = 5;
constexpr std::size_t kBytes =
    sizeof(state::Header) + kCapacity * (sizeof(state::Record) + 12);

using Bytes = std::vector<std::uint32_t>;
using Step = std::function<void(ConversationMap)>;

Digest digest(std::string_view name)
{
    return digest_of({ name });
}

const Digest kScope = digest("scope");

Mapping mapping_of(std::string_view head, std::string_view message,
                   std::string_view id)
{
    Mapping mapping = { kScope, digest(head), digest(message), {},
                        ConversationOwner::of("user", digest("app")) };
    EXPECT_TRUE(mapping.id.assign(id));

    return mapping;
}

// Shared with a child.
class Region {
public:
    Region()
        : memory_(mmap(nullptr, kBytes, PROT_READ | PROT_WRITE,
                       MAP_SHARED | MAP_ANONYMOUS, -1, 0))
    {
        std::memset(memory_, 0xa5, kBytes);
        EXPECT_TRUE(ConversationMap::format(memory_, kBytes));
    }

    ~Region() { munmap(memory_, kBytes); }
    Region(const Region &) = delete;
    Region &operator=(const Region &) = delete;

    ConversationMap map() { return ConversationMap(memory_); }

    Bytes bytes() const
    {
        Bytes copy(kBytes / 4);
        std::memcpy(copy.data(), memory_, kBytes);
        return copy;
    }

    void assign(const Bytes &bytes)
    {
        std::memcpy(memory_, bytes.data(), kBytes);
    }

    bool is(const Bytes &bytes) const
    {
        return std::memcmp(memory_, bytes.data(), kBytes) == 0;
    }

private:
    void *memory_;
};

// What counts of a region when the next process has looked at it.
Bytes found(Bytes bytes)
{
    state::Table table(bytes.data());
    auto *records = const_cast<state::Record *>(&table.record(0));
    auto *notes = const_cast<state::Note *>(table.header().notes);

    EXPECT_EQ(table.header().noted, 0u);
    std::fill_n(notes, state::kNotes, state::Note{});

    for (std::uint32_t i = 0; i < kCapacity; i++) {
        state::Record dead = {};
        dead.older = records[i].older;

        if (i >= table.header().touched) {
            records[i] = {};

        } else if (records[i].state.live == 0) {
            records[i] = dead;
        }
    }

    return bytes;
}

std::uint32_t notes_in(const Bytes &bytes)
{
    return reinterpret_cast<const state::Header *>(bytes.data())->noted;
}

// Runs `step` in a process of its own, an instruction at a time, and shows
// what stands in the region after each one that changed it.
void walk(Region &region, const Step &step,
          const std::function<void(const Bytes &)> &look)
{
    Bytes last = region.bytes();
    const pid_t child = fork();

    if (child == 0) {
        ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
        raise(SIGSTOP);
        step(region.map());
        raise(SIGSTOP);
        _exit(0);
    }

    int status;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSTOPPED(status));

    // Until it stops itself.
    do {
        ASSERT_EQ(ptrace(PTRACE_SINGLESTEP, child, nullptr, nullptr), 0);
        ASSERT_EQ(waitpid(child, &status, 0), child);

        if (!region.is(last)) {
            last = region.bytes();
            look(last);
        }
    } while (WIFSTOPPED(status) && WSTOPSIG(status) == SIGTRAP);

    EXPECT_TRUE(WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
    kill(child, SIGKILL);
    waitpid(child, &status, 0);
}

// What it finds is the state before or after each of the `changes`.
std::uint32_t check(const Step &prepare, const Step &step,
                    const std::vector<Step> &changes)
{
    Region region;
    std::vector<Bytes> allowed;
    std::uint32_t most = 0;
    std::size_t moments = 0;

    prepare(region.map());
    Bytes bytes = region.bytes();
    allowed.push_back(found(bytes));

    for (const auto &change : changes) {
        change(ConversationMap(bytes.data()));
        allowed.push_back(found(bytes));
    }

    walk(region, step, [&](const Bytes &now) {
        moments++;
        most = std::max(most, notes_in(now));
        EXPECT_EQ(std::count(allowed.begin(), allowed.end(), found(now)), 1)
            << moments;
    });

    EXPECT_GT(moments, 3u);
    EXPECT_EQ(found(region.bytes()), allowed.back());

    return most;
}

std::uint32_t check(const Step &prepare, const Step &step)
{
    return check(prepare, step, { step });
}

void fill(ConversationMap map)
{
    for (const char *name : { "1", "2", "3", "4", "5" }) {
        const std::string n(name);
        map.put(mapping_of("h" + n, "m" + n, "c" + n), kNow);
    }
}

void put_some(ConversationMap map)
{
    map.put(mapping_of("h1", "m1", "c1"), kNow);
    map.put(mapping_of("h2", "m2", "c2"), kNow);
    map.put(mapping_of("h3", "m3", "c3"), kNow, true);
    map.drop(kScope, "c2");
}

ConversationEntry entry_of(std::string_view head, std::string_view id)
{
    Region region;
    ConversationEntry entry;

    region.map().put(mapping_of(head, head, id), kNow);
    EXPECT_TRUE(region.map().newest(entry));

    return entry;
}

TEST(ConversationCrash, PutsHappenOrNot)
{
    auto nothing = [](ConversationMap) {};
    auto put = [](std::string_view head, std::string_view message,
                  std::string_view id) -> Step {
        return [mapping = mapping_of(head, message, id)](ConversationMap map) {
            map.put(mapping, kNow + 1);
        };
    };

    check(nothing, put("h1", "m1", "c1"));
    check(put_some, put("h4", "m4", "c4"));
    check(put_some, put("h4", "m4", "c1"));
    check(put_some, put("h3", "m3", "c1"));

    // The oldest one goes, two lose what the new one has.
    const std::uint32_t most = check(fill, put("h4", "m5", "c6"));
    EXPECT_GT(most, 40u);
    EXPECT_LE(most, state::kNotes - 16);
}

TEST(ConversationCrash, TakesHappenOrNot)
{
    check(put_some, [](ConversationMap map) {
        Mapping out;
        map.take(kScope, digest("h1"), kNow + 1, kTtl, out);
    });
    check(put_some, [](ConversationMap map) {
        Mapping out;
        map.take_message(kScope, digest("m1"), kNow + 1, kTtl, out, true);
    });
    check(put_some, [](ConversationMap map) {
        Mapping out;
        map.take_conversation(kScope, "c3", out);
    });
    check(put_some, [](ConversationMap map) {
        map.settle(mapping_of("h3", "m3", "c3"));
    });
}

TEST(ConversationCrash, DropsHappenOrNot)
{
    for (const char *id : { "c1", "c3", "c5" }) {
        check(fill, [id](ConversationMap map) { map.drop(kScope, id); });
    }
}

TEST(ConversationCrash, RestoresHappenOrNot)
{
    for (const bool taken : { false, true }) {
        for (const char *id : { "c1", "c6" }) {
            ConversationEntry entry = entry_of("h2", id);
            entry.is_taken = taken;
            entry.has_head = !taken;
            check(fill, [entry](ConversationMap map) { map.restore(entry); });
        }
    }

    const ConversationEntry entry = entry_of("h7", "c7");
    check(fill, [entry](ConversationMap map) { map.add(entry); });
}

TEST(ConversationCrash, WhoTakesItBackMayDieToo)
{
    Region region;
    Bytes before, half;
    const Step put = [](ConversationMap map) {
        map.put(mapping_of("h4", "m5", "c6"), kNow + 1);
    };

    fill(region.map());
    before = found(region.bytes());
    walk(region, put, [&](const Bytes &now) {
        half = half.empty() || notes_in(now) > notes_in(half) ? now : half;
    });

    ASSERT_GT(notes_in(half), 40u);

    Region dying;
    std::size_t moments = 0;
    dying.assign(half);
    walk(dying, [](ConversationMap map) { map.size(); },
         [&](const Bytes &now) {
             moments++;
             EXPECT_EQ(found(now), before) << moments;
         });
    EXPECT_GT(moments, 10u);
    EXPECT_EQ(found(dying.bytes()), before);
}

}  // namespace
}  // namespace opendify
