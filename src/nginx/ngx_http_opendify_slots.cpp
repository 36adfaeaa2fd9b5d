// What is known of the apps and of the files that Dify has, for a while: fixed
// tables of the zone, a key in one of a few places.

#include "ngx_http_opendify_zone.hpp"

#include "ngx_http_opendify_shared.hpp"

#include <atomic>

namespace opendify::glue {

namespace {

constexpr std::size_t kProbes = 8;
constexpr time_t      kAppModeTtl = 600;      // seconds
constexpr time_t      kFileTtl = 12 * 3600;

// A clock that went back makes nothing last.
template <class T>
bool is_valid(const Slot<T> &slot, time_t ttl)
{
    return slot.expires > ngx_time() && slot.expires - ngx_time() <= ttl;
}

// Whoever dies in the middle leaves a slot that does not count.
template <class T>
void fill_slot(Slot<T> *slot, const Slot<T> &made)
{
    slot->expires = 0;
    std::atomic_signal_fence(std::memory_order_seq_cst);
    slot->key = made.key;
    slot->value = made.value;
    std::atomic_signal_fence(std::memory_order_seq_cst);
    slot->expires = made.expires;
}

// The slot of the key, else a free or the soonest to expire of its places.
template <class T>
Slot<T> *find_slot(Slot<T> (&slots)[kSlots], const Digest &key, bool make)
{
    std::size_t at = (key[0] | key[1] << 8) % kSlots;
    Slot<T>    *best = nullptr;

    for (std::size_t i = 0; i < kProbes; i++) {
        Slot<T> *slot = &slots[(at + i) % kSlots];

        if (slot->key == key) {
            return slot;
        }

        if (best == nullptr || slot->expires < best->expires) {
            best = slot;
        }
    }

    return make ? best : nullptr;
}

}  // namespace

AppMode Zone::app_mode(const Digest &key)
{
    ShmLock lock(slab(shm_));

    auto *slot = find_slot(root(shm_)->header->apps, key, false);

    return slot != nullptr && is_valid(*slot, kAppModeTtl) ? slot->value
                                                           : AppMode::unknown;
}

void Zone::set_app_mode(const Digest &key, AppMode mode)
{
    ShmLock lock(slab(shm_));

    fill_slot(find_slot(root(shm_)->header->apps, key, true),
              {key, ngx_time() + kAppModeTtl, mode});
}

bool Zone::file(const Digest &file, std::string &id)
{
    ConversationId found;

    {
        ShmLock lock(slab(shm_));
        auto *slot = find_slot(root(shm_)->header->files, file, false);

        if (slot == nullptr || !is_valid(*slot, kFileTtl)) {
            return false;
        }

        found = slot->value;
    }

    id = std::string(found.view());

    return true;
}

void Zone::put_file(const Digest &file, std::string_view id)
{
    Slot<ConversationId> made = {file, ngx_time() + kFileTtl, {}};

    if (!made.value.assign(id)) {
        return;
    }

    ShmLock lock(slab(shm_));

    fill_slot(find_slot(root(shm_)->header->files, file, true), made);
}

void Zone::forget_file(const Digest &file)
{
    ShmLock lock(slab(shm_));

    auto *slot = find_slot(root(shm_)->header->files, file, false);

    if (slot != nullptr) {
        slot->expires = 0;
    }
}

}  // namespace opendify::glue
