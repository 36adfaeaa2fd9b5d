// From the folder into the zone: at a start, and what others left later.

#include "ngx_http_opendify_folder.hpp"
#include "ngx_http_opendify_shared.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <deque>

namespace opendify::glue {

namespace {

constexpr int           kLockTries = 20;
constexpr ngx_msec_t    kLockPause = 50;
constexpr int           kPidBits = 22;
constexpr std::uint32_t kClockSlack = 2;  // seconds

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

// The number of a family's last change.
std::uint64_t last_order(const StoredFamily &family)
{
    ngx_log_t     silent = {};
    JournalHeader header;

    read_snapshot(family, header, &silent, [](const JournalRecord &) {});

    auto records = read_journals(family, 0, &silent);

    return records.empty() ? header.order
                           : std::max(header.order, records.back().order);
}

// The least recently used first, so that the map evicts these. What is too old
// for the clock may not be when the clock is right.
void restore_all(const PersistConf *conf,
                 const std::deque<ConversationEntry> &entries)
{
    std::vector<std::uint64_t> ages;  // and numbers
    ages.reserve(entries.size());

    for (std::size_t i = 0; i < entries.size(); i++) {
        ages.push_back(std::uint64_t{entries[i].used_s} << 32 | i);
    }

    std::sort(ages.begin(), ages.end());

    ShmLock         lock(slab(conf->zone));
    ConversationMap map(root(conf->zone)->map);

    for (auto age : ages) {
        map.restore(entries[age & 0xffffffff]);
    }
}

void replay(const PersistConf *conf, const StoredFamily &family,
            std::uint32_t generation)
{
    for (auto &record :
         read_journals(family, generation, conf->zone->shm.log))
    {
        apply(conf, record);
    }
}

// The newest snapshot is the base. What families before its own wrote later
// than that one began is merged, what families after it wrote follows.
void load_families(const PersistConf *conf, const StoredFamilies &families)
{
    auto                         *log = conf->zone->shm.log;
    std::deque<ConversationEntry> entries;
    JournalHeader                 header;

    auto base = std::find_if(
        families.rbegin(), families.rend(), [&](auto &family) {
            return read_snapshot(family.second, header, log,
                                 [&](const JournalRecord &record) {
                                     entries.push_back(record.entry);
                                 });
        });

    auto next = families.begin();

    if (base != families.rend()) {
        restore_all(conf, entries);
        replay(conf, base->second, header.generation);

        for (; next->first != base->first; next++) {
            // Without a lock the base began with all of it.
            if (next->second.lock.empty() && header.floor_s != 0) {
                continue;
            }

            merge_family(conf, {header.family, header.parent,
                                header.parent_order, header.floor_s},
                         next->first, next->second, log);
        }

        next++;
    }

    for (; next != families.end(); next++) {
        replay(conf, next->second, 0);
    }
}

// Later ones are greater, also after the clock went back.
std::uint64_t next_family(const StoredFamilies &families)
{
    auto         *now = ngx_timeofday();
    std::uint64_t number = static_cast<std::uint64_t>(now->sec) * 1000
                           + now->msec;

    if (!families.empty()) {
        number = std::max(number,
                          (families.rbegin()->first >> kPidBits) + 1);
    }

    return number << kPidBits
           | (static_cast<std::uint64_t>(ngx_pid) & ((1u << kPidBits) - 1));
}

bool refuse(const PersistConf *conf, const char *what)
{
    ngx_log_error(NGX_LOG_EMERG, conf->zone->shm.log, ngx_errno,
                  "opendify: the folder for conversations \"%V\" cannot be %s",
                  &conf->path, what);
    return false;
}

// A process that was just killed may hold it for a moment.
bool take_folder(PersistConf *conf)
{
    for (int i = 0; i < kLockTries; i++) {
        conf->folder = lock_folder(conf);

        if (conf->folder != -1) {
            return true;
        }

        if (errno != EWOULDBLOCK) {
            return refuse(conf, "locked");
        }

        ngx_msleep(kLockPause);
    }

    ngx_log_error(NGX_LOG_EMERG, conf->zone->shm.log, 0,
                  "opendify: another nginx keeps its conversations in \"%V\": "
                  "stop it, or give each its own \"path=\" in "
                  "\"opendify_zone\"", &conf->path);
    return false;
}

bool begin_family(PersistConf *conf, const StoredFamilies &families)
{
    auto &state = root(conf->zone)->persist;
    auto *core = reinterpret_cast<ngx_core_conf_t *>(
        ngx_get_conf(conf->cycle->conf_ctx, ngx_core_module));

    std::uint64_t number = next_family(families);
    auto path = family_path(conf, number, ".lock");
    auto unlocked = path + ".new";
    File file = create_file(unlocked, O_RDWR);

    if (!file.ok()
        || (core->user != static_cast<ngx_uid_t>(NGX_CONF_UNSET_UINT)
            && geteuid() == 0 && fchown(file.get(), core->user, -1) == -1))
    {
        return refuse(conf, "written");
    }

    // Nobody may see it unlocked: that would be a dead family's.
    if (flock(file.get(), LOCK_EX | LOCK_NB) == -1
        || rename(unlocked.c_str(), path.c_str()) == -1)
    {
        return refuse(conf, "locked");
    }

    conf->family = file.release();

    ShmLock lock(slab(conf->zone));

    state.family = number;
    state.snapshot_at = ngx_current_msec;
    state.wanted += families.empty() ? 0 : 1;

    return true;
}

// All that the dead left is in the zone: the helper need not look again.
void forget_dead(const StoredFamilies &families)
{
    for (auto &family : families) {
        if (!family.second.lock.empty() && is_dead(family.second)) {
            unlink(family.second.lock.c_str());
        }
    }
}

void close_locks(void *data)
{
    auto *conf = static_cast<PersistConf *>(data);

    if (conf->folder != -1) {
        release_folder(conf->folder);
    }

    if (conf->family != -1) {
        close(conf->family);
    }
}

bool open_folder(PersistConf *conf, StoredFamilies &families)
{
    auto *cln = ngx_pool_cleanup_add(conf->cycle->pool, 0);

    if (cln == nullptr) {
        return false;
    }

    cln->handler = close_locks;
    cln->data = conf;

    return take_folder(conf)
           && (list_folder(conf, families) || refuse(conf, "read"));
}

// Before the load: what is written meanwhile counts as not known.
void find_parent(const PersistConf *conf, const StoredFamilies &families)
{
    auto &state = root(conf->zone)->persist;

    state.floor_s = static_cast<std::uint32_t>(ngx_time());

    for (auto &[number, family] : families) {
        if (!is_dead(family)) {
            state.parent = number;
            state.parent_order = last_order(family);
        }
    }
}

ngx_int_t load(PersistConf *conf)
{
    StoredFamilies families;
    Stopwatch      watch;

    if (!open_folder(conf, families)) {
        return NGX_ERROR;
    }

    find_parent(conf, families);
    load_families(conf, families);

    if (!begin_family(conf, families)) {
        return NGX_ERROR;
    }

    forget_dead(families);

    ngx_log_error(NGX_LOG_NOTICE, conf->zone->shm.log, 0,
                  "opendify: %uz conversations read from \"%V\" in %M ms",
                  ConversationMap(root(conf->zone)->map).size(), &conf->path,
                  watch.elapsed_ms());

    return NGX_OK;
}

// Conversations that this folder has from earlier are merged by the helper.
ngx_int_t move_to(PersistConf *conf)
{
    StoredFamilies families;

    if (!open_folder(conf, families) || !begin_family(conf, families)) {
        return NGX_ERROR;
    }

    ShmLock lock(slab(conf->zone));
    root(conf->zone)->persist.parent = 0;
    root(conf->zone)->persist.floor_s = 0;
    root(conf->zone)->persist.wanted++;

    return NGX_OK;
}

ngx_int_t keep(PersistConf *conf, const PersistConf *old)
{
    auto *cln = ngx_pool_cleanup_add(conf->cycle->pool, 0);

    if (cln == nullptr) {
        return NGX_ERROR;
    }

    cln->handler = close_locks;
    cln->data = conf;
    conf->folder = share_folder(old->folder);
    conf->family = fcntl(old->family, F_DUPFD_CLOEXEC, 0);

    return conf->folder == -1 || conf->family == -1 ? NGX_ERROR : NGX_OK;
}

}  // namespace

void merge_family(const PersistConf *conf, const Lineage &ours,
                  std::uint64_t number, const StoredFamily &family,
                  ngx_log_t *log)
{
    JournalHeader header;
    auto          merge = [&](const JournalRecord &record, bool wins) {
        if (record.entry.used_s + kClockSlack >= ours.floor_s
            && compare_to_known(conf, record.entry) < (wins ? 1 : 0)
            && !is_erased(conf, record.entry))
        {
            apply(conf, record);
        }
    };

    read_snapshot(family, header, log, [&](const JournalRecord &record) {
        merge(record, false);
    });

    for (auto &record : read_journals(family, header.generation, log)) {
        merge(record, is_unseen(ours, number, record));
    }
}

ngx_int_t persist_load(PersistConf *conf)
{
    if (conf->path.len == 0 || ngx_test_config) {
        return NGX_OK;
    }

    return guarded(conf->zone->shm.log, static_cast<ngx_int_t>(NGX_ERROR),
                   [&] { return load(conf); });
}

ngx_int_t persist_continue(PersistConf *conf, const PersistConf *old)
{
    if (conf->path.len == 0) {
        return NGX_OK;
    }

    return guarded(conf->zone->shm.log, static_cast<ngx_int_t>(NGX_ERROR),
                   [&] {
        return view(conf->path) == view(old->path) ? keep(conf, old)
                                                   : move_to(conf);
    });
}

}  // namespace opendify::glue
