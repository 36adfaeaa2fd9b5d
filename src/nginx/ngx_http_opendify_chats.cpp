// Chats with a memory of their own: one turn at a time, in all workers.

#include "ngx_http_opendify_shared.hpp"
#include "ngx_http_opendify_zone.hpp"

namespace opendify::glue {

namespace {

// A chat is in one of so many places.
constexpr std::size_t kProbes = 8;

std::size_t place_of(const Digest &key)
{
    return (key[0] | key[1] << 8) % kChatSlots;
}

bool is_free(const ChatSlot &slot)
{
    return slot.holder == 0
           || static_cast<ngx_msec_int_t>(slot.until - ngx_current_msec) <= 0;
}

}  // namespace

bool Zone::hold_chat(const Digest &chat, std::uint64_t holder)
{
    ShmLock   lock(slab(shm_));
    auto     *slots = root(shm_)->chats;
    ChatSlot *found = nullptr;

    for (std::size_t i = 0; i < kProbes; i++) {
        auto &slot = slots[(place_of(chat) + i) % kChatSlots];

        if (slot.chat == chat && !is_free(slot)) {
            found = &slot;
            break;
        }

        if (found == nullptr && is_free(slot)) {
            found = &slot;
        }
    }

    // All places are held by others: better side by side than not at all.
    if (found == nullptr) {
        return true;
    }

    if (!is_free(*found) && found->holder != holder) {
        return false;
    }

    *found = {chat, holder, ngx_current_msec + kHoldMs};

    return true;
}

void Zone::release_chat(const Digest &chat, std::uint64_t holder)
{
    ShmLock lock(slab(shm_));
    auto   *slots = root(shm_)->chats;

    for (std::size_t i = 0; i < kProbes; i++) {
        auto &slot = slots[(place_of(chat) + i) % kChatSlots];

        if (slot.chat == chat && slot.holder == holder) {
            slot = {};
        }
    }
}

}  // namespace opendify::glue
