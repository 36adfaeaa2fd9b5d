// A client's request on its way through the module.
//
//     handler -> read body -> chat_start -> prepare -> main call -> answer
//
// Whatever happens (body read, a call's news, a timer, the socket writable)
// ends in chat_run(), which looks at the facts and takes the next step.

#ifndef NGX_HTTP_OPENDIFY_CLIENT_HPP
#define NGX_HTTP_OPENDIFY_CLIENT_HPP

#include "ngx_opendify.hpp"

#include <optional>

#include "ngx_http_opendify_call.hpp"
#include "ngx_http_opendify_compat.hpp"
#include "ngx_http_opendify_conf.hpp"
#include "ngx_http_opendify_forms.hpp"
#include "ngx_http_opendify_work.hpp"
#include "ngx_http_opendify_zone.hpp"
#include "opendify/endpoint.hpp"
#include "opendify/human_form.hpp"
#include "opendify/pipeline.hpp"

namespace opendify::glue {

inline std::string_view bytes_of(const Digest &digest)
{
    return {reinterpret_cast<const char *>(digest.data()), digest.size()};
}

enum class Stage {
    // prepare
    asking_mode,
    probing_mode,
    asking_parameters,
    asking_last_turn,  // of a conversation that was imported
    asking_form,     // of a paused run
    waiting_turn,    // the conversation's last turn has not ended yet
    uploading,
    // answer
    submitting,      // the answer to the form
    answering,
    waiting,         // for the next look at a run
    suggesting,
    finished,
};

inline bool is_answering(Stage stage)
{
    return stage >= Stage::submitting && stage <= Stage::suggesting;
}

enum class Chosen {
    yes,      // what the turn continues, if anything
    pending,  // Dify has not stored its last turn yet
    busy,     // the chat's last turn is being answered
};

struct ClientCtx : RequestCtx {
    ClientCtx() noexcept : RequestCtx{CtxKind::client} {}

    // What each piece of the answer needs, in as few cache lines as possible.
    ngx_http_request_t *r = nullptr;
    const LocConf      *conf = nullptr;
    Stage               stage = Stage::asking_mode;
    bool                header_sent = false;
    bool                settled = false;  // remembered or put back
    bool                left = false;     // nothing goes on any more
    bool                broken = false;   // an exception cut its pipeline
    bool                asked = false;    // the messages are not kept
    std::optional<Pipeline> pipeline;
    CallCtx    *call = nullptr;   // of prepare, or the main call
    CallCtx    *probe = nullptr;  // beside it: does the conversation exist;
                                  // what suggests itself
    ngx_int_t   first_token_ms = -1;
    ngx_msec_t  sent_at = 0;
    std::string sending;          // before pipeline->output()
    ngx_buf_t   sending_buf = {};
    ngx_event_t wake = {};
    ngx_event_t release = {};     // of text that is held back

    std::unique_ptr<LargeBody>      large;      // until there is a turn
    std::vector<ngx_temp_file_t *>  spools;     // files, by Attachment::spool
    bool                            watched = false;

    Turn       turn;
    const App *app = nullptr;
    bool       completion = false;  // came to /v1/completions
    bool       auxiliary = false;   // a task of the client's own
    AppMode    mode = AppMode::unknown;
    // In the request's pool or buffers.
    std::string_view    user, chat_id, client;
    std::string_view    message_id, parent_id;  // the client's names
    bool                named = false;  // the user or the chat is
    std::vector<Input>  inputs;

    // Which conversation.
    Digest                scope = {};
    std::optional<Digest>  instructions;     // of the turn
    std::optional<Digest>  history;          // of the messages before the turn
    std::string            conversation_id;  // that is continued; "": new
    std::optional<Mapping> taken;            // its head, to be put back
    bool                   unproven = false;  // it may not be what is shown
    TurnStart              start;
    ngx_msec_t             waiting_since = 0;  // for its last turn to end
    Chosen                 waiting_for = Chosen::yes;
    std::uint64_t          holder = 0;  // of the chat, as long as it has it
    bool                   chosen = false;
    bool                   replayed = false;

    // What the app wants, and what goes to Dify before the call.
    KnownForm                 form;
    bool                      form_is_new = false;
    std::vector<Attachment *> uploads;              // of turn, last one first
    bool                      files_known = false;  // some ids came from the
                                                    // zone
    std::optional<HumanForm>  paused;  // the run that the turn goes on with
    std::optional<BackendRequest> form_answer;  // to be submitted
    ngx_uint_t                polls = 0;

