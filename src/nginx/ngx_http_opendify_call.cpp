#include "ngx_http_opendify_client.hpp"
#include "ngx_http_opendify_phases.hpp"
#include "ngx_http_opendify_shell.hpp"
#include "ngx_http_opendify_stops.hpp"

namespace opendify::glue {

namespace {

// Of a turn whose client has left: is it remembered?
void settle(CallCtx *call)
{
    bool read = call->tail != nullptr && call->tail->over();
    auto end = !read                     ? TurnEnd::stopped_unread
               : call->tail->complete() ? TurnEnd::stopped
                                        : TurnEnd::failed_after_text;
    Zone zone(call->zone, call->ttl);

    call->only_memory || next_turn(call->facts.mode, end) == NextTurn::goes_on
        ? zone.settle(*call->mapping)
        : zone.abandon(*call->mapping);
    call->mapping.reset();
}

void terminate(CallCtx *call)
{
    if (call->tail != nullptr && call->done) {
        guarded(ngx_cycle->log, 0, [call] {
            call->tail->finish();
            return 0;
        });
        call_look_for_end(call);
    }

    if (call->mapping) {
        settle(call);
    }

    shell_close(call->shell);
    stops_run();
}

void on_wake(ngx_event_t *ev)
{
    auto *call = static_cast<CallCtx *>(ev->data);

    guarded(ev->log, 0, [&] {
        if (call->kill || (call->done && is_alone(call))) {
            terminate(call);

        } else if (call->sr != nullptr && !call->done) {
            auto *c = call->shell->connection;
            call->sr->write_event_handler(call->sr);
            ngx_http_run_posted_requests(c);
        }

        return 0;
    });
}

void on_drained(ngx_event_t *ev)
{
    guarded(ev->log, 0, [&] {
        terminate(static_cast<CallCtx *>(ev->data));
        return 0;
    });
}

void on_shell_closed(void *data)
{
    auto *call = static_cast<CallCtx *>(data);

    if (call->wake.posted) {
        ngx_delete_posted_event(&call->wake);
    }

    if (call->drain.timer_set) {
        ngx_del_timer(&call->drain);
    }

    stop_on_run_gone(call);

    if (call->client != nullptr) {
        if (call->client->call == call) {
            call->client->call = nullptr;
        }

        if (call->client->probe == call) {
            call->client->probe = nullptr;
        }

        ngx_post_event(&call->client->wake, &ngx_posted_events);
        call->client = nullptr;
    }

    if (call->waiter != nullptr) {
        *call->held = nullptr;
        ngx_post_event(call->waiter, &ngx_posted_events);
    }
}

ngx_int_t on_done(ngx_http_request_t *sr, void *data, ngx_int_t rc)
{
    auto *call = static_cast<CallCtx *>(data);

    if (call->sr != sr || call->done) {
        return NGX_OK;
    }

    call->done = true;
    call->rc = rc;
    log_own_answer(call, rc);
    ngx_post_event(call->client != nullptr   ? &call->client->wake
                   : call->waiter != nullptr ? call->waiter
                                             : &call->wake,
                   &ngx_posted_events);

    return NGX_OK;
}

// First event of the shell: its subrequest goes out.
void on_start(ngx_event_t *ev)
{
    auto *c = static_cast<ngx_connection_t *>(ev->data);
    auto *shell = static_cast<ngx_http_request_t *>(c->data);
    auto *call = static_cast<CallCtx *>(
        ngx_http_get_module_ctx(shell, ngx_http_opendify_module));

    ev->handler = shell_on_event;

    auto *ps = static_cast<ngx_http_post_subrequest_t *>(
        ngx_palloc(shell->pool, sizeof(ngx_http_post_subrequest_t)));
    ngx_str_t args = borrow(call->request.args);

    if (ps != nullptr) {
        *ps = {on_done, call};

        if (ngx_http_subrequest(shell, &call->uri, &args, &call->sr, ps, 0)
                == NGX_OK
            && call_set_request(call))
        {
            ngx_http_set_ctx(call->sr, call, ngx_http_opendify_module);
            call->sr->write_event_handler = phases_run;
            ngx_http_run_posted_requests(c);
            return;
        }
    }

    call->kill = true;
    ngx_post_event(&call->wake, &ngx_posted_events);
}

CallCtx *make_call(const ShellOrigin &origin)
{
    auto *shell = shell_create(origin);
    if (shell == nullptr) {
        return nullptr;
    }

    auto *call = pool_make<CallCtx>(shell->pool);
    auto *cln = ngx_http_cleanup_add(shell, 0);

    if (call == nullptr || cln == nullptr) {
        shell_close(shell);
        return nullptr;
    }

    call->shell = shell;
    cln->handler = on_shell_closed;
    cln->data = call;
    ngx_http_set_ctx(shell, call, ngx_http_opendify_module);

    call->wake.data = call;
    call->wake.handler = on_wake;
    call->wake.log = shell->connection->log;
    call->drain.data = call;
    call->drain.handler = on_drained;
    call->drain.log = shell->connection->log;
    call->started_at = ngx_current_msec;

    return call;
}

// Forms of paused runs are outside Dify's service API before 1.14, where no
// key is asked for.
bool goes_to_form_pass(const LocConf *conf, const BackendRequest &request)
{
    return conf->form_pass.len != 0
           && request.path.compare(0, 6, "/form/") == 0;
}

// The call may outlive the client's request.
bool set_facts(CallCtx *call, const CallFacts &facts)
{
    auto *pool = call->shell->pool;
    auto  user = copy(pool, facts.user);
    auto  chat_id = copy(pool, facts.chat_id);
    auto  client = copy(pool, facts.client);

    call->facts = {facts.app, facts.mode, view(user), view(chat_id),
                   view(client)};

    return user.data != nullptr && chat_id.data != nullptr
           && client.data != nullptr;
}

// A file without a name, of the call's own: the client's may be closed first.
bool set_spool(CallCtx *call, ngx_fd_t fd)
{
    auto *pool = call->shell->pool;
    auto *cln = ngx_pool_cleanup_add(pool, sizeof(ngx_pool_cleanup_file_t));

    if (cln == nullptr) {
        return false;
    }

    call->spool.fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    call->spool.log = call->shell->connection->log;

    if (call->spool.fd == NGX_INVALID_FILE) {
        ngx_log_error(NGX_LOG_CRIT, call->spool.log, ngx_errno,
                      "opendify: fcntl(F_DUPFD_CLOEXEC) failed");
        return false;
    }

    auto *file = static_cast<ngx_pool_cleanup_file_t *>(cln->data);

    *file = {call->spool.fd, call->spool.name.data, call->spool.log};
    cln->handler = ngx_pool_cleanup_file;

    return true;
}

CallCtx *start(const ShellOrigin &origin, const LocConf *conf,
               BackendRequest &&request, const CallFacts &facts,
               ngx_fd_t spool = NGX_INVALID_FILE)
{
    auto *call = make_call(origin);
    if (call == nullptr) {
        return nullptr;
    }

    bool form_pass = goes_to_form_pass(conf, request);

    call->request = std::move(request);
    call->shows_key = !form_pass;

    call->uri = copy(call->shell->pool,
                     view(form_pass ? conf->form_pass : conf->pass),
                     call->request.path);

    if (call->uri.data == nullptr || !set_facts(call, facts)
        || (spool != NGX_INVALID_FILE && !set_spool(call, spool)))
    {
        shell_close(call->shell);
        return nullptr;
    }

    auto *c = call->shell->connection;
    c->write->handler = on_start;
    ngx_post_event(c->write, &ngx_posted_events);

    return call;
}

}  // namespace

CallCtx *call_start(ClientCtx *client, BackendRequest &&request, CallUse use)
{
    auto  spool = request.spool == 0
                      ? NGX_INVALID_FILE
                      : client->spools[request.spool - 1]->file.fd;
    auto *call = start(shell_origin(client->r), client->conf,
                       std::move(request),
                       {client->app, client->mode, client->user,
                        client->chat_id, client->client}, spool);

    if (call != nullptr) {
        call->client = client;
        call->use = use;
    }

    return call;
}

std::string_view call_authorization(const CallCtx *call)
{
    return call->shows_key ? keep(call->shell->pool, "Bearer ",
                                  call->facts.app->key.reveal())
                           : std::string_view();
}

bool call_start_waited(const ShellOrigin &origin, const LocConf *conf,
                       BackendRequest &&request, const CallFacts &facts,
                       CallCtx *&held, ngx_event_t *waiter)
{
    held = start(origin, conf, std::move(request), facts);

    if (held != nullptr) {
        held->held = &held;
        held->waiter = waiter;
    }

    return held != nullptr;
}

void call_go(CallCtx *call)
{
    auto *ev = call->shell->connection->write;

    if (ev->posted) {
        ngx_delete_posted_event(ev);
    }

    ev->handler(ev);
}

void call_release(CallCtx *call, ngx_msec_t drain_ms)
{
    if (call->client != nullptr) {
        call_copy_upstream_states(call);
        call->client = nullptr;
    }

    call->waiter = nullptr;

    if (call->done || drain_ms == 0) {
        call->kill = true;
        ngx_post_event(&call->wake, &ngx_posted_events);
        return;
    }

    ngx_add_timer(&call->drain, drain_ms);

    if (call->kept != nullptr) {
        ngx_post_event(&call->wake, &ngx_posted_events);
    }
}

[[gnu::hot]]
void call_resume(CallCtx *call)
{
    if (call->kept != nullptr) {
        ngx_post_event(&call->wake, &ngx_posted_events);
    }
}

}  // namespace opendify::glue
