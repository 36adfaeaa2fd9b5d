// The conversations of the zone as their administration has them: some at a
// time, whosever they are.

#include "ngx_http_opendify_zone.hpp"

#include "ngx_http_opendify_persist.hpp"
#include "ngx_http_opendify_shared.hpp"

#include <algorithm>

namespace opendify::glue {

Found Zone::search(const ConversationFilter &filter, std::uint32_t &from,
                   std::size_t most, bool removes)
{
    Found       found;
    std::size_t count;

    found.entries.resize(std::min(most, ConversationMap::kSearched));
    std::vector<Journalled> changes(removes ? found.entries.size() : 0);

    {
        ShmLock         lock(slab(shm_));
        ConversationMap map(root(shm_)->map);

        count = map.search(filter, from, found.entries.data(),
                           found.entries.size());

        for (std::size_t i = 0; removes && i < count; i++) {
            map.drop(found.entries[i].key);
            changes[i] = persist_drop(shm_, found.entries[i].key);
        }

        // Turns that took one of them after the last note.
        if (removes && count != 0) {
            root(shm_)->erasures.note(filter, now_s());
        }

        found.at_end = map.is_end(from);
        found.total = map.size();
    }

    found.entries.resize(count);

    for (std::size_t i = 0; removes && i < count; i++) {
        persist_write(shm_, changes[i]);
    }

    return found;
}

void Zone::forbid(const ConversationFilter &filter)
{
    ShmLock lock(slab(shm_));

    root(shm_)->erasures.note(filter, now_s());
}

void Zone::remove(const ConversationEntry &entry)
{
    ConversationEntry  known;
    ConversationFilter filter;
    Journalled         change;

    filter.id = entry.id;

    {
        ShmLock         lock(slab(shm_));
        ConversationMap map(root(shm_)->map);

        if (map.find(entry.key, known) && !known.has_head) {
            root(shm_)->erasures.note(filter, now_s());
        }

        map.drop(entry.key);
        change = persist_drop(shm_, entry.key);
    }

    persist_write(shm_, change);
}

std::size_t Zone::add(const ConversationEntry *entries, std::size_t count)
{
    std::vector<Journalled> changes(count);
    std::size_t             added = 0;

    {
        ShmLock         lock(slab(shm_));
        ConversationMap map(root(shm_)->map);

        for (std::size_t i = 0; i < count; i++) {
            if (map.add(entries[i])) {
                changes[added++] = persist_put(shm_);
            }
        }
    }

    for (std::size_t i = 0; i < added; i++) {
        persist_write(shm_, changes[i]);
    }

    return added;
}

std::size_t Zone::free() const
{
    ShmLock         lock(slab(shm_));
    ConversationMap map(root(shm_)->map);

    return map.capacity() - map.size();
}

void Zone::compact()
{
    persist_compact(shm_);
}

}  // namespace opendify::glue