    ngx_event_t hold = {};   // of the chat, is to be renewed
    ngx_event_t ping = {};
    ngx_event_t stall = {};  // also: the next look, the last suggestion

    // Facts for the log.
    ngx_msec_t  started_at = 0;
    std::string error;    // code of the failure, "" if none
    bool        stopped = false;
};

// handler
ngx_int_t handler(ngx_http_request_t *r);
// What r->uri asks for: NGX_OK; NGX_HTTP_NOT_FOUND; or a redirect, whose header
// is set, to the one way to write it.
ngx_int_t find_route(ngx_http_request_t *r, Route &route);
// The path as it was sent, without arguments and without the location's
// prefix.
std::string_view path_of(ngx_http_request_t *r);
// How large the body is that was read.
off_t body_size(ngx_http_request_t *r);
// The body; nothing if it could not be read. It may lie in memory, in a
// temporary file, or in both, and is `gathered` unless it is in one piece.
std::optional<std::string_view> read_body(ngx_http_request_t *r,
                                          std::string &gathered);

// chat
void chat_start(ClientCtx *ctx, std::string_view body);
void chat_begin(ClientCtx *ctx, Result<Turn> &&turn);
Limits limits_of(const LocConf *conf);
void chat_run(ClientCtx *ctx);
// What a pipe may hold for a slow client before its upstream waits, bytes.
bool chat_is_full(const ClientCtx *ctx);

// prepare: ends in answer_start() or a failed pipeline
void prepare_start(ClientCtx *ctx);
void prepare_run(ClientCtx *ctx);
// The turn goes another way: into a new conversation, with files anew.
void prepare_again(ClientCtx *ctx);
// Dify did not run the turn: what was remembered of the app and of files may
// be why, and is asked and sent anew next time.
void prepare_forget(ClientCtx *ctx);
void prepare_call(ClientCtx *ctx, Stage stage, BackendRequest &&request);
// What would be sent, as far as it is known by now.
ChatCall chat_call(const ClientCtx *ctx);

// uploads
void uploads_list(ClientCtx *ctx);
void uploads_on_call(ClientCtx *ctx);
// Dify did not know files that it once took.
void uploads_anew(ClientCtx *ctx);

// resume
inline FormSeal form_seal(const ClientCtx *ctx)
{
    return {&ctx->app->form_key, ctx->client, ctx->user};
}

void resume_on_form(ClientCtx *ctx);
void resume_submit(ClientCtx *ctx);
void resume_on_submitted(ClientCtx *ctx);
void resume_poll(ClientCtx *ctx);
// The run's stream is over and has told nothing: its record is asked for.
bool resume_unheard(ClientCtx *ctx);
void resume_on_record(ClientCtx *ctx);

// answer
void answer_call(ClientCtx *ctx, BackendRequest &&request);
void answer_start(ClientCtx *ctx, const ChatCall &chat);
void answer_run(ClientCtx *ctx);
// The short way for what happens most: more text came, and nothing else. False:
// answer_run() has to look.
bool answer_flow(ClientCtx *ctx);

// The client wants no more of the run, which is known by its task: Dify is
// told.
void run_stop(ClientCtx *ctx);
// The same, once, where the answer ends before the run does: nobody waits for
// the rest, though some of the answer may still be on its way.
void run_stop_if_cut(ClientCtx *ctx);

// failure
void turn_fail(ClientCtx *ctx, Failure failure);
Failure no_connection();
// What a call that is over, without an event stream, means; null: it is lost.
Failure call_failure(const CallCtx *call);
void log_failure(const ClientCtx *ctx);
// Says so where nginx itself has ended the call with status `rc`.
void log_own_answer(const CallCtx *call, ngx_int_t rc);
// Once a turn, if there were any.
void log_unclear_events(const ClientCtx *ctx);

// identity: sets client, user, chat id, parent id, scope and inputs
void identify(ClientCtx *ctx);
// What tells the client from others.
std::string_view client_of(ngx_http_request_t *r, const LocConf *conf);

// conversation
Zone zone_of(const ClientCtx *ctx);
// The id that the client names, if it names one, may be one of Dify's.
bool conversation_is_told_well(const ClientCtx *ctx);
// Takes the conversation that the turn continues, if there is one.
Chosen conversation_choose(ClientCtx *ctx);
// Of a chat with a memory of its own: the turn still has it, or is over.
void conversation_hold(ClientCtx *ctx);
void conversation_release(ClientCtx *ctx);
// Dify did not take the turn: the conversation's head is what it was.
void conversation_put_back(ClientCtx *ctx);
// The same, and the turn goes into a new one.
void conversation_begin_anew(ClientCtx *ctx);
// Dify may have taken the turn and remember it, but the client shows nothing of
// it: no history leads to that conversation any more. A chat that has no other
// memory keeps it.
void conversation_give_up(ClientCtx *ctx);
// It is gone at Dify.
void conversation_drop(ClientCtx *ctx);
// Before the client sees the end: its next turn was seen 40 ms later.
void conversation_remember(ClientCtx *ctx);
// The client wants no more: the call remembers when Dify has ended the turn.
void conversation_hand_over(ClientCtx *ctx, CallCtx *call);
// The answer is over: one of the two.
void conversation_end(ClientCtx *ctx);

// events
bool events_watch(ClientCtx *ctx);
// An exception was caught: nothing of the turn goes on, and nginx ends the
// request, which may take its time.
void events_break(ClientCtx *ctx);
void events_stop(ClientCtx *ctx);
void event_arm(ngx_event_t *ev, ngx_msec_t after_ms);  // 0: not at all
void events_arm_release(ClientCtx *ctx);
// A call is about to feed the pipeline, if that is not full.
void events_expect(ClientCtx *ctx);
// Releases a call and forgets it; null is fine.
void call_let_go(CallCtx *&call, ngx_msec_t drain_ms);

// The call that is over, let go when its reply has been read.
class OverCall {
public:
    explicit OverCall(ClientCtx *ctx) : call_(ctx->call)
    {
        ctx->call = nullptr;
    }

