// Shared memory: the conversation map and the kinds of the apps, each call
// under the zone's lock.

#ifndef NGX_HTTP_OPENDIFY_ZONE_HPP
#define NGX_HTTP_OPENDIFY_ZONE_HPP

#include "ngx_opendify.hpp"

#include "opendify/backend.hpp"
#include "opendify/conversation_map.hpp"

namespace opendify::glue {

class Zone {
public:
    Zone(ngx_shm_zone_t *shm, time_t ttl) : shm_(shm), ttl_(ttl) {}

    bool take(const Digest &head, ConversationId &out);
    void take_conversation(const Digest &scope, std::string_view id);
    void put(const Digest &scope, const Digest &head, const ConversationId &id);
    void drop(const Digest &scope, std::string_view id);

    AppMode app_mode(const Digest &key);
    void set_app_mode(const Digest &key, AppMode mode);
    void forget_app_mode(const Digest &key);

private:
    ngx_shm_zone_t *shm_;
    time_t          ttl_;
};

}  // namespace opendify::glue

#endif
