#include "ngx_http_opendify_stops.hpp"

#include "ngx_http_opendify_shell.hpp"

#include <algorithm>

namespace opendify::glue {

namespace {

constexpr ngx_uint_t kMostWaiting = 16384;
constexpr ngx_uint_t kMostAtOnce = 64;
constexpr ngx_uint_t kMostAttempts = 4;
constexpr ngx_msec_t kAnswerTimeout = 3000;

// A run does not take longer.
constexpr ngx_msec_t kLife = 300 * 1000;
// Of a worker that ends, or of a configuration that is about to go.
constexpr ngx_msec_t kLastLife = 10 * 1000;

constexpr ngx_msec_t kAgain = 500;      // doubles with each attempt
constexpr ngx_msec_t kLook = 100;       // for a connection
constexpr ngx_msec_t kLongestRest = 2000;
constexpr ngx_msec_t kSayLost = 1000;

}  // namespace

// A stop and what it needs without its client.
struct Stop {
    ngx_queue_t    link;  // of those that wait
    ngx_pool_t    *pool = nullptr;
    ngx_cycle_t   *cycle = nullptr;
    ShellOrigin    origin = {};
    const LocConf *conf = nullptr;
    BackendRequest request;
    CallFacts      facts = {};
    CallCtx       *run = nullptr;   // that it is about, while it is read on
    CallCtx       *call = nullptr;  // its own, on its way
    bool           run_ended = false;
    ngx_event_t    event = {};      // news of `call`, or the end of a pause
    ngx_msec_t     made_at = 0;
    ngx_uint_t     attempts = 0;
};

namespace {

// One of each worker's.
struct Stops {
    ngx_queue_t waiting;
    ngx_uint_t  count = 0;    // of all
    ngx_uint_t  at_once = 0;  // are on their way
    ngx_uint_t  lost = 0;     // and not told yet
    ngx_event_t look = {};
    ngx_event_t say = {};

