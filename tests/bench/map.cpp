// What the map of conversations costs when it holds that many of them.
//
//     map COUNT...
//     map FILE COUNT
//
// One JSON object a line: nanoseconds an operation, bytes a conversation. Or
// makes FILE, a snapshot of that many of them.

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <string>
#include <vector>

#include "opendify/conversation_journal.hpp"
#include "opendify/conversation_map.hpp"

namespace {

using namespace opendify;
using Clock = std::chrono::steady_clock;

constexpr std::uint32_t kNow = 1700000000;
constexpr std::uint32_t kTtl = 86400;

// Spreads the numbers 0, 1, 2, ... (splitmix64).
std::uint64_t mixed(std::uint64_t value)
{
    value += 0x9e3779b97f4a7c15;
    value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
    value = (value ^ (value >> 27)) * 0x94d049bb133111eb;

    return value ^ (value >> 31);
}

Digest digest_of(std::uint64_t value)
{
    Digest        digest;
    std::uint64_t halves[] = {mixed(value), mixed(~value)};

    static_assert(sizeof(halves) == sizeof(digest));
    std::memcpy(digest.data(), halves, sizeof(digest));

    return digest;
}

Mapping mapping_of(std::uint64_t index, std::uint64_t turn)
{
    char text[40];
    std::snprintf(text, sizeof(text), "8f4e21aa-5a0b-4c1d-9d55-%012llx",
                  static_cast<unsigned long long>(index));

    Mapping mapping = {};
    mapping.scope = digest_of(1);
    mapping.head = digest_of(index * 1000 + turn);
    mapping.id.assign(text);

    return mapping;
}

// Nanoseconds of one step(i), i < count.
template <class F>
double cost(std::size_t count, F &&step)
{
    auto begin = Clock::now();
    for (std::size_t i = 0; i < count; i++) {
        step(i);
    }

    return std::chrono::duration<double, std::nano>(Clock::now() - begin)
               .count() / static_cast<double>(count);
}

// The smallest region that holds `count`.
std::vector<std::uint64_t> region_for(std::size_t count)
{
    std::size_t low = 0, high = count * 64 + 4096;  // words

    while (low < high) {
        std::size_t middle = (low + high) / 2;
        std::vector<std::uint64_t> region(middle);

        if (ConversationMap::format(region.data(), middle * 8)
            && ConversationMap(region.data()).capacity() >= count)
        {
            high = middle;

        } else {
            low = middle + 1;
        }
    }

    std::vector<std::uint64_t> region(low);
    ConversationMap::format(region.data(), low * 8);

    return region;
}

// A hit is a whole turn: the head is taken, the next one put.
bool measure(std::size_t count)
{
    constexpr std::size_t kProbes = 200000;

    auto            region = region_for(count);
    ConversationMap map(region.data());
    std::size_t     taken = 0;

    auto insert = cost(count, [&](std::size_t i) {
        map.put(mapping_of(i, 0), kNow);
    });

    auto turn = cost(std::min(count, kProbes), [&](std::size_t i) {
        auto    index = count <= kProbes ? i : i * (count / kProbes);
        auto    before = mapping_of(index, 0);
        Mapping found;

        taken += map.take(before.scope, before.head, kNow, kTtl, found)
                 == Taken::yes;
        found.head = digest_of(index * 1000 + 1);
        map.put(found, kNow);
    });

    auto miss = cost(kProbes, [&](std::size_t i) {
        Mapping found;
        taken += map.take(digest_of(1), digest_of(i * 1000 + 999), kNow, kTtl,
                          found) == Taken::yes;
    });

    auto evict = cost(kProbes, [&](std::size_t i) {
        map.put(mapping_of(count + i, 0), kNow);
    });

    std::printf("{\"count\":%zu,\"insert_ns\":%.0f,\"turn_ns\":%.0f,"
                "\"miss_ns\":%.0f,\"evict_ns\":%.0f,\"bytes\":%.1f}\n",
                count, insert, turn, miss, evict,
                static_cast<double>(region.size() * 8)
                    / static_cast<double>(count));

    return taken == std::min(count, kProbes);
}

template <class Part>
void write_part(std::FILE *file, const Part &part)
{
    const auto bytes = encode(part);

    std::fwrite(bytes.data(), 1, bytes.size(), file);
}

bool write_snapshot(const char *path, std::size_t count)
{
    std::FILE *file = std::fopen(path, "w");
    if (file == nullptr) {
        return false;
    }

    JournalHeader header;
    header.kind = JournalKind::snapshot;
    header.family = header.generation = 1;
    header.capacity = count;
    write_part(file, header);

    JournalRecord record;

    for (std::size_t i = 0; i < count; i++) {
        const Mapping mapping = mapping_of(i, 0);

        record.entry.key = ConversationMap::key(mapping.scope,
                                                mapping.id.view());
        record.entry.head = mapping.head;
        record.entry.id = mapping.id;
        record.entry.used_s = static_cast<std::uint32_t>(std::time(nullptr));
        write_part(file, record);
    }

    record = {};
    record.operation = JournalOperation::end;
    record.order = count;
    write_part(file, record);

    return std::fclose(file) == 0;
}

}  // namespace

int main(int argc, char **argv)
{
    if (argc == 3 && std::strchr(argv[1], '/') != nullptr) {
        if (!write_snapshot(argv[1], std::strtoul(argv[2], nullptr, 10))) {
            std::perror(argv[1]);
            return 1;
        }

        return 0;
    }

    for (int i = 1; i < argc; i++) {
        if (!measure(std::strtoul(argv[i], nullptr, 10))) {
            std::fprintf(stderr, "map: a conversation was not found\n");
            return 1;
        }
    }
}
