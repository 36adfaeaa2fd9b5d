// Parameters, and the journal that each process writes.

#include "ngx_http_opendify_persist.hpp"

#include "ngx_http_opendify_conf.hpp"
#include "ngx_http_opendify_folder.hpp"
#include "ngx_http_opendify_shared.hpp"

#include <fcntl.h>
#include <unistd.h>

namespace opendify::glue {

namespace {

constexpr int kMaxJournals = 256;  // of one process and generation

// This process's journal; -1 with a family: it was given up.
struct Journal {
    std::uint64_t family = 0;
    std::uint32_t generation = 0;
    ngx_pid_t     pid = 0;
    int           fd = -1;
    off_t         size = 0;
};

Journal journal;

bool is_open_for(const Journalled &change)
{
    return journal.family == change.family
           && journal.generation == change.generation && journal.pid == ngx_pid;
}

void close_journal()
{
    if (journal.fd != -1) {
        close(std::exchange(journal.fd, -1));
    }
}

// 8 digits of the process, 2 to tell it from an earlier one with its id.
File create_journal(const PersistConf *conf, const Journalled &change)
{
    char tail[sizeof("-12345678-12.journal")];

    for (int i = 0; i < kMaxJournals; i++) {
        snprintf(tail, sizeof(tail), "-%08x-%02x.journal",
                 static_cast<unsigned>(ngx_pid), i);
        File file = create_file(
            generation_path(conf, change.family, change.generation, tail),
            O_WRONLY | O_APPEND);

        if (file.ok() || errno != EEXIST) {
            return file;
        }
    }

    return File();
}

// A failed write leaves no part of a record: later ones would be out of step.
bool append(std::string_view bytes)
{
    if (write_all(journal.fd, bytes)) {
        journal.size += static_cast<off_t>(bytes.size());
        return true;
    }

    ngx_err_t err = ngx_errno;

    if (ftruncate(journal.fd, journal.size) == -1) {
        close_journal();
    }

    ngx_set_errno(err);

    return false;
}

bool open_journal(const PersistConf *conf, const Journalled &change)
{
    close_journal();
    journal = {change.family, change.generation, ngx_pid, -1, 0};
    journal.fd = create_journal(conf, change).release();

    return journal.fd != -1;
}

std::string first_bytes(const PersistConf *conf, const Journalled &change)
{
    JournalHeader header;

    header.kind = JournalKind::journal;
    header.family = change.family;
    header.generation = change.generation;
    header.birth_s = change.record.birth_s;
    header.not_before_s = root(conf->zone)->persist.not_before_s;
    header.capacity = ConversationMap(root(conf->zone)->map).capacity();

    auto bytes = encode(header);

    return std::string(bytes.data(), bytes.size());
}

bool write_change(const PersistConf *conf, const Journalled &change)
{
    if (!is_open_for(change) && !open_journal(conf, change)) {
        return false;
    }

    if (journal.fd == -1) {
        ngx_set_errno(EBADF);
        return false;
    }

    std::string bytes = journal.size == 0 ? first_bytes(conf, change)
                                          : std::string();
    auto record = encode(change.record);
    bytes.append(record.data(), record.size());

    return append(bytes);
}

// Under the lock.
Journalled begin_change(ngx_shm_zone_t *shm)
{
    auto      &state = root(shm)->persist;
    Journalled change;

    change.kept = true;
    change.record.order = ++state.order;
    change.record.birth_s = birth_s(shm);
    change.family = state.family;
    change.generation = state.generation;

    return change;
}

bool is_kept(const ngx_shm_zone_t *shm)
{
    return persist_conf(shm)->path.len != 0;
}

ngx_int_t parse_interval(ngx_conf_t *cf, const ngx_str_t &value,
                         std::string_view text, ngx_msec_t least,
                         ngx_msec_t &to)
{
    ngx_str_t string = borrow(text);
    auto      parsed = ngx_parse_time(&string, 0);

    if (text.empty() || parsed == NGX_ERROR
        || static_cast<ngx_msec_t>(parsed) < least)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid parameter \"%V\": a time such as "
                           "snapshot=60s or sync=1s is wanted, "
                           "%M milliseconds at least", &value, least);
        return NGX_ERROR;
    }

    to = static_cast<ngx_msec_t>(parsed);

