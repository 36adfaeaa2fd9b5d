// What is read of one family's files, and what others add to our zone.

#include "ngx_http_opendify_folder.hpp"
#include "ngx_http_opendify_shared.hpp"

#include <algorithm>

namespace opendify::glue {

namespace {

constexpr std::uint32_t kClockSlack = 2;  // seconds

// -1: the map has it older or not at all, 0: of the same second, 1: newer.
int compare_to_known(const PersistConf *conf, const ConversationEntry &entry)
{
    ConversationEntry known;
    ShmLock           lock(slab(conf->zone));

    if (!ConversationMap(root(conf->zone)->map).find(entry.key, known)
        || known.used_s < entry.used_s)
    {
        return -1;
    }

    return known.used_s == entry.used_s ? 0 : 1;
}

// Turns of others may have begun before what was erased here.
bool is_erased(const PersistConf *conf, const ConversationEntry &entry)
{
    ShmLock lock(slab(conf->zone));

    return root(conf->zone)->erasures.has(entry.owner, entry.id,
                                          entry.used_s);
}

// A change that our line has not seen, made after it began or by a family
// that began later. Ages are whole seconds: it wins over an equal one.
bool is_unseen(const Lineage &ours, std::uint64_t family,
               const JournalRecord &record)
{
    return family > ours.family
           || (family == ours.parent && record.order > ours.parent_order);
}

// Its clock may have jumped ahead after some of it was written.
void correct_times(FamilyContents &read, std::uint32_t &newest_s)
{
    const auto &records = read.records;
    auto later = std::max(read.header.not_before_s,
                          records.empty() ? read.header.birth_s
                                          : records.back().birth_s);

    for (auto &entry : read.entries) {
        newest_s = std::max(newest_s, entry.used_s);
    }

    for (auto &record : records) {
        newest_s = std::max(newest_s, record.entry.used_s);
    }

    for (auto &entry : read.entries) {
        entry.used_s = on_later_clock(entry.used_s, read.header.birth_s, later,
                                      newest_s);
    }

    for (auto &record : read.records) {
        record.entry.used_s = on_later_clock(record.entry.used_s,
                                             record.birth_s, later, newest_s);
    }
}

}  // namespace

FamilyContents read_family(const StoredFamily &family, std::uint32_t &newest_s,
                           ngx_log_t *log)
{
    FamilyContents read;

    read.has_snapshot = read_snapshot(
        family, read.header, log, [&](const JournalRecord &record) {
            read.entries.push_back(record.entry);
        });

    if (!read.has_snapshot) {
        read.header = {};
    }

    read.records = read_journals(family, read.header, log);
    correct_times(read, newest_s);

    return read;
}

void apply(const PersistConf *conf, const JournalRecord &record)
{
    ShmLock         lock(slab(conf->zone));
    ConversationMap map(root(conf->zone)->map);

    if (record.operation == JournalOperation::drop) {
        map.drop(record.entry.key);

    } else {
        map.restore(record.entry);
    }
}

void merge_family(const PersistConf *conf, const Lineage &ours,
                  std::uint64_t number, const StoredFamily &family,
                  ngx_log_t *log)
{
    std::uint32_t newest_s = now_s();
    auto          read = read_family(family, newest_s, log);
    auto          merge = [&](const JournalRecord &record, bool wins) {
        if (record.entry.used_s + kClockSlack >= ours.floor_s
            && compare_to_known(conf, record.entry) < (wins ? 1 : 0)
            && !is_erased(conf, record.entry))
        {
            apply(conf, record);
        }
    };

    for (auto &entry : read.entries) {
        JournalRecord record;
        record.entry = entry;
        merge(record, false);
    }

    for (auto &record : read.records) {
        merge(record, is_unseen(ours, number, record));
    }
}

}  // namespace opendify::glue
