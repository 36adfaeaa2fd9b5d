// Which Dify conversation a turn continues, and what is remembered of it.

#include "ngx_http_opendify_client.hpp"

namespace opendify::glue {

namespace {

// Heads belong to a scope: the same words in another scope are another head.
Digest scoped(const ClientCtx *ctx, std::string_view what)
{
    return digest_of({bytes_of(ctx->scope), what});
}

Digest head_after_answer(const ClientCtx *ctx)
{
    return ctx->conf->memory == kMemoryChat
               ? scoped(ctx, "chat")
               : scoped(ctx, bytes_of(ctx->pipeline->digest()));
}

// A run that was taken up by its record does not name it.
const std::string &conversation_of(const ClientCtx *ctx)
{
    const auto &told = ctx->pipeline->conversation_id();

    return told.empty() ? ctx->conversation_id : told;
}

}  // namespace

Zone zone_of(const ClientCtx *ctx)
{
    auto *conf = main_conf(ctx->r);

    return Zone(conf->zone, conf->ttl);
}

void conversation_choose(ClientCtx *ctx)
{
    auto zone = zone_of(ctx);
    Digest head;
    ConversationId id;

    if (!has_conversations(ctx->mode)) {
        return;
    }

    ctx->conversation_id = request_header(ctx->r, "x-dify-conversation-id");

    if (ctx->conversation_id.empty()) {
        ctx->conversation_id = ctx->turn.conversation_id;
    }

    if (!ctx->conversation_id.empty()) {
        if (zone.take_conversation(ctx->scope, ctx->conversation_id, head)) {
            ctx->taken = head;
        }

        return;
    }

    if (ctx->conf->memory == kMemoryChat) {
        head = scoped(ctx, "chat");

    } else if (history_digest(ctx->turn, head)) {
        head = scoped(ctx, bytes_of(head));

    } else {
        return;
    }

    if (zone.take(head, id)) {
        ctx->conversation_id = std::string(id.view());
        ctx->taken = head;
    }
}

void conversation_put_back(ClientCtx *ctx)
{
    ConversationId id;

    if (ctx->taken && id.assign(ctx->conversation_id)) {
        zone_of(ctx).put(ctx->scope, *ctx->taken, id);
    }

    ctx->taken.reset();
}

void conversation_drop(ClientCtx *ctx)
{
    zone_of(ctx).drop(ctx->scope, ctx->conversation_id);
    ctx->conversation_id.clear();
    ctx->taken.reset();
}

void conversation_remember(ClientCtx *ctx)
{
    auto &answer = *ctx->pipeline;
    ConversationId id;

    bool seen = answer.ended()
                || (answer.committed() && answer.text_bytes() != 0);

    if (seen && !conversation_of(ctx).empty()
        && id.assign(conversation_of(ctx)))
    {
        zone_of(ctx).put(ctx->scope, head_after_answer(ctx), id);
        ctx->taken.reset();

    } else {
        conversation_put_back(ctx);
    }
}

void conversation_hand_over(const ClientCtx *ctx, CallCtx *call)
{
    auto &answer = *ctx->pipeline;
    Mapping mapping = {ctx->scope, {}, {}};

    bool seen = answer.committed() && answer.text_bytes() != 0;

    if (!mapping.id.assign(conversation_of(ctx)) || (!seen && !ctx->taken)) {
        return;
    }

    mapping.head = seen ? head_after_answer(ctx) : *ctx->taken;
    call->mapping = mapping;
    call->zone = main_conf(ctx->r)->zone;
    call->ttl = main_conf(ctx->r)->ttl;
}

}  // namespace opendify::glue
