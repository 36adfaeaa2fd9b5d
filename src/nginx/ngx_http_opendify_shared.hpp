// How the zone's memory is laid out:
//
//     slab pool (nginx's; its mutex is our lock) | Root | ZoneHeader | chats
//     | map
//
// The conversation map takes all the pages that are left.

#ifndef NGX_HTTP_OPENDIFY_SHARED_HPP
#define NGX_HTTP_OPENDIFY_SHARED_HPP

#include "ngx_opendify.hpp"

#include <cstdint>

#include "opendify/backend.hpp"
#include "opendify/clock.hpp"
#include "opendify/erasures.hpp"
#include "opendify/fingerprint.hpp"

namespace opendify::glue {

inline constexpr std::size_t kSlots = 512;

template <class T>
struct Slot {
    Digest key;
    time_t expires;
    T      value;
};

struct ZoneHeader {
    Slot<AppMode>        apps[kSlots];
    Slot<ConversationId> files[kSlots];
};

// What the processes of one zone agree on to keep it on disk.
struct PersistState {
    std::uint64_t family;          // names this zone's files
    std::uint64_t order;           // of the last change
    std::uint64_t snapshot_order;  // changes up to it are in the snapshot
    std::uint64_t parent;          // family that lived when this one began
    std::uint64_t parent_order;    // its last change that is known here
    std::uint32_t generation;      // of the journals that are written now
    std::uint32_t floor_s;         // older changes of others do not count
    std::uint32_t wanted;          // how often a snapshot was asked for
    std::uint32_t honoured;
    std::uint32_t failing;         // it was said that nothing can be written
    std::uint32_t birth_s;         // of the zone, at the last snapshot
    std::uint32_t not_before_s;    // nor was it born earlier
    ngx_msec_t    snapshot_at;
};

// Who answers in a chat that only the chat tells.
struct ChatSlot {
    Digest        chat;
    std::uint64_t holder;  // 0: nobody
    ngx_msec_t    until;   // of the machine's clock that never goes back
};

constexpr std::size_t kChatSlots = 512;

// Slab's own pointer to what we keep there.
struct Root {
    std::uint64_t layout;  // kRootLayout
    ZoneHeader  *header;
    ChatSlot    *chats;  // kChatSlots
    void        *map;
    PersistState persist;
    Erasures     erasures;
    std::uint32_t birth_s;    // the earliest that the clock has told
    ngx_msec_t    born_msec;  // by the time that passes
};

// Of all that is here. What is made by a version with another one is not
// looked at: its first word is another, before 0.2 it was an address. A change
// that leaves the sizes alone takes the next number.
inline constexpr std::uint64_t kRootLayout =
    std::uint64_t{0x6f70656e} << 32 | std::uint64_t{1} << 24
    | (((sizeof(Root) * 31 + sizeof(ZoneHeader)) * 31
        + kChatSlots * sizeof(ChatSlot)) & 0xffffff);

inline ngx_slab_pool_t *slab(const ngx_shm_zone_t *shm)
{
    return reinterpret_cast<ngx_slab_pool_t *>(shm->shm.addr);
}

inline Root *root(const ngx_shm_zone_t *shm)
{
    return static_cast<Root *>(slab(shm)->data);
}

inline std::uint32_t now_s()
{
    return stored_seconds(ngx_time());
}

// Of the zone by the clock of now.
inline std::uint32_t birth_s(const ngx_shm_zone_t *shm)
{
    return birth_seconds(now_s(), ngx_current_msec - root(shm)->born_msec);
}

class ShmLock {
public:
    explicit ShmLock(ngx_slab_pool_t *pool) : pool_(pool)
    {
        ngx_shmtx_lock(&pool_->mutex);
    }

    ~ShmLock() { ngx_shmtx_unlock(&pool_->mutex); }

    ShmLock(const ShmLock &) = delete;
    ShmLock &operator=(const ShmLock &) = delete;

private:
    ngx_slab_pool_t *pool_;
};

}  // namespace opendify::glue

#endif
