// Conversations are deleted at Dify, and then here.
//
//     find one -> DELETE /conversations/ID -> it is gone: forget it -> ...

#include "ngx_http_opendify_admin.hpp"
#include "ngx_http_opendify_shell.hpp"

namespace opendify::glue {

namespace {

constexpr int        kPieces = 16;
constexpr ngx_msec_t kPause = 1;
constexpr ngx_msec_t kTimeout = 10000;

Failure app_is_gone()
{
    return {Errc::backend_misconfigured,
            "The app of this conversation is not configured.", "", ""};
}

// False if it was not sent: why was told.
bool start_call(Job *job, const ConversationEntry &entry)
{
    auto &admin = *job->admin;
    auto *app = find_app(main_conf(job->r), admin.model_of(entry));

    if (app == nullptr) {
        admin.fail(entry, app_is_gone());
        return false;
    }

    if (!call_start_waited(
            shell_origin(job->r), &job->conf,
            encode_conversation_delete(entry.id.view(), admin.user()),
            {app, AppMode::unknown, admin.user(), "", ""}, job->call,
            &job->next))
    {
        admin.fail(entry, no_connection());
        return false;
    }

    ngx_add_timer(&job->next, kTimeout);

    return true;
}

Result<bool> outcome(const Job *job)
{
    auto *call = job->call;

    if (call != nullptr && !call->done) {
        return Failure{Errc::backend_timeout,
                       "Dify did not answer in 10 seconds.", "", ""};
    }

    return call != nullptr && call->status != 0
               ? decode_conversation_delete(static_cast<int>(call->status),
                                            call->reply)
               : call_failure(call);
}

bool has_no_answer(const Failure &failure)
{
    return failure.errc == Errc::backend_timeout
           || failure.errc == Errc::backend_unreachable;
}

void end_call(Job *job, Zone &zone)
{
    auto &entry = job->found.entries.front();
    auto  gone = outcome(job);

    job->calling = false;
    call_let_go(job->call, 0);

    // The timeout and the reply may have come at once.
    if (job->next.timer_set) {
        ngx_del_timer(&job->next);
    }

    if (job->next.posted) {
        ngx_delete_posted_event(&job->next);
    }

    if (gone) {
        zone.remove(entry);
        job->dirty = true;
        job->admin->add(entry);

    } else {
        job->halted = has_no_answer(gone.failure());
        job->admin->fail(entry, gone.failure());
    }
}

}  // namespace

bool erase_run(Job *job, Zone zone)
{
    auto &admin = *job->admin;

    if (job->calling) {
        if (job->call != nullptr && !job->call->done && !job->next.timedout) {
            return false;
        }

        end_call(job, zone);
    }

    for (int i = 0; i < kPieces; i++) {
        if (job->halted || job->found.at_end || admin.room() == 0) {
            return true;
        }

        job->found = zone.search(admin.filter(), job->from, 1, false);

        if (!job->found.entries.empty()) {
            job->next.timedout = 0;
            job->calling = start_call(job, job->found.entries.front());
        }

        if (job->calling) {
            return false;
        }
    }

    ngx_add_timer(&job->next, kPause);

    return false;
}

}  // namespace opendify::glue
