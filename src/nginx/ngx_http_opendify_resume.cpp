// A turn that answers a run which waits for a person (spec dify-api §6.6):
//
//     the form is asked for, the run's stream taken up, and the answer
//     submitted; a Dify that has no such stream (1.13) is asked for the run's
//     record until it is over, and so is one whose stream has told nothing.

#include "ngx_http_opendify_client.hpp"

namespace opendify::glue {

namespace {

constexpr ngx_msec_t kPollInterval = 1000;
constexpr ngx_uint_t kMaxPolls = 600;
// A submitted run may take so long to be taken up.
constexpr ngx_uint_t kMaxPausedPolls = 15;

}  // namespace

void resume_on_form(ClientCtx *ctx)
{
    OverCall call(ctx);

    if (!call.has_reply()) {
        turn_fail(ctx, call.failure());
        return;
    }

    auto form = call.is(NGX_HTTP_OK) ? decode_form(call.reply())
                                     : Result<HumanForm>(call.failure());

    if (!form && form.failure().errc == Errc::backend_misconfigured) {
        turn_fail(ctx, {Errc::backend_misconfigured,
                        "This Dify has the forms of paused runs outside its "
                        "service API: the server needs opendify_form_pass.",
                        "", ""});
        return;
    }

    // It was answered elsewhere or is too old: the text is a new question.
    if (!form && form.failure().errc == Errc::backend_rejected) {
        ctx->paused.reset();
        return;
    }

    if (!form) {
        turn_fail(ctx, std::move(form.failure()));
        return;
    }

    form->token = ctx->paused->token;
    form->run_id = ctx->paused->run_id;

    auto answer = encode_form_submit(*form, new_turn_text(ctx->turn),
                                     ctx->user);

    if (!answer) {
        turn_fail(ctx, answer.failure());
        return;
    }

    // What the run says before somebody listens is lost.
    ctx->form_answer = std::move(*answer);
    answer_call(ctx, encode_events_call(ctx->paused->run_id, ctx->user));
}

void resume_submit(ClientCtx *ctx)
{
    ctx->stage = Stage::submitting;
    ctx->probe = call_start(ctx, std::move(*ctx->form_answer),
                            CallUse::reply);
    ctx->form_answer.reset();

    if (ctx->probe == nullptr) {
        turn_fail(ctx, no_connection());
    }
}

void resume_on_submitted(ClientCtx *ctx)
{
    auto *probe = ctx->probe;

    ctx->stage = Stage::answering;

    if (probe == nullptr || probe->status != NGX_HTTP_OK) {
        ctx->pipeline->fail(call_failure(probe));

    } else if (ctx->call == nullptr) {
        resume_poll(ctx);
    }

    call_let_go(ctx->probe, 0);
}

void resume_poll(ClientCtx *ctx)
{
    prepare_call(ctx, Stage::answering, encode_run_call(ctx->paused->run_id));
}

bool resume_unheard(ClientCtx *ctx)
{
    auto &pipeline = *ctx->pipeline;

    if (!ctx->paused || pipeline.text_bytes() != 0 || pipeline.due_ms() != 0) {
        return false;
    }

    pipeline.feed("\n\n");  // ends what was cut

    if (!pipeline.over() && !pipeline.closing()) {
        call_let_go(ctx->call, 0);
        resume_poll(ctx);
    }

    return true;
}

void resume_on_record(ClientCtx *ctx)
{
    auto *call = ctx->call;

    if (call->status != NGX_HTTP_OK) {
        ctx->pipeline->fail(call_failure(call));
        return;
    }

    ctx->pipeline->feed(encode_run_frame(call->reply));

    if (ctx->pipeline->over() || ctx->pipeline->closing()) {
        return;
    }

    ctx->polls++;

    if (ctx->polls >= kMaxPausedPolls && is_paused_run(call->reply)) {
        ctx->pipeline->fail({Errc::run_failed,
                             "The app waits for a person again, and this "
                             "Dify does not tell for what.", "", ""});
        return;
    }

    if (ctx->polls == kMaxPolls) {
        ctx->pipeline->fail({Errc::backend_timeout,
                             "The app did not go on in time.", "", ""});
        return;
    }

    call_let_go(ctx->call, 0);
    event_arm(&ctx->stall, kPollInterval);
    ctx->stage = Stage::waiting;
}

}  // namespace opendify::glue
