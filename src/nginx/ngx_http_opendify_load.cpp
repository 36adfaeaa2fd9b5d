// From the folder into the zone: at a start, and what others left later.

#include "ngx_http_opendify_folder.hpp"
#include "ngx_http_opendify_shared.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>

namespace opendify::glue {

namespace {

constexpr int        kLockTries = 20;
constexpr ngx_msec_t kLockPause = 50;
constexpr int        kPidBits = 22;

// The number of a family's last change.
std::uint64_t last_order(const StoredFamily &family)
{
    ngx_log_t     silent = {};
    JournalHeader header = {};

    read_snapshot(family, header, &silent, [](const JournalRecord &) {});

    auto records = read_journals(family, header, &silent);

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

void replay(const PersistConf *conf, const FamilyContents &read)
{
    for (auto &record : read.records) {
        apply(conf, record);
    }
}

// And what older families had to add.
void load_base(const PersistConf *conf, const StoredFamilies &families,
               std::uint64_t number, const FamilyContents &base,
               ngx_log_t *log)
{
    const auto &header = base.header;

    restore_all(conf, base.entries);
    replay(conf, base);

    for (auto &[older, family] : families) {
        if (older == number) {
            break;
        }

        // Without a lock the base began with all of it.
        if (!family.lock.empty() || header.floor_s == 0) {
            merge_family(conf, {header.family, header.parent,
                                header.parent_order, header.floor_s},
                         older, family, log);
        }
    }
}

// The newest snapshot is the base. What families before its own wrote later
// than that one began is merged, what families after it wrote follows. The
// newest time that was read, or now.
std::uint32_t load_families(const PersistConf *conf,
                            const StoredFamilies &families)
{
    auto                      *log = conf->zone->shm.log;
    auto                       base = families.rbegin();
    std::uint32_t              newest_s = now_s();
    std::deque<FamilyContents> read;

    for (; base != families.rend(); base++) {
        read.push_front(read_family(base->second, newest_s, log));

        if (read.front().has_snapshot) {
            load_base(conf, families, base->first, read.front(), log);
            read.pop_front();
            break;
        }
    }

    for (auto &later : read) {
        replay(conf, later);
    }

    return newest_s;
}

// Later ones are greater, also after the clock went back.
std::uint64_t next_family(const StoredFamilies &families)
{
    auto         *now = ngx_timeofday();
    std::uint64_t number = std::uint64_t{now_s()} * 1000 + now->msec;

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
    state.birth_s = birth_s(conf->zone);
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

    state.floor_s = now_s();

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
    root(conf->zone)->persist.not_before_s = load_families(conf, families);

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
