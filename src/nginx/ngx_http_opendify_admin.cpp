// The location of opendify_conversations. The whole zone is searched, a piece
// under each lock, and other events come between.

#include "ngx_http_opendify_admin.hpp"
#include "ngx_http_opendify_log.hpp"

#include "opendify/clock.hpp"

namespace opendify::glue {

namespace {

// Until other events have their turn.
constexpr int        kPieces = 16;
constexpr ngx_msec_t kPause = 1;

// Entries of an import under one lock; each is written to disk.
constexpr std::size_t kAdded = 512;

Zone zone_of(const Job *job)
{
    auto *conf = main_conf(job->r);

    return Zone(conf->zone, conf->ttl);
}

void compact(Job *job)
{
    if (std::exchange(job->dirty, false)) {
        zone_of(job).compact();
    }
}

void stop(void *data)
{
    auto *job = static_cast<Job *>(data);

    if (job->next.timer_set) {
        ngx_del_timer(&job->next);
    }

    if (job->next.posted) {
        ngx_delete_posted_event(&job->next);
    }

    call_let_go(job->call, 0);
    compact(job);
}

std::vector<AdminApp> apps_of(const MainConf *conf)
{
    std::vector<AdminApp> apps;
    auto *app = static_cast<App *>(conf->apps->elts);

    for (ngx_uint_t i = 0; i < conf->apps->nelts; i++) {
        apps.push_back({view(app[i].name), app[i].key_digest});
    }

    return apps;
}

bool add_headers(Job *job)
{
    auto *r = job->r;

    if (job->admin->is_export() && !job->found.at_end
        && !add_header(r, "X-Next-Cursor", std::to_string(job->from)))
    {
        return false;
    }

    return add_header(r, "Cache-Control", "no-store");
}

void reply(Job *job)
{
    auto *r = job->r;
    auto &found = job->found;
    auto  body = job->admin->reply(job->from, found.at_end, found.total);

    compact(job);

    if (!body) {
        send_failure(r, body.failure());

    } else if (add_headers(job)) {
        send_whole(r, NGX_HTTP_OK, *body);

    } else {
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
    }
}

// Each of these goes on for a while, and is true at its end.
bool search(Job *job)
{
    auto &admin = *job->admin;
    auto  zone = zone_of(job);
    bool  removes = admin.task() == AdminTask::remove;

    for (int i = 0; i < kPieces; i++) {
        job->found = zone.search(admin.filter(), job->from, admin.room(),
                                 removes);
        job->dirty |= removes && !job->found.entries.empty();

        for (auto &entry : job->found.entries) {
            admin.add(entry);
        }

        if (job->found.at_end || admin.room() == 0) {
            return true;
        }

        // Each removed one costs a write to disk.
        if (removes && !job->found.entries.empty()) {
            break;
        }
    }

    ngx_add_timer(&job->next, kPause);

    return false;
}

bool add(Job *job)
{
    auto &admin = *job->admin;
    auto  entries = admin.bring(kAdded);

    admin.added(zone_of(job).add(entries.data(), entries.size()));

    if (entries.size() < kAdded) {
        return true;
    }

    ngx_add_timer(&job->next, kPause);

    return false;
}

void run(Job *job)
{
    bool over = false;

    switch (job->admin->task()) {
    case AdminTask::show:
    case AdminTask::remove:
        over = search(job);
        break;
    case AdminTask::remove_at_backend:
        over = erase_run(job, zone_of(job));
        break;
    case AdminTask::add:
        over = add(job);
        break;
    }

    if (over) {
        reply(job);
    }
}

// Whatever `step` throws ends the request, and what goes on for `job` at once:
// the request may take its time to end.
template <class F>
void guard(ngx_http_request_t *r, Job *job, F &&step)
{
    bool ran = guarded(r->connection->log, false, [&] {
        step();
        return true;
    });

    if (!ran) {
        if (job != nullptr) {
            stop(job);
        }

        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
    }
}

void on_next(ngx_event_t *ev)
{
    auto *job = static_cast<Job *>(ev->data);
    auto *c = job->r->connection;

    ngx_http_set_log_request(c->log, job->r);
    guard(job->r, job, [job] { run(job); });
    ngx_http_run_posted_requests(c);
}

void refuse(ngx_http_request_t *r, const Failure &failure)
{
    if (failure.errc == Errc::method_not_allowed
        && !add_header(r, "Allow", admin_allow(path_of(r))))
    {
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    send_failure(r, failure);
}

Result<ConversationAdmin> read(ngx_http_request_t *r, std::string_view body)
{
    auto *mcf = main_conf(r);
    auto *conf = loc_conf(r);
    auto  client = client_of(r, conf);
    Zone  zone(mcf->zone, mcf->ttl);

    auto admin = ConversationAdmin::read(
        {view(r->method_name), path_of(r), view(r->args), body, client,
         stored_seconds(ngx_time()),
         static_cast<std::uint32_t>(mcf->ttl), zone.free()},
        apps_of(mcf));

    if (admin && admin->task() == AdminTask::remove_at_backend
        && conf->conversations_pass.len == 0)
    {
        return Failure{Errc::bad_value,
                       "It is not known where Dify is: the directive names "
                       "the location that proxies to it, such as "
                       "\"opendify_conversations /_dify;\".", "dify", ""};
    }

    return admin;
}

void start(ngx_http_request_t *r, std::string_view body)
{
    auto admin = read(r, body);

    if (!admin) {
        return refuse(r, admin.failure());
    }

    auto *job = pool_make<Job>(r->pool);
    auto *cln = job == nullptr ? nullptr : ngx_http_cleanup_add(r, 0);

    if (cln == nullptr) {
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    cln->handler = stop;
    cln->data = job;
    job->r = r;
    job->admin = std::move(*admin);
    job->from = job->admin->begin();
    job->conf.pass = loc_conf(r)->conversations_pass;
    job->next.data = job;
    job->next.log = r->connection->log;
    job->next.handler = on_next;

    // Before the search: what is stored while it runs belongs to turns that
    // began later.
    if (job->admin->task() == AdminTask::remove) {
        zone_of(job).forbid(job->admin->filter());
    }

    run(job);
}

void on_body(ngx_http_request_t *r)
{
    guard(r, nullptr, [r] {
        std::string gathered;

        if (body_size(r) > static_cast<off_t>(kMaxImportBytes)) {
            send_failure(r, import_too_large());

        } else if (auto body = read_body(r, gathered)) {
            start(r, *body);

        } else {
            ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        }
    });
}

ngx_int_t admin_handler(ngx_http_request_t *r)
{
    log_no_arguments(r);

    if (r->method == NGX_HTTP_POST) {
        ngx_int_t rc = ngx_http_read_client_request_body(r, on_body);

        return rc >= NGX_HTTP_SPECIAL_RESPONSE ? rc : NGX_DONE;
    }

    ngx_int_t rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK) {
        return rc;
    }

    r->main->count++;
    guard(r, nullptr, [r] { start(r, {}); });

    return NGX_DONE;
}

// The location's, and that of its unnamed ones: "if" and "limit_except".
void handle_here(ngx_conf_t *cf, LocConf *conf)
{
    auto *clcf = static_cast<ngx_http_core_loc_conf_t *>(
        ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module));

    clcf->handler = admin_handler;
    conf->conversations = true;
}

}  // namespace

char *set_conversations(ngx_conf_t *cf, ngx_command_t *, void *conf)
{
    auto *lcf = static_cast<LocConf *>(conf);

    if (lcf->conversations) {
        static char duplicate[] = "is duplicate";
        return duplicate;
    }

    handle_here(cf, lcf);

    return cf->args->nelts == 1 ? kConfOk
                                : add_target(cf, &lcf->conversations_pass);
}

char *merge_conversations(ngx_conf_t *cf, const MainConf *mcf, LocConf *conf,
                          const LocConf *prev)
{
    auto *clcf = static_cast<ngx_http_core_loc_conf_t *>(
        ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module));

    if (clcf->noname && prev->conversations && clcf->handler == nullptr) {
        handle_here(cf, conf);
        conf->conversations_pass = prev->conversations_pass;
    }

    if (conf->conversations && (mcf->zone == nullptr || conf->pass.len != 0)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           mcf->zone == nullptr
                               ? "\"opendify_conversations\" needs a zone: "
                                 "add \"opendify_zone conversations 32m;\" to "
                                 "the http block"
                               : "\"opendify_conversations\" needs a location "
                                 "of its own, without \"opendify_pass\"");
        return conf_error();
    }

    return kConfOk;
}

}  // namespace opendify::glue
