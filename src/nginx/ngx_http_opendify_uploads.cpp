// Files of a turn go to Dify before the turn does, each once for a while.

#include "ngx_http_opendify_client.hpp"

#include <algorithm>

namespace opendify::glue {

namespace {

// Who owns it and what it is: another user's upload cannot be used.
// Its bytes may be with the call by the next time.
Digest file_digest(const ClientCtx *ctx, Attachment &file)
{
    if (!file.content) {
        file.content = digest_of({file.bytes});
    }

    return digest_of({"file", bytes_of(ctx->app->key_digest), ctx->user,
                      file.name, bytes_of(*file.content)});
}

bool brings_files(const Turn &turn)
{
    return std::any_of(turn.messages.begin(), turn.messages.end(),
                       [](const auto &message) {
                           return !message.files.empty();
                       });
}

}  // namespace

void uploads_list(ClientCtx *ctx)
{
    auto zone = zone_of(ctx);

    ctx->uploads.clear();

    if (!brings_files(ctx->turn)) {
        return;
    }

    auto files = files_to_upload(ctx->turn, chat_call(ctx));

    for (auto file = files.rbegin(); file != files.rend(); ++file) {
        if (zone.file(file_digest(ctx, **file), (*file)->upload_id)) {
            ctx->files_known = true;

        } else {
            ctx->uploads.push_back(*file);
        }
    }
}

void uploads_on_call(ClientCtx *ctx)
{
    OverCall call(ctx);

    if (!call.has_reply()) {
        turn_fail(ctx, call.failure());
        return;
    }

    auto *file = ctx->uploads.back();
    auto  id = decode_upload_reply(call.status(), call.reply(), call.head());

    if (id) {
        zone_of(ctx).put_file(file_digest(ctx, *file), *id);
        file->upload_id = std::move(*id);
        ctx->uploads.pop_back();
        return;
    }

    auto failure = std::move(id.failure());

    if (failure.param.empty() && failure.errc == Errc::bad_value) {
        failure.param = file->param;
    }

    turn_fail(ctx, std::move(failure));
}

void uploads_anew(ClientCtx *ctx)
{
    auto zone = zone_of(ctx);

    for (auto &message : ctx->turn.messages) {
        for (auto &file : message.files) {
            if (!file.upload_id.empty()) {
                zone.forget_file(file_digest(ctx, file));

                // One that was just sent is there, and its bytes are not.
                if (file.has_data()) {
                    file.upload_id.clear();
                }
            }
        }
    }

    ctx->files_known = false;
}

}  // namespace opendify::glue
