#include "ngx_http_opendify_zone.hpp"

#include "ngx_http_opendify_conf.hpp"
#include "ngx_http_opendify_persist.hpp"
#include "ngx_http_opendify_shared.hpp"

#include <algorithm>

namespace opendify::glue {

namespace {

constexpr std::size_t kSlots = 512;
constexpr std::size_t kProbes = 8;
constexpr time_t      kAppModeTtl = 600;      // seconds
constexpr time_t      kFileTtl = 12 * 3600;

struct AppSlot {
    Digest  key;
    time_t  expires;
    AppMode mode;
};

struct FileSlot {
    Digest         key;
    time_t         expires;
    ConversationId id;
};

}  // namespace

struct ZoneHeader {
    AppSlot  apps[kSlots];
    FileSlot files[kSlots];
};

namespace {

ngx_int_t fail(ngx_shm_zone_t *shm)
{
    ngx_log_error(NGX_LOG_EMERG, shm->shm.log, 0,
                  "opendify_zone \"%V\" is too small: give it 1m or more",
                  &shm->shm.name);
    return NGX_ERROR;
}

ngx_int_t init_zone(ngx_shm_zone_t *shm, void *old)
{
    if (old != nullptr) {
        return persist_continue(persist_conf(shm),
                                static_cast<PersistConf *>(old));
    }

    if (shm->shm.exists) {
        return NGX_OK;
    }

    auto *pool = slab(shm);
    pool->log_nomem = 0;

    auto *r = static_cast<Root *>(ngx_slab_calloc(pool, sizeof(Root)));
    auto *header = static_cast<ZoneHeader *>(
        ngx_slab_calloc(pool, sizeof(ZoneHeader)));
    if (r == nullptr || header == nullptr) {
        return fail(shm);
    }

    size_t bytes = pool->pfree * ngx_pagesize;
    void  *map = nullptr;

    while (bytes >= ngx_pagesize && map == nullptr) {
        map = ngx_slab_alloc(pool, bytes);
        bytes -= map == nullptr ? ngx_pagesize : 0;
    }

    if (map == nullptr || !ConversationMap::format(map, bytes)) {
        return fail(shm);
    }

    r->header = header;
    r->map = map;
    r->erasures = Erasures();
    pool->data = r;

    return persist_load(persist_conf(shm));
}

// The slot of the key, else a free or the soonest to expire of its places.
template <class Slot>
Slot *find_slot(Slot (&slots)[kSlots], const Digest &key, bool make)
{
    std::size_t at = (key[0] | key[1] << 8) % kSlots;
    Slot       *best = nullptr;

    for (std::size_t i = 0; i < kProbes; i++) {
        Slot *slot = &slots[(at + i) % kSlots];

        if (slot->key == key) {
            return slot;
        }

        if (best == nullptr || slot->expires < best->expires) {
            best = slot;
        }
    }

    return make ? best : nullptr;
}

// A new zone of this configuration; null after it was logged.
ngx_shm_zone_t *zone_add(ngx_conf_t *cf, ngx_str_t *name, size_t size,
                         PersistConf *persist)
{
    auto *shm = ngx_shared_memory_add(cf, name, size, &ngx_http_opendify_module);

    if (shm == nullptr) {
        return nullptr;
    }

    if (shm->data != nullptr) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "the zone \"%V\" is already declared", name);
        return nullptr;
    }

    shm->init = init_zone;
    shm->data = persist;
    persist->zone = shm;

    return shm;
}

char *set_zone_parameter(ngx_conf_t *cf, MainConf *mcf, PersistConf *persist,
                         ngx_str_t *value)
{
    auto rc = persist_parameter(cf, persist, *value);

    if (rc != NGX_DECLINED) {
        return rc == NGX_OK ? kConfOk : conf_error();
    }

    ngx_str_t ttl = {};

    if (has_prefix(*value, "ttl=")) {
        ttl = borrow(view(*value).substr(4));
    }

    mcf->ttl = ttl.len == 0 ? NGX_ERROR : ngx_parse_time(&ttl, 1);

    if (mcf->ttl == NGX_ERROR || mcf->ttl == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid parameter \"%V\": \"opendify_zone\" "
                           "takes path=FOLDER, ttl=30d, snapshot=60s and "
                           "sync=1s", value);
        return conf_error();
    }

    return kConfOk;
}

}  // namespace