    ~OverCall() { call_let_go(call_, 0); }

    OverCall(const OverCall &) = delete;
    OverCall &operator=(const OverCall &) = delete;

    bool has_reply() const { return call_ != nullptr && call_->status != 0; }
    bool is(ngx_uint_t status) const
    {
        return has_reply() && call_->status == status;
    }

    int status() const { return static_cast<int>(call_->status); }
    const std::string &reply() const { return call_->reply; }
    ReplyHead head() const { return call_reply_head(call_); }
    Failure failure() const { return call_failure(call_); }

private:
    CallCtx *call_;
};

// output: each ends the request unless it says otherwise
void send_failure(ngx_http_request_t *r, const Failure &failure);
void send_whole(ngx_http_request_t *r, ngx_uint_t status,
               std::string_view body);
// The same of a body that lives as long as the request.
void send_kept(ngx_http_request_t *r, ngx_uint_t status,
               std::string_view body);
void send_reply(ClientCtx *ctx);
// Sends what the pipeline has. False: the request is over (sent or broken).
bool send_stream(ClientCtx *ctx);
// The same where the header is sent, the client not behind, and this is not
// the end.
bool send_more(ClientCtx *ctx);
// What was sent is still on its way.
bool is_behind(const ClientCtx *ctx);
// The pipeline is about to have output; it has none so far.
void output_expect(ClientCtx *ctx);
void output_unexpect(ClientCtx *ctx);
void send_ping(ClientCtx *ctx);

// What $request_id says: 32 hex digits, the same for the life of the request.
std::string_view request_id(ngx_http_request_t *r);
bool add_request_id(ngx_http_request_t *r);

// What a parameter is in a request; lives as long as the request. One of our
// own variables, if it is all of it, is the text that was sent: elsewhere it is
// encoded.
std::string_view text_of(ngx_http_request_t *r, Value &value);
// First non-empty of the values; the same.
std::string_view first_value(ngx_http_request_t *r, const ngx_array_t *values);
// Value of a request header, "" if absent.
std::string_view request_header(ngx_http_request_t *r,
                                std::string_view lowcase);

// filters and variables
ngx_int_t filter_init();
ngx_int_t add_variables(ngx_conf_t *cf);
// The number of that variable of ours, -1 if there is none.
ngx_int_t own_variable(std::string_view name);
std::string_view own_value(ngx_http_request_t *r, ngx_int_t variable);

ClientCtx *client_ctx(ngx_http_request_t *r);  // of r->main, or null
CallCtx *call_ctx(ngx_http_request_t *r);      // of r->main, or null
// What r has, or a new one of neither kind; null without memory.
RequestCtx *make_context(ngx_http_request_t *r);

}  // namespace opendify::glue

#endif
