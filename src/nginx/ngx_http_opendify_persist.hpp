// The zone's conversations on disk.
//
// A family is one zone's life: a start, a binary upgrade or another size of
// the zone begins a new one. Its files in the folder are
//
//     FAMILY.lock                   held by all processes of the family
//     FAMILY-GEN.snapshot           the whole map
//     FAMILY-GEN-PID-N.journal      what one process changed since
//     FAMILY-GEN.unfinished         a snapshot that is being written
//
// A process changes the map, reads the generation under the same lock and
// then appends to its journal of that generation. The helper raises the
// generation under the lock and then walks the map, so snapshot GEN has all
// that journals before GEN say; it is written aside, synced, renamed, and
// what is older is removed. Killed at any point, the newest snapshot and the
// journals from its generation on give the map.
//
// The folder itself is locked too, in a way that a binary upgrade inherits:
// families of one master may live beside each other, those of two may not.
// The files of a family that has died are merged into the zone, then removed.
// Files with other names, or of another version, are never touched.

#ifndef NGX_HTTP_OPENDIFY_PERSIST_HPP
#define NGX_HTTP_OPENDIFY_PERSIST_HPP

#include "ngx_opendify.hpp"

#include "opendify/conversation_journal.hpp"

namespace opendify::glue {

// One configuration's; the zone's `data`.
struct PersistConf {
    ngx_cycle_t    *cycle;
    ngx_shm_zone_t *zone;
    ngx_str_t       path;      // empty: nothing is kept
    time_t          ttl;       // seconds
    ngx_msec_t      snapshot;
    ngx_msec_t      sync;      // 0: never
    int             folder;    // the lock on the folder, or -1
    int             family;    // and that of the family
};

inline PersistConf *persist_conf(const ngx_shm_zone_t *shm)
{
    return static_cast<PersistConf *>(shm->data);
}

// One change, from under the lock to the journal.
struct Journalled {
    bool          kept = false;
    std::uint64_t family = 0;
    std::uint32_t generation = 0;
    JournalRecord record;
};

PersistConf *persist_create(ngx_conf_t *cf);

// One parameter of opendify_zone: NGX_DECLINED if it is not ours.
ngx_int_t persist_parameter(ngx_conf_t *cf, PersistConf *conf,
                            const ngx_str_t &value);

// After the parameters: nginx makes the folder and runs the helper.
ngx_int_t persist_add_path(ngx_conf_t *cf, PersistConf *conf);

// The zone is new and empty: reads what is there, begins a family.
ngx_int_t persist_load(PersistConf *conf);

// The zone goes on with another configuration.
ngx_int_t persist_continue(PersistConf *conf, const PersistConf *old);

// Under the lock: the time of an entry that leaves the map, where the clock may
// have gone ahead since it was put.
void to_clock_of_now(const ngx_shm_zone_t *shm, ConversationEntry &entry);

// Under the lock, after the map was changed: the entry that was put last, or
// the key of what was dropped.
Journalled persist_put(ngx_shm_zone_t *shm);
Journalled persist_drop(ngx_shm_zone_t *shm, const Digest &key);

// Without the lock, before anybody is told of the change.
void persist_write(ngx_shm_zone_t *shm, const Journalled &change) noexcept;

// What was dropped shall be gone from the disk too: the helper writes a new
// snapshot within a second and removes all older files. Each drop is to be
// journalled before. Files of another family that still lives (a binary
// upgrade whose old workers have not ended) go when it ends, and nothing of
// them that is older than this call comes back.
void persist_compact(ngx_shm_zone_t *shm);

// Says once that nothing can be written, and asks for a snapshot.
void persist_failed(PersistConf *conf, ngx_err_t err, const char *what);

// What the helper does; returns when it wants to be called again.
ngx_msec_t persist_manage(void *conf);

// Without a helper (master_process off) a timer of the only process.
ngx_int_t persist_init_process(ngx_cycle_t *cycle);

}  // namespace opendify::glue

#endif