    return NGX_OK;
}

ngx_int_t parse_path(ngx_conf_t *cf, PersistConf *conf, std::string_view text)
{
    while (text.size() > 1 && text.back() == '/') {
        text.remove_suffix(1);
    }

    conf->path = copy(cf->pool, text);

    if (text.empty()) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid parameter \"path=\": name a folder for "
                           "the conversations");
        return NGX_ERROR;
    }

    return conf->path.data == nullptr
               ? NGX_ERROR
               : ngx_conf_full_name(cf->cycle, &conf->path, 0);
}

}  // namespace

PersistConf *persist_create(ngx_conf_t *cf)
{
    auto *conf = static_cast<PersistConf *>(
        ngx_pcalloc(cf->pool, sizeof(PersistConf)));

    if (conf != nullptr) {
        conf->cycle = cf->cycle;
        conf->snapshot = 60 * 1000;
        conf->sync = 1000;
        conf->folder = -1;
        conf->family = -1;
    }

    return conf;
}

ngx_int_t persist_parameter(ngx_conf_t *cf, PersistConf *conf,
                            const ngx_str_t &value)
{
    if (has_prefix(value, "path=")) {
        return parse_path(cf, conf, view(value).substr(5));
    }

    if (has_prefix(value, "snapshot=")) {
        return parse_interval(cf, value, view(value).substr(9), 100,
                              conf->snapshot);
    }

    if (has_prefix(value, "sync=")) {
        return parse_interval(cf, value, view(value).substr(5), 0, conf->sync);
    }

    return NGX_DECLINED;
}

ngx_int_t persist_add_path(ngx_conf_t *cf, PersistConf *conf)
{
    if (conf->path.len == 0) {
        return NGX_OK;
    }

    auto *path = static_cast<ngx_path_t *>(
        ngx_pcalloc(cf->pool, sizeof(ngx_path_t)));

    if (path == nullptr) {
        return NGX_ERROR;
    }

    path->name = conf->path;
    path->manager = persist_manage;
    path->data = conf;
    path->conf_file = cf->conf_file->file.name.data;
    path->line = cf->conf_file->line;

    return ngx_add_path(cf, &path);
}

void to_clock_of_now(const ngx_shm_zone_t *shm, ConversationEntry &entry)
{
    entry.used_s = on_later_clock(entry.used_s, root(shm)->birth_s,
                                  birth_s(shm), now_s());
}

Journalled persist_put(ngx_shm_zone_t *shm)
{
    if (!is_kept(shm)) {
        return {};
    }

    Journalled change = begin_change(shm);

    change.record.operation = JournalOperation::put;
    ConversationMap(root(shm)->map).newest(change.record.entry);
    to_clock_of_now(shm, change.record.entry);

    return change;
}

Journalled persist_drop(ngx_shm_zone_t *shm, const Digest &key)
{
    if (!is_kept(shm)) {
        return {};
    }

    Journalled change = begin_change(shm);

    change.record.operation = JournalOperation::drop;
    change.record.entry.key = key;
    change.record.entry.used_s = now_s();

    return change;
}

void persist_write(ngx_shm_zone_t *shm, const Journalled &change) noexcept
{
    auto *log = ngx_cycle->log;

    guarded(log, 0, [&] {
        if (change.kept && !write_change(persist_conf(shm), change)) {
            persist_failed(persist_conf(shm), ngx_errno, "journal");
        }

        return 0;
    });
}

void persist_compact(ngx_shm_zone_t *shm)
{
    auto   &state = root(shm)->persist;
    ShmLock lock(slab(shm));

    state.floor_s = now_s() + 3;
    state.wanted++;
}

void persist_failed(PersistConf *conf, ngx_err_t err, const char *what)
{
    auto &state = root(conf->zone)->persist;
    bool  is_said;

    {
        ShmLock lock(slab(conf->zone));
        is_said = state.failing != 0;
        state.failing = 1;
        state.wanted++;
    }

    if (!is_said) {
        ngx_log_error(NGX_LOG_CRIT, ngx_cycle->log, err,
                      "opendify: the %s in \"%V\" cannot be written: "
                      "conversations are kept in memory alone until it can",
                      what, &conf->path);
    }
}

}  // namespace opendify::glue
