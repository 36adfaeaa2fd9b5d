// Shared memory: the conversation map, the kinds of the apps and the files
// that were uploaded, each call under the zone's lock.

#ifndef NGX_HTTP_OPENDIFY_ZONE_HPP
#define NGX_HTTP_OPENDIFY_ZONE_HPP

#include "ngx_opendify.hpp"

#include "opendify/backend.hpp"
#include "opendify/conversation_map.hpp"

namespace opendify::glue {

class Zone {
public:
    Zone(ngx_shm_zone_t *shm, time_t ttl) : shm_(shm), ttl_(ttl) {}

    Taken take(const Digest &scope, const Digest &head, Mapping &out);
    Taken take_message(const Digest &scope, const Digest &message,
                       Mapping &out);
    bool take_conversation(const Digest &scope, std::string_view id,
                           Mapping &out);
    void put(const Mapping &mapping, bool pending = false);
    void settle(const Mapping &mapping);
    void drop(const Digest &scope, std::string_view id);

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
