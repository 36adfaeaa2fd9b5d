// The zone:
//
//     slab pool (nginx's; its mutex is our lock) | ZoneHeader | ConversationMap
//
// The map takes all the pages that are left.

#include "ngx_http_opendify_zone.hpp"

#include "ngx_http_opendify_conf.hpp"

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

struct ZoneHeader {
    AppSlot  apps[kSlots];
    FileSlot files[kSlots];
};

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

ngx_slab_pool_t *slab(ngx_shm_zone_t *shm)
{
    return reinterpret_cast<ngx_slab_pool_t *>(shm->shm.addr);
}

// Slab's own pointer to what we keep there.
struct Root {
    ZoneHeader *header;
    void       *map;
};

Root *root(ngx_shm_zone_t *shm)
{
    return static_cast<Root *>(slab(shm)->data);
}

ngx_int_t fail(ngx_shm_zone_t *shm)
{
    ngx_log_error(NGX_LOG_EMERG, shm->shm.log, 0,
                  "opendify_zone \"%V\" is too small: give it 1m or more",
                  &shm->shm.name);
    return NGX_ERROR;
}

ngx_int_t init_zone(ngx_shm_zone_t *shm, void *old)
{
    if (old != nullptr || shm->shm.exists) {
        shm->data = shm;
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
    pool->data = r;
    shm->data = shm;

    return NGX_OK;
}

std::uint32_t now_s()
{
    return static_cast<std::uint32_t>(ngx_time());
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
ngx_shm_zone_t *zone_add(ngx_conf_t *cf, ngx_str_t *name, size_t size)
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
    shm->data = shm;

    return shm;
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

    for (ngx_uint_t i = 3; i < cf->args->nelts; i++) {
        ngx_str_t ttl = {};

        if (has_prefix(value[i], "ttl=")) {
            ttl = borrow(view(value[i]).substr(4));
        }

        mcf->ttl = ttl.len == 0 ? NGX_ERROR : ngx_parse_time(&ttl, 1);

        if (mcf->ttl == NGX_ERROR || mcf->ttl == 0) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid parameter \"%V\": "
                               "\"opendify_zone\" takes ttl=TIME, "
                               "such as ttl=30d", &value[i]);
            return conf_error();
        }
    }

    mcf->zone = zone_add(cf, &value[1], static_cast<size_t>(size));

    return mcf->zone == nullptr ? conf_error() : kConfOk;
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

void Zone::put(const Mapping &mapping, bool pending)
{
    ShmLock lock(slab(shm_));

    ConversationMap(root(shm_)->map).put(mapping, now_s(), pending);
}

void Zone::drop(const Digest &scope, std::string_view id)
{
    ShmLock lock(slab(shm_));

    ConversationMap(root(shm_)->map).drop(scope, id);
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
