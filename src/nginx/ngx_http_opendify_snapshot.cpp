// What the helper does: it syncs journals, writes snapshots, merges what dead
// families left and removes what is not needed any more.

#include "ngx_http_opendify_conf.hpp"
#include "ngx_http_opendify_folder.hpp"
#include "ngx_http_opendify_shared.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>

namespace opendify::glue {

namespace {

constexpr std::size_t kEntriesPerLock = 512;
constexpr ngx_msec_t  kTick = 1000;
constexpr ngx_msec_t  kRetry = 5000;

struct Keeper {
    std::uint64_t synced = 0;    // changes up to it were there at a sync
    bool          again = true;  // one of them may have been on its way
    bool          strangers = false;  // other families live
    std::uint32_t finished = 0;  // generation whose snapshot was just written
    ngx_msec_t    synced_at = 0;
    ngx_msec_t    failed_at = 0;
};

Keeper keeper;

PersistState state_of(const PersistConf *conf)
{
    ShmLock lock(slab(conf->zone));

    return root(conf->zone)->persist;
}

// False with errno.
bool sync_folder(const PersistConf *conf)
{
    File file(open(folder_path(conf).c_str(),
                   O_RDONLY | O_CLOEXEC | O_DIRECTORY));

    return file.ok() && fsync(file.get()) == 0;
}

// Something else with a journal's name is no journal of ours.
bool sync_journal(const std::string &path)
{
    File file = open_regular(path);

    return file.ok() ? fsync(file.get()) == 0
                     : errno == EINVAL || errno == ELOOP || errno == ENOENT;
}

// False with errno.
bool sync_journals(const PersistConf *conf, std::uint64_t family)
{
    StoredFamilies families;

    return list_folder(conf, families)
           && std::all_of(families[family].files.begin(),
                          families[family].files.end(),
                          [](const StoredFile &file) {
                              return file.kind != FileKind::journal
                                     || sync_journal(file.path);
                          })
           && sync_folder(conf);
}

void sync_if_due(PersistConf *conf, const PersistState &state)
{
    if (conf->sync == 0 || ngx_current_msec - keeper.synced_at < conf->sync) {
        return;
    }

    if (state.order != keeper.synced || keeper.again) {
        // What the disk did not take is written once more, as a snapshot.
        if (!sync_journals(conf, state.family)) {
            persist_failed(conf, ngx_errno, "journal");
        }

        keeper.again = state.order != keeper.synced;
        keeper.synced = state.order;
    }

    keeper.synced_at = ngx_current_msec;
}

bool write_header(int fd, const PersistConf *conf, const PersistState &state)
{
    JournalHeader header;

    header.kind = JournalKind::snapshot;
    header.family = state.family;
    header.generation = state.generation;
    header.floor_s = state.floor_s;
    header.order = state.order;
    header.parent = state.parent;
    header.parent_order = state.parent_order;
    header.birth_s = state.birth_s;
    header.not_before_s = state.not_before_s;
    header.capacity = ConversationMap(root(conf->zone)->map).capacity();

    auto bytes = encode(header);

    return write_all(fd, {bytes.data(), bytes.size()});
}

std::size_t copy_some(const PersistConf *conf, std::uint32_t &from,
                      std::array<ConversationEntry, kEntriesPerLock> &entries)
{
    ShmLock lock(slab(conf->zone));

    auto count = ConversationMap(root(conf->zone)->map)
                     .copy(from, entries.data(), entries.size());

    for (std::size_t i = 0; i < count; i++) {
        to_clock_of_now(conf->zone, entries[i]);
    }

    return count;
}

void append_record(std::string &bytes, const JournalRecord &record)
{
    auto encoded = encode(record);

    bytes.append(encoded.data(), encoded.size());
}

bool write_entries(int fd, const PersistConf *conf)
{
    std::array<ConversationEntry, kEntriesPerLock> entries;
    std::string   bytes;
    JournalRecord record;
    JournalRecord end;
    std::uint32_t from = 0;

    end.operation = JournalOperation::end;

    while (auto count = copy_some(conf, from, entries)) {
        bytes.clear();

        for (std::size_t i = 0; i < count; i++) {
            record.entry = entries[i];
            append_record(bytes, record);
        }

        end.order += count;

        if (!write_all(fd, bytes)) {
            return false;
        }
    }

    bytes.clear();
    append_record(bytes, end);

    return write_all(fd, bytes);
}

// False with errno.
bool write_snapshot(const PersistConf *conf, const PersistState &state)
{
    auto path = [&](const char *suffix) {
        return generation_path(conf, state.family, state.generation, suffix);
    };

    auto unfinished = path(".unfinished");
    File file = create_file(unfinished, O_WRONLY);

    if (!file.ok()) {
        return false;
    }

    if (write_header(file.get(), conf, state) && write_entries(file.get(), conf)
        && fsync(file.get()) == 0
        && rename(unfinished.c_str(), path(".snapshot").c_str()) == 0
        && sync_folder(conf))
    {
        return true;
    }

    ngx_err_t err = ngx_errno;
    unlink(unfinished.c_str());
    ngx_set_errno(err);

    return false;
}

// Those that are dead; they are in the map when it is copied afterwards.
StoredFamilies merge_dead(const PersistConf *conf, const PersistState &state)
{
    StoredFamilies families, dead;

    list_folder(conf, families);
    keeper.strangers = false;

    for (auto &[number, family] : families) {
        if (number == state.family) {
            continue;
        }

        if (!is_dead(family)) {
            keeper.strangers = true;
            continue;
        }

        // Without a lock it was read when this zone began.
        if (!family.lock.empty() || state.floor_s == 0) {
            merge_family(conf, {state.family, state.parent, state.parent_order,
                                state.floor_s},
                         number, family, ngx_cycle->log);
        }

        dead[number] = family;
    }

    return dead;
}

PersistState begin_generation(const PersistConf *conf)
{
    auto   &state = root(conf->zone)->persist;
    ShmLock lock(slab(conf->zone));

    state.generation++;
    state.birth_s = birth_s(conf->zone);
    state.snapshot_at = ngx_current_msec;

    return state;
}

void finish(const PersistConf *conf, const PersistState &begun)
{
    auto &state = root(conf->zone)->persist;
    bool  was_failing;

    {
        ShmLock lock(slab(conf->zone));
        state.snapshot_order = std::max(state.snapshot_order, begun.order);
        state.honoured = begun.wanted;
        was_failing = state.failing != 0 && state.wanted == begun.wanted;
        state.failing = was_failing ? 0 : state.failing;
    }

    if (was_failing) {
        ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                      "opendify: \"%V\" can be written again, all "
                      "conversations are kept", &conf->path);
    }
}

void take_snapshot(PersistConf *conf)
{
    Stopwatch watch;
    auto      begun = begin_generation(conf);
    auto      dead = merge_dead(conf, begun);

    if (!write_snapshot(conf, begun)) {
        ngx_err_t err = ngx_errno;

        // A later one may have removed what was not finished.
        if (state_of(conf).generation == begun.generation) {
            keeper.failed_at = ngx_current_msec;
            persist_failed(conf, err, "snapshot");
        }

        return;
    }

    StoredFamilies families;
    list_folder(conf, families);
    remove_older(families[begun.family], begun.generation);

    for (auto &family : dead) {
        remove_family(family.second);
    }

    keeper.finished = begun.generation;
    finish(conf, begun);
    ngx_log_error(NGX_LOG_INFO, ngx_cycle->log, 0,
                  "opendify: snapshot of \"%V\" written in %M ms", &conf->path,
                  watch.elapsed_ms());
}

// A process that was held between its change and its journal has begun one of
// a generation that was removed meanwhile.
void remove_stragglers(const PersistConf *conf, const PersistState &state)
{
    StoredFamilies families;
    auto           finished = std::exchange(keeper.finished, 0);

    if (finished != 0 && finished == state.generation
        && list_folder(conf, families))
    {
        remove_older(families[state.family], state.generation);
    }
}

bool has_newly_dead(const PersistConf *conf, const PersistState &state)
{
    StoredFamilies families;

    if (!keeper.strangers || !list_folder(conf, families)) {
        return false;
    }

    return std::any_of(families.begin(), families.end(), [&](auto &family) {
        return family.first != state.family && !family.second.lock.empty()
               && is_dead(family.second);
    });
}

bool is_due(const PersistConf *conf, const PersistState &state)
{
    if (state.failing != 0 && ngx_current_msec - keeper.failed_at < kRetry) {
        return false;
    }

    // After a start nobody could tell the clock's step from a long sleep.
    return state.wanted != state.honoured || has_newly_dead(conf, state)
           || is_later_birth(state.birth_s, birth_s(conf->zone))
           || (state.order != state.snapshot_order
               && ngx_current_msec - state.snapshot_at >= conf->snapshot);
}

ngx_msec_t manage(PersistConf *conf)
{
    auto state = state_of(conf);

    sync_if_due(conf, state);

    if (is_due(conf, state)) {
        take_snapshot(conf);
        ngx_time_update();

    } else {
        remove_stragglers(conf, state);
    }

    ngx_msec_t next = std::min(kTick, conf->snapshot);

    return conf->sync == 0 ? next : std::min(next, conf->sync);
}

void on_timer(ngx_event_t *ev)
{
    auto *mcf = static_cast<MainConf *>(
        ngx_http_cycle_get_module_main_conf(ngx_cycle,
                                            ngx_http_opendify_module));
    ngx_msec_t next = kTick;

    if (mcf != nullptr && mcf->zone != nullptr
        && persist_conf(mcf->zone)->path.len != 0)
    {
        next = persist_manage(persist_conf(mcf->zone));
    }

    ev->log = ngx_cycle->log;
    ngx_add_timer(ev, next);
}

}  // namespace

ngx_msec_t persist_manage(void *conf)
{
    return guarded(ngx_cycle->log, kTick, [&] {
        return manage(static_cast<PersistConf *>(conf));
    });
}

ngx_int_t persist_init_process(ngx_cycle_t *cycle)
{
    static ngx_connection_t none;
    static ngx_event_t      timer;

    if (ngx_process != NGX_PROCESS_SINGLE) {
        return NGX_OK;
    }

    none.fd = static_cast<ngx_socket_t>(-1);
    timer.data = &none;
    timer.log = cycle->log;
    timer.handler = on_timer;
    timer.cancelable = 1;
    ngx_add_timer(&timer, kTick);

    return NGX_OK;
}

}  // namespace opendify::glue
