// What has to be known and done before the app is asked, one call after the
// other:
//
//     mode        what kind of app is it (/info, once per key)
//     parameters  what does it want to be given (once per key)
//     last turn   of an imported conversation: is it that of the history
//     form        the turn answers a paused run: its form, then the answer
//     upload      files of the turn that Dify does not have yet
//
// Each call's end comes back to prepare(), which looks at what is missing.

#include "ngx_http_opendify_client.hpp"

namespace opendify::glue {

namespace {

constexpr ngx_msec_t kTurnWait = 3000;
constexpr ngx_msec_t kChatWait = 300 * 1000;
constexpr ngx_msec_t kTurnInterval = 50;

void ask_parameters(ClientCtx *ctx)
{
    prepare_call(ctx, Stage::asking_parameters,
                 encode_parameters_call(ctx->user));
}

void set_mode(ClientCtx *ctx, AppMode mode)
{
    ctx->mode = mode;
    zone_of(ctx).set_app_mode(ctx->app->key_digest, mode);
}

void on_info(ClientCtx *ctx)
{
    OverCall call(ctx);

    if (!call.is(NGX_HTTP_OK)) {
        turn_fail(ctx, call.failure());
        return;
    }

    auto mode = decode_info(call.reply());

    if (!mode) {
        turn_fail(ctx, call.failure());

    } else if (*mode == AppMode::unknown) {
        prepare_call(ctx, Stage::probing_mode, encode_mode_probe());

    } else {
        set_mode(ctx, *mode);
    }
}

void on_mode_probe(ClientCtx *ctx)
{
    OverCall call(ctx);

    if (call.is(NGX_HTTP_OK)) {
        set_mode(ctx, AppMode::chat);

    } else {
        turn_fail(ctx, call.failure());
    }
}

// The app would not answer either, or only after another wait.
bool is_final(Errc errc)
{
    return errc == Errc::backend_credentials || errc == Errc::backend_timeout;
}

// An app that does not tell is asked all the same: Dify checks too, if less
// kindly.
void on_parameters(ClientCtx *ctx)
{
    OverCall call(ctx);

    Result<AppForm> form = call.is(NGX_HTTP_OK)
                               ? decode_parameters(call.reply())
                               : Result<AppForm>(call.failure());

    if (!form && is_final(form.failure().errc)) {
        turn_fail(ctx, std::move(form.failure()));
        return;
    }

    ctx->form.readable = static_cast<bool>(form);
    ctx->form.form = std::make_shared<const AppForm>(
        form ? std::move(*form) : AppForm{});
    ctx->form_is_new = true;

    if (call.has_reply()) {
        forms_put(ctx->app->key_digest, ctx->form);
    }

    if (ctx->chosen) {
        uploads_list(ctx);  // it may take more files than before
    }
}

// The app's own wishes, before Dify would hang on them.
bool is_acceptable(ClientCtx *ctx, const ChatCall &chat)
{
    if (chat.form == nullptr) {
        return true;
    }

    auto accepted = check_call(*chat.form, chat);

    if (accepted) {
        return true;
    }

    if (ctx->form_is_new) {
        turn_fail(ctx, std::move(accepted.failure()));

    } else {
        // What is remembered may be what the app was.
        ask_parameters(ctx);
    }

    return false;
}

// A turn that was stopped is stored when Dify's stream has ended; a chat that
// has its memory at Dify only can go nowhere else.
bool waits(ClientCtx *ctx, Chosen chosen)
{
    auto most = chosen == Chosen::busy ? kChatWait : kTurnWait;

    if (ctx->waiting_since == 0 || ctx->waiting_for != chosen) {
        ctx->waiting_since = ngx_current_msec;
        ctx->waiting_for = chosen;
    }

    return ngx_current_msec - ctx->waiting_since < most;
}

// It is known where the turn goes.
void go_on(ClientCtx *ctx)
{
    HumanForm paused;

    ctx->chosen = true;
    uploads_list(ctx);

    if (find_form(ctx->turn, form_seal(ctx), paused)) {
        ctx->paused = std::move(paused);
        prepare_call(ctx, Stage::asking_form,
                     encode_form_call(ctx->paused->token));
    }
}

void choose(ClientCtx *ctx)
{
    if (!conversation_is_told_well(ctx)) {
        turn_fail(ctx, {Errc::bad_value,
                        "The conversation's id (X-Dify-Conversation-Id, "
                        "conversation_id) must be one that Dify gave: send "
                        "the X-Dify-Conversation-Id of an earlier answer, or "
                        "none.", "conversation_id", ""});
        return;
    }

    auto chosen = conversation_choose(ctx);

    if (chosen != Chosen::yes && waits(ctx, chosen)) {
        ctx->stage = Stage::waiting_turn;
        event_arm(&ctx->stall, kTurnInterval);
        return;
    }

    if (chosen == Chosen::busy) {
        turn_fail(ctx, {Errc::backend_timeout,
                        "The answer to the message before this one has not "
                        "ended in 5 minutes: send this one again.", "", ""});
        return;
    }

    if (ctx->unproven) {
        prepare_call(ctx, Stage::asking_last_turn,
                     encode_conversation_probe(ctx->conversation_id,
                                               ctx->user));

    } else {
        go_on(ctx);
    }
}

// Whatever Dify says, the turn has its answer: without the conversation the
// history is replayed.
void on_last_turn(ClientCtx *ctx)
{
    {
        OverCall call(ctx);

        if (!call.is(NGX_HTTP_OK)) {
            bool gone = call.has_reply()
                        && call.failure().errc == Errc::conversation_not_found;

            gone ? conversation_drop(ctx) : conversation_begin_anew(ctx);

        } else if (!shows_last_turn(ctx->turn, call.reply())) {
            conversation_begin_anew(ctx);
        }
    }

    ctx->unproven = false;
    go_on(ctx);
}

void prepare(ClientCtx *ctx)
{
    if (ctx->mode == AppMode::unknown) {
        prepare_call(ctx, Stage::asking_mode, encode_info_call());
        return;
    }

    if (ctx->form.form == nullptr) {
        ask_parameters(ctx);
        return;
    }

    if (!ctx->chosen) {
        choose(ctx);

        if (!ctx->chosen || ctx->call != nullptr || ctx->pipeline->over()) {
            return;
        }
    }

    auto chat = chat_call(ctx);

    if (!is_acceptable(ctx, chat)) {
        return;
    }

    if (!ctx->uploads.empty()) {
        prepare_call(ctx, Stage::uploading,
                     encode_upload_call(*ctx->uploads.back(), ctx->user));
        return;
    }

    answer_start(ctx, chat);
}

}  // namespace

ChatCall chat_call(const ClientCtx *ctx)
{
    ChatCall chat;

    chat.turn = &ctx->turn;
    chat.mode = ctx->mode;
    chat.user = ctx->user;
    chat.conversation_id = ctx->conversation_id;
    chat.inputs = ctx->inputs;
    chat.system_input = view(ctx->conf->system_input);
    chat.query_input = view(ctx->app->query_input);

    if (ctx->conf->continue_text.len != 0) {
        chat.continue_text = view(ctx->conf->continue_text);
    }

    if (ctx->form.readable) {
        apply_form(*ctx->form.form, chat);

    } else if (chat.query_input.empty()) {
        chat.query_input = "query";
    }

    return chat;
}

void prepare_call(ClientCtx *ctx, Stage stage, BackendRequest &&request)
{
    ctx->stage = stage;
    ctx->call = call_start(ctx, std::move(request), CallUse::reply);

    if (ctx->call == nullptr) {
        turn_fail(ctx, no_connection());
    }
}

void prepare_start(ClientCtx *ctx)
{
    ctx->start = zone_of(ctx).begin();
    ctx->mode = ctx->app->mode != AppMode::unknown
                    ? ctx->app->mode
                    : zone_of(ctx).app_mode(ctx->app->key_digest);
    ctx->form = forms_get(ctx->app->key_digest);

    prepare(ctx);
}

void prepare_run(ClientCtx *ctx)
{
    if (ctx->call != nullptr && !ctx->call->done) {
        return;
    }

    switch (ctx->stage) {

    case Stage::asking_mode:
        on_info(ctx);
        break;

    case Stage::probing_mode:
        on_mode_probe(ctx);
        break;

    case Stage::asking_parameters:
        on_parameters(ctx);
        break;

    case Stage::asking_last_turn:
        on_last_turn(ctx);
        break;

    case Stage::asking_form:
        resume_on_form(ctx);
        break;

    case Stage::waiting_turn:
        break;

    case Stage::uploading:
        uploads_on_call(ctx);
        break;

    default:
        return;
    }

    if (ctx->call == nullptr && !ctx->pipeline->over()) {
        prepare(ctx);
    }
}

void prepare_again(ClientCtx *ctx)
{
    uploads_list(ctx);
    prepare(ctx);
}

void prepare_forget(ClientCtx *ctx)
{
    forms_forget(ctx->app->key_digest);

    if (ctx->files_known) {
        uploads_anew(ctx);
    }
}

}  // namespace opendify::glue