char *set_zone(ngx_conf_t *cf, ngx_command_t *, void *conf)
{
    auto *mcf = static_cast<MainConf *>(conf);
    auto *value = arguments(cf);

    if (mcf->zone != nullptr) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"opendify_zone\" is declared twice: one zone "
                           "serves all apps");
        return conf_error();
    }

    ssize_t size = ngx_parse_size(&value[2]);

    if (size == NGX_ERROR || size < static_cast<ssize_t>(32 * ngx_pagesize)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "the size \"%V\" of the zone \"%V\" is invalid or "
                           "too small: 1m holds about 7,000 conversations",
                           &value[2], &value[1]);
        return conf_error();
    }

    auto *persist = persist_create(cf);
    if (persist == nullptr) {
        return conf_error();
    }

    for (ngx_uint_t i = 3; i < cf->args->nelts; i++) {
        if (set_zone_parameter(cf, mcf, persist, &value[i]) != kConfOk) {
            return conf_error();
        }
    }

    persist->ttl = mcf->ttl;
    mcf->zone = zone_add(cf, &value[1], static_cast<size_t>(size), persist);

    return mcf->zone == nullptr || persist_add_path(cf, persist) != NGX_OK
               ? conf_error()
               : kConfOk;
}

Taken Zone::take(const Digest &scope, const Digest &head, Mapping &out)
{
    ShmLock lock(slab(shm_));

    return ConversationMap(root(shm_)->map)
        .take(scope, head, now_s(), static_cast<std::uint32_t>(ttl_), out);
}

Taken Zone::take_message(const Digest &scope, const Digest &message,
                         Mapping &out)
{
    ShmLock lock(slab(shm_));

    return ConversationMap(root(shm_)->map)
        .take_message(scope, message, now_s(),
                      static_cast<std::uint32_t>(ttl_), out);
}

bool Zone::take_conversation(const Digest &scope, std::string_view id,
                             Mapping &out)
{
    ShmLock lock(slab(shm_));

    return ConversationMap(root(shm_)->map).take_conversation(scope, id, out);
}

TurnStart Zone::begin() const
{
    ShmLock lock(slab(shm_));

    return {root(shm_)->erasures.number(), now_s()};
}

void Zone::put(const Mapping &mapping, const TurnStart &start, bool pending)
{
    Journalled change;

    {
        ShmLock lock(slab(shm_));

        if (root(shm_)->erasures.forbid(start.erasures, mapping.owner,
                                        mapping.id, start.at_s))
        {
            return;
        }

        ConversationMap(root(shm_)->map).put(mapping, now_s(), pending);
        change = persist_put(shm_);
    }

    persist_write(shm_, change);
}

void Zone::settle(const Mapping &mapping)
{
    Journalled change;

    {
        ShmLock lock(slab(shm_));

        if (!ConversationMap(root(shm_)->map).settle(mapping)) {
            return;
        }

        change = persist_put(shm_);
    }

    persist_write(shm_, change);
}

void Zone::abandon(const Mapping &mapping)
{
    Journalled change;

    {
        ShmLock lock(slab(shm_));

        if (!ConversationMap(root(shm_)->map).abandon(mapping)) {
            return;
        }

        change = persist_drop(shm_, ConversationMap::key(mapping.scope,
                                                         mapping.id.view()));
    }

    persist_write(shm_, change);
}

void Zone::drop(const Digest &scope, std::string_view id)
{
    auto       key = ConversationMap::key(scope, id);
    Journalled change;

    {
        ShmLock lock(slab(shm_));
        ConversationMap(root(shm_)->map).drop(key);
        change = persist_drop(shm_, key);
    }

    persist_write(shm_, change);
}

AppMode Zone::app_mode(const Digest &key)
{
    ShmLock lock(slab(shm_));

    auto *slot = find_slot(root(shm_)->header->apps, key, false);

    return slot != nullptr && slot->expires > ngx_time() ? slot->mode
                                                         : AppMode::unknown;
}

void Zone::set_app_mode(const Digest &key, AppMode mode)
{
    ShmLock lock(slab(shm_));

    *find_slot(root(shm_)->header->apps, key, true) =
        {key, ngx_time() + kAppModeTtl, mode};
}

bool Zone::file(const Digest &file, std::string &id)
{
    ConversationId found;

    {
        ShmLock lock(slab(shm_));
        auto *slot = find_slot(root(shm_)->header->files, file, false);

        if (slot == nullptr || slot->expires <= ngx_time()) {
            return false;
        }

        found = slot->id;
    }

    id = std::string(found.view());

    return true;
}

void Zone::put_file(const Digest &file, std::string_view id)
{
    FileSlot made = {file, ngx_time() + kFileTtl, {}};

    if (!made.id.assign(id)) {
        return;
    }

    ShmLock lock(slab(shm_));

    *find_slot(root(shm_)->header->files, file, true) = made;
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
