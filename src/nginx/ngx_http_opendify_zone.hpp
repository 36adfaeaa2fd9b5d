// Shared memory: the conversation map, the kinds of the apps and the files
// that were uploaded, each call under the zone's lock.

#ifndef NGX_HTTP_OPENDIFY_ZONE_HPP
#define NGX_HTTP_OPENDIFY_ZONE_HPP

#include "ngx_opendify.hpp"

#include <vector>

#include "opendify/backend.hpp"
#include "opendify/conversation_map.hpp"

namespace opendify::glue {

// Some of the conversations that were searched for.
struct Found {
    std::vector<ConversationEntry> entries;
    bool                           at_end = false;
    std::size_t                    total = 0;  // in the zone
};

// When a turn began.
struct TurnStart {
    std::uint64_t erasures = 0;  // so many before
    std::uint32_t at_s = 0;
};

class Zone {
public:
    Zone(ngx_shm_zone_t *shm, time_t ttl) : shm_(shm), ttl_(ttl) {}

    // A taken head is gone from the disk, too, before the call returns: it
    // comes back by put() alone, and after a crash if it `returns`.
    Taken take(const Digest &scope, const Digest &head, Mapping &out,
               bool returns = false);
    Taken take_message(const Digest &scope, const Digest &message,
                       Mapping &out, bool returns = false);
    bool take_conversation(const Digest &scope, std::string_view id,
                           Mapping &out, bool returns = false);

    // Now, for a turn that begins.
    TurnStart begin() const;

    // Remembers it, unless it was erased since the turn began. A pending one
    // counts, and is on the disk, when it is settled; until then nothing does,
    // but after a crash what `returns`.
    void put(const Mapping &mapping, const TurnStart &start,
             bool pending = false, bool returns = false);
    // Of one that is pending: the backend has stored it, or has not.
    void settle(const Mapping &mapping);
    void abandon(const Mapping &mapping);
    void drop(const Digest &scope, std::string_view id);

    // A chat whose conversation only the chat tells has one turn at a time:
    // its holder. Whoever dies holds it no longer than kHoldMs, else it is to
    // be held anew in time. False if it is another's. A holder is not 0.
    static constexpr ngx_msec_t kHoldMs = 5000;
    bool hold_chat(const Digest &chat, std::uint64_t holder);
    void release_chat(const Digest &chat, std::uint64_t holder);

    // From now on what matches, and belongs to a turn that has begun, is not
    // remembered.
    void forbid(const ConversationFilter &filter);

    // Looks at some records from number `from` on, which moves behind them.
    // What is found, `most` at most, is forgotten if it is removed.
    Found search(const ConversationFilter &filter, std::uint32_t &from,
                 std::size_t most, bool removes);

    // Forgets one that was found; a turn that has it does not remember it.
    void remove(const ConversationEntry &entry);

    // Adds what is not known. How many these were.
    std::size_t add(const ConversationEntry *entries, std::size_t count);

    // So many more fit.
    std::size_t free() const;

    // What was forgotten shall be gone from the disk too.
    void compact();

    AppMode app_mode(const Digest &key);
    void set_app_mode(const Digest &key, AppMode mode);

    // Ids of files that the backend has, by what they hold and whose they are.
    bool file(const Digest &file, std::string &id);
    void put_file(const Digest &file, std::string_view id);
    void forget_file(const Digest &file);

private:
    ngx_shm_zone_t *shm_;
    time_t          ttl_;
};

}  // namespace opendify::glue

#endif