    // Dify was not reached: it is left alone for a while.
    ngx_msec_t rest_until = 0;
    ngx_msec_t rest = 0;      // how long the last while was, 0: it is reached
};

void on_look(ngx_event_t *)
{
    stops_run();
}

void on_say(ngx_event_t *ev);

Stops &stops()
{
    static Stops all;

    if (all.look.handler == nullptr) {
        ngx_queue_init(&all.waiting);
        all.look.handler = on_look;
        all.say.handler = on_say;
    }

    all.look.log = ngx_cycle->log;
    all.say.log = ngx_cycle->log;

    return all;
}

// Thousands may be lost at once: that is one line.
void on_say(ngx_event_t *ev)
{
    auto &all = stops();

    ngx_log_error(NGX_LOG_ERR, ev->log, 0,
                  "opendify: %ui runs of clients that have left could not be "
                  "stopped: they go on at Dify", all.lost);
    all.lost = 0;
}

void count_lost()
{
    auto &all = stops();

    all.lost++;

    if (!all.say.timer_set) {
        ngx_add_timer(&all.say, kSayLost);
    }
}

void look_after(ngx_msec_t ms)
{
    auto &look = stops().look;

    if (!look.timer_set) {
        ngx_add_timer(&look, ms);
    }
}

void forget(Stop *stop)
{
    if (stop->event.posted) {
        ngx_delete_posted_event(&stop->event);
    }

    if (stop->event.timer_set) {
        ngx_del_timer(&stop->event);
    }

    if (stop->run != nullptr) {
        stop->run->stop = nullptr;
    }

    stops().count--;
    ngx_destroy_pool(stop->pool);
}

void wait_again(Stop *stop)
{
    auto &all = stops();

    ngx_queue_insert_tail(&all.waiting, &stop->link);
    look_after(kLook);
}

bool is_late(const Stop *stop)
{
    bool last = ngx_exiting || stop->cycle != ngx_cycle;

    return ngx_current_msec - stop->made_at > (last ? kLastLife : kLife);
}

enum class Outcome { taken, refused, unreached };

// Of a call that is over, or was lost.
Outcome outcome(const CallCtx *call)
{
    if (call == nullptr || !call->done || call->status == 0) {
        return Outcome::unreached;
    }

    switch (call->status) {
    case NGX_HTTP_OK:
        return Outcome::taken;
    case NGX_HTTP_TOO_MANY_REQUESTS:
    case NGX_HTTP_BAD_GATEWAY:
    case NGX_HTTP_SERVICE_UNAVAILABLE:
    case NGX_HTTP_GATEWAY_TIME_OUT:
        return Outcome::unreached;
    default:
        return Outcome::refused;
    }
}

void note_reached(bool reached)
{
    auto &all = stops();

    if (reached) {
        all.rest = 0;
        return;
    }

    all.rest = std::min(all.rest == 0 ? kLook : 2 * all.rest, kLongestRest);
    all.rest_until = ngx_current_msec + all.rest;
}

// Dify has answered, in some way.
void on_news(Stop *stop)
{
    auto &all = stops();
    auto *call = stop->call;
    auto  result = outcome(call);
    // Dify says so of a task it does not know (any more).
    bool final = result == Outcome::taken
                 || (result == Outcome::refused
                     && call->status < NGX_HTTP_INTERNAL_SERVER_ERROR);

    stop->call = nullptr;
    all.at_once--;
    note_reached(result != Outcome::unreached);

    if (call != nullptr) {
        call_release(call, 0);
    }

    if (final || stop->run_ended) {
        forget(stop);

    } else if (stop->attempts == kMostAttempts) {
        count_lost();
        forget(stop);

    } else {
        ngx_add_timer(&stop->event, kAgain << (stop->attempts - 1));
    }

    stops_run();
}

void on_event(ngx_event_t *ev)
{
    auto *stop = static_cast<Stop *>(ev->data);

    guarded(ev->log, 0, [&] {
        if (!ev->timedout) {
            on_news(stop);
            return 0;
        }

        ev->timedout = 0;

        if (stop->run_ended) {
            forget(stop);

        } else {
            wait_again(stop);
            stops_run();
        }

        return 0;
    });
}

// Its connection and that to Dify.
bool has_connections()
{
    return ngx_cycle->free_connection_n + ngx_cycle->reusable_connections_n
           >= 2;
}

bool may_start()
{
    auto &all = stops();
    bool  rests = all.rest != 0
                 && static_cast<ngx_msec_int_t>(all.rest_until
                                                - ngx_current_msec) > 0;

    return all.at_once < (all.rest == 0 ? kMostAtOnce : 1) && !rests
           && has_connections();
}

// False: there is no connection after all.
bool start(Stop *stop)
{
    auto request = stop->request;  // it may be needed again

    if (!call_start_waited(stop->origin, stop->conf, std::move(request),
                           stop->facts, stop->call, &stop->event))
    {
        return false;
    }

    ngx_queue_remove(&stop->link);
    stops().at_once++;
    stop->attempts++;
    ngx_add_timer(&stop->call->drain, kAnswerTimeout);
    call_go(stop->call);

    return true;
}

bool keep_facts(Stop *stop, const CallFacts &facts)
{
    auto user = copy(stop->pool, facts.user);
    auto chat_id = copy(stop->pool, facts.chat_id);
    auto client = copy(stop->pool, facts.client);

    stop->facts = {facts.app, facts.mode, view(user), view(chat_id),
                   view(client)};

    return user.data != nullptr && chat_id.data != nullptr
           && client.data != nullptr;
}

// Null without memory.
Stop *make_stop(ngx_http_request_t *r, const CallFacts &facts)
{
    auto *pool = ngx_create_pool(1024, ngx_cycle->log);
    if (pool == nullptr) {
        return nullptr;
    }

    auto *stop = pool_make<Stop>(pool);

    if (stop != nullptr) {
        stop->pool = pool;
        stop->origin = shell_origin(r);
    }

    if (stop == nullptr || !shell_keep(pool, stop->origin)
        || !keep_facts(stop, facts))
    {
        ngx_destroy_pool(pool);
        return nullptr;
    }

    stop->cycle = const_cast<ngx_cycle_t *>(ngx_cycle);
    stop->made_at = ngx_current_msec;
    stop->event.data = stop;
    stop->event.handler = on_event;
    stop->event.log = ngx_cycle->log;

    return stop;
}

}  // namespace

void stop_add(ngx_http_request_t *r, const LocConf *conf,
              BackendRequest &&request, CallCtx *call)
{
    auto &all = stops();
    auto *stop = all.count < kMostWaiting ? make_stop(r, call->facts)
                                          : nullptr;

    if (stop == nullptr) {
        count_lost();
        return;
    }

    stop->conf = conf;
    stop->request = std::move(request);
    stop->run = call;
    call->stop = stop;
    all.count++;
    ngx_queue_insert_tail(&all.waiting, &stop->link);

    // The client's own stack is not the place to start it.
    ngx_post_event(&all.look, &ngx_posted_events);
    look_after(kLook);
}

void stop_lost()
{
    count_lost();
}

void stop_on_run_ended(CallCtx *call)
{
    if (call->stop != nullptr) {
        call->stop->run_ended = true;
    }
}

void stop_on_run_gone(CallCtx *call)
{
    if (call->stop != nullptr) {
        call->stop->run = nullptr;
        call->stop = nullptr;
    }
}

void stops_run()
{
    auto &all = stops();

    guarded(ngx_cycle->log, 0, [&] {
        while (!ngx_queue_empty(&all.waiting)) {
            auto *stop = ngx_queue_data(ngx_queue_head(&all.waiting), Stop,
                                        link);

            if (is_late(stop)) {
                ngx_queue_remove(&stop->link);
                count_lost();
                forget(stop);

            } else if (!may_start() || !start(stop)) {
                break;
            }
        }

        return 0;
    });

    if (!ngx_queue_empty(&all.waiting)) {
        look_after(kLook);
    }
}

}  // namespace opendify::glue
