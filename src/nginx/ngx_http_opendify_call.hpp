// One upstream call. It runs as a subrequest of a request of its own, the
// shell, whose connection has no socket: so a call outlives, precedes or is
// dropped without the client.
//
// The client's stack and the call's stack never call each other: each sets a
// fact and posts the other's `wake`. Each one's cleanup nulls the pointer that
// the other holds, so neither is freed below its own feet.

#ifndef NGX_HTTP_OPENDIFY_CALL_HPP
#define NGX_HTTP_OPENDIFY_CALL_HPP

#include "ngx_opendify.hpp"

#include <memory>
#include <optional>

#include "ngx_http_opendify_conf.hpp"
#include "opendify/backend.hpp"
#include "opendify/conversation_map.hpp"
#include "opendify/fingerprint.hpp"
#include "opendify/turn_end.hpp"

namespace opendify::glue {

struct ClientCtx;
struct ShellOrigin;
struct Stop;

// What a module context of ours is.
enum class CtxKind { client, call, neither };

struct RequestCtx {
    CtxKind   kind;
    bool      answering = false;  // what is sent is ours, no page of nginx's
    ngx_str_t page = {};          // takes the place of nginx's page
    bool      page_sent = false;
};

// What the internal location may see of the client's request.
struct CallFacts {
    const App       *app;
    AppMode          mode;
    std::string_view user, chat_id, client;
};

enum class CallUse {
    reply,   // kept, as a whole
    stream,  // fed to the client's pipeline
};

struct CallCtx : RequestCtx {
    CallCtx() noexcept : RequestCtx{CtxKind::call} {}

    ngx_http_request_t *shell = nullptr;
    ngx_http_request_t *sr = nullptr;
    ClientCtx          *client = nullptr;  // null: nobody reads on

    // The reply.
    ngx_uint_t   status = 0;         // 0: no header yet
    CallUse      use = CallUse::reply;
    bool         event_stream = false;
    bool         done = false;       // post_subrequest has run
    bool         kill = false;
    ngx_int_t    rc = 0;             // its code
    ngx_chain_t *kept = nullptr;     // input that waits for a slow client
    std::string  reply;              // a body that is no event stream, bounded

    // Who waits for the reply without being a client: it is told by an event,
    // and its pointer is nulled if the call is lost.
    ngx_event_t *waiter = nullptr;
    CallCtx    **held = nullptr;

    // The request, all of it the call's own.
    BackendRequest request;
    ngx_file_t     spool = {};  // of its payload
    ngx_str_t      uri = {};
    bool           shows_key = false;
    CallFacts      facts = {};  // in the shell's pool
    ngx_log_t      log = {};
    ngx_http_log_ctx_t log_ctx = {};

    ngx_event_t wake = {};
    ngx_event_t drain = {};
    ngx_msec_t  started_at = 0;

    Stop *stop = nullptr;  // that is about this run

    // After the client left: what comes, and what to remember if it ends
    // well; always, where the chat has no other memory.
    std::unique_ptr<TurnTail> tail;
    std::optional<Mapping>    mapping;
    bool                      only_memory = false;
    ngx_shm_zone_t           *zone = nullptr;
    time_t                    ttl = 0;
};

// Starts a call on behalf of `client`, which is woken when there is news.
// Null when there is no connection to spare (it was logged).
CallCtx *call_start(ClientCtx *client, BackendRequest &&request, CallUse use);

// The value of the call's Authorization, "" if it has none; in its pool.
std::string_view call_authorization(const CallCtx *call);

// A call whose reply `held` is about to have; `waiter` is posted when it is
// done or lost. To be released when it was read, or before r ends. False when
// there is no connection to spare.
bool call_start_waited(const ShellOrigin &origin, const LocConf *conf,
                       BackendRequest &&request, const CallFacts &facts,
                       CallCtx *&held, ngx_event_t *waiter);

// Starts it now, not at the next turn of the event loop: what connections there
// are it has. From an event of our own only.
void call_go(CallCtx *call);

// The client wants no more of it. It is read on, unseen, for at most
// `drain_ms` and then closed; 0 closes it at the next turn of the event loop.
void call_release(CallCtx *call, ngx_msec_t drain_ms);

// The client can take more.
void call_resume(CallCtx *call);

// Nobody reads on.
inline bool is_alone(const CallCtx *call)
{
    return call->client == nullptr && call->waiter == nullptr;
}

// Of one with a tail: has Dify ended the run?
void call_look_for_end(CallCtx *call);

// Gives the subrequest all that it would otherwise share with its parent:
// method, body and a list of headers of its own.
bool call_set_request(CallCtx *call);

// So that $upstream_* of the client's access log say what is known by now.
void call_copy_upstream_states(CallCtx *call);

// An exception was caught while the reply was read: what it was to become is
// not to be shown.
void call_break(CallCtx *call);
// Views live as long as the call.
ReplyHead call_reply_head(const CallCtx *call);

// From the filters, for sr.
void call_on_header(CallCtx *call);
ngx_int_t call_on_body(CallCtx *call, ngx_chain_t *in);

}  // namespace opendify::glue

#endif
