#include "ngx_http_opendify_zone.hpp"

#include "ngx_http_opendify_conf.hpp"
#include "ngx_http_opendify_persist.hpp"
#include "ngx_http_opendify_shared.hpp"

#include <algorithm>

namespace opendify::glue {

namespace {

ngx_int_t fail(ngx_shm_zone_t *shm)
{
    ngx_log_error(NGX_LOG_EMERG, shm->shm.log, 0,
                  "opendify_zone \"%V\" is too small: give it 1m or more",
                  &shm->shm.name);
    return NGX_ERROR;
}

// Made by this version: nothing else of it is looked at before.
bool is_ours(const ngx_shm_zone_t *shm)
{
    return root(shm)->layout == kRootLayout
           && ConversationMap::is_ours(root(shm)->map);
}

ngx_int_t init_zone(ngx_shm_zone_t *shm, void *old)
{
    if (old != nullptr && !is_ours(shm)) {
        ngx_log_error(NGX_LOG_EMERG, shm->shm.log, 0,
                      "opendify_zone \"%V\" was made by another version of "
                      "the module: a reload cannot change it, upgrade the "
                      "binary or restart", &shm->shm.name);
        return NGX_ERROR;
    }

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
    auto *chats = static_cast<ChatSlot *>(
        ngx_slab_calloc(pool, kChatSlots * sizeof(ChatSlot)));
    if (r == nullptr || header == nullptr || chats == nullptr) {
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

    r->layout = kRootLayout;
    r->header = header;
    r->chats = chats;
    r->map = map;
    r->erasures = Erasures();
    r->birth_s = now_s();
    r->born_msec = ngx_current_msec;
    pool->data = r;

    return persist_load(persist_conf(shm));
}

// Under the lock: the time of what is stored now.
std::uint32_t storing_s(const ngx_shm_zone_t *shm)
{
    auto *r = root(shm);

    r->birth_s = std::min(r->birth_s, birth_s(shm));

    return now_s();
}

// Under the lock. Nothing grows old by a clock that jumps ahead, also from
// where it had gone back to.
std::uint32_t max_age_s(const ngx_shm_zone_t *shm, time_t ttl)
{
    auto   birth = birth_s(shm);
    time_t ahead = birth - std::min(birth, root(shm)->birth_s);

    return stored_seconds(std::min<time_t>(ttl, UINT32_MAX) + ahead);
}

// Under the lock, after a head was taken: who is killed in the turn leaves one
// at Dify that no client shows, so the head is void before Dify is called.
Journalled began(ngx_shm_zone_t *shm, bool is_taken)
{
    return is_taken ? persist_put(shm) : Journalled();
}

// A new zone of this configuration; null after it was logged.
ngx_shm_zone_t *zone_add(ngx_conf_t *cf, ngx_str_t *name, size_t size,
                         PersistConf *persist)
{
    auto *shm = ngx_shared_memory_add(cf, name, size,
                                      &ngx_http_opendify_module);

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

Taken Zone::take(const Digest &scope, const Digest &head, Mapping &out,
                 bool returns)
{
    Journalled change;
    Taken      found;

    {
        ShmLock lock(slab(shm_));
        found = ConversationMap(root(shm_)->map)
                    .take(scope, head, storing_s(shm_),
                          max_age_s(shm_, ttl_), out, returns);
        change = began(shm_, found == Taken::yes && !returns);
    }

    persist_write(shm_, change);

    return found;
}

Taken Zone::take_message(const Digest &scope, const Digest &message,
                         Mapping &out, bool returns)
{
    Journalled change;
    Taken      found;

    {
        ShmLock lock(slab(shm_));
        found = ConversationMap(root(shm_)->map)
                    .take_message(scope, message, storing_s(shm_),
                                  max_age_s(shm_, ttl_), out, returns);
        change = began(shm_, found == Taken::yes && !returns);
    }

    persist_write(shm_, change);

    return found;
}

bool Zone::take_conversation(const Digest &scope, std::string_view id,
                             Mapping &out, bool returns)
{
    Journalled change;
    bool       found;

    {
        ShmLock lock(slab(shm_));
        found = ConversationMap(root(shm_)->map)
                    .take_conversation(scope, id, out, returns);
        change = began(shm_, found && !returns);
    }

    persist_write(shm_, change);

    return found;
}

TurnStart Zone::begin() const
{
    ShmLock lock(slab(shm_));

    return {root(shm_)->erasures.number(), now_s()};
}

void Zone::put(const Mapping &mapping, const TurnStart &start, bool pending,
               bool returns)
{
    Journalled change;

    {
        ShmLock lock(slab(shm_));

        if (root(shm_)->erasures.forbid(start.erasures, mapping.owner,
                                        mapping.id, start.at_s))
        {
            return;
        }

        ConversationMap(root(shm_)->map).put(mapping, storing_s(shm_),
                                             pending, returns);
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

}  // namespace opendify::glue
