// Which Dify conversation a turn continues, and what is remembered of it.

#include "ngx_http_opendify_client.hpp"

namespace opendify::glue {

namespace {

constexpr ngx_msec_t kHoldAgain = Zone::kHoldMs / 2;

// Heads belong to a scope: the same words in another scope are another head.
// "history" parts them from those of earlier versions, which did not tell
// instructions apart and must not be found.
Digest history_head(const ClientCtx *ctx, const Digest &history)
{
    return digest_of({bytes_of(ctx->scope), "history", bytes_of(history)});
}

// Of a chat with a memory of its own: one for each persona.
Digest chat_head(const ClientCtx *ctx)
{
    return ctx->instructions
               ? digest_of({bytes_of(ctx->scope), "chat",
                            bytes_of(*ctx->instructions)})
               : digest_of({bytes_of(ctx->scope), "chat"});
}

Digest head_after_answer(const ClientCtx *ctx)
{
    return ctx->conf->memory == kMemoryChat
               ? chat_head(ctx)
               : history_head(ctx, ctx->pipeline->digest());
}

// A run that was taken up by its record does not name it.
const std::string &conversation_of(const ClientCtx *ctx)
{
    const auto &told = ctx->pipeline->conversation_id();

    return told.empty() ? ctx->conversation_id : told;
}

// The client's name for a message, in its scope; "": none.
std::optional<Digest> message_digest(const ClientCtx *ctx,
                                     std::string_view id)
{
    if (id.empty()) {
        return std::nullopt;
    }

    return ctx->instructions
               ? digest_of({bytes_of(ctx->scope), "message", id,
                            bytes_of(*ctx->instructions)})
               : digest_of({bytes_of(ctx->scope), "message", id});
}

// The answer that the turn follows. A turn that goes on with an answer has
// that answer's own id.
std::optional<Digest> parent_of(const ClientCtx *ctx)
{
    bool goes_on = ctx->turn.messages.back().role == Role::assistant;

    return message_digest(ctx, goes_on ? ctx->message_id : ctx->parent_id);
}

// Such a client shows no history: the conversation is what it was told.
bool returns(const ClientCtx *ctx)
{
    return ctx->conf->memory == kMemoryChat;
}

// A chat that was brought from elsewhere: its conversation is what the chat
// shows only if Dify says so.
Taken take_imported(ClientCtx *ctx, Mapping &taken)
{
    if (ctx->chat_id.empty()) {
        return Taken::no;
    }

    auto found = zone_of(ctx).take(ctx->scope, imported_head(ctx->scope),
                                   taken, returns(ctx));
    ctx->unproven = found == Taken::yes && ctx->conf->memory != kMemoryChat;

    return found;
}

// The head that the turn would follow; false without history.
bool head_before(const ClientCtx *ctx, Digest &head)
{
    if (ctx->conf->memory == kMemoryChat) {
        head = chat_head(ctx);
        return true;
    }

    if (ctx->history) {
        head = history_head(ctx, *ctx->history);
    }

    return ctx->history.has_value();
}

// What the conversation has answered; nothing if it has no name.
std::optional<Mapping> answered(const ClientCtx *ctx)
{
    ConversationId id;

    if (ctx->auxiliary || conversation_of(ctx).empty()
        || !id.assign(conversation_of(ctx)))
    {
        return std::nullopt;
    }

    return Mapping{ctx->scope, head_after_answer(ctx),
                   message_digest(ctx, ctx->message_id), id,
                   ConversationOwner::of(ctx->user, ctx->app->key_digest)};
}

// False: another turn has the chat.
bool hold_chat(ClientCtx *ctx)
{
    static std::uint32_t number = 0;

    if (ctx->holder != 0) {
        return true;
    }

    std::uint64_t holder = static_cast<std::uint64_t>(ngx_pid) << 32 | ++number;

    if (!zone_of(ctx).hold_chat(chat_head(ctx), holder)) {
        return false;
    }

    ctx->holder = holder;
    ngx_add_timer(&ctx->hold, kHoldAgain);

    return true;
}

// Once for a configuration in each worker.
void warn_of_nameless(const ClientCtx *ctx)
{
    static const volatile ngx_cycle_t *warned = nullptr;

    if (ctx->named || warned == ngx_cycle) {
        return;
    }

    warned = ngx_cycle;
    ngx_log_error(NGX_LOG_WARN, ctx->r->connection->log, 0,
                  "opendify: a request names neither its user nor its chat: "
                  "people who send the same words under the same key and "
                  "instructions share a conversation, see \"opendify_user\" "
                  "and \"opendify_chat_id\"");
}

// The conversation that the client names.
std::string_view told_conversation(const ClientCtx *ctx)
{
    auto id = request_header(ctx->r, "x-dify-conversation-id");

    return id.empty() ? std::string_view(ctx->turn.conversation_id) : id;
}

// Dify has taken the turn, and has not said itself that it failed.
bool is_unknown(Errc errc)
{
    return errc == Errc::backend_closed || errc == Errc::backend_timeout
           || errc == Errc::event_too_large;
}

// The client has some of the answer.
bool shows_text(const Pipeline &answer)
{
    return answer.committed() && answer.text_bytes() != 0;
}

TurnEnd end_of(const Pipeline &answer)
{
    bool shown = shows_text(answer);

    if (answer.failed()) {
        bool unknown = is_unknown(answer.failure().errc);

        return shown ? unknown ? TurnEnd::lost_after_text
                               : TurnEnd::failed_after_text
                     : unknown ? TurnEnd::lost
                               : TurnEnd::failed;
    }

    // Dify has ended, but the client left before it had the rest.
    if (!answer.ended() && !shown) {
        return TurnEnd::stopped_unseen;
    }

    return answer.is_other_text() ? TurnEnd::other_text : TurnEnd::complete;
}

// Of a turn that is stopped, if all goes well from here on.
TurnEnd stopped_end_of(const Pipeline &answer)
{
    return answer.is_other_text() ? TurnEnd::other_text
           : shows_text(answer)   ? TurnEnd::stopped
                                  : TurnEnd::stopped_unseen;
}

}  // namespace

Zone zone_of(const ClientCtx *ctx)
{
    auto *conf = main_conf(ctx->r);

    return Zone(conf->zone, conf->ttl);
}

bool conversation_is_told_well(const ClientCtx *ctx)
{
    auto id = told_conversation(ctx);

    return id.empty() || ctx->auxiliary || !has_conversations(ctx->mode)
           || is_backend_id(id);
}

Chosen conversation_choose(ClientCtx *ctx)
{
    auto zone = zone_of(ctx);
    Mapping taken;

    if (ctx->auxiliary || !has_conversations(ctx->mode)) {
        return Chosen::yes;
    }

    ctx->conversation_id = told_conversation(ctx);

    if (!ctx->conversation_id.empty()) {
        if (zone.take_conversation(ctx->scope, ctx->conversation_id, taken,
                                   returns(ctx)))
        {
            ctx->taken = taken;
        }

        return Chosen::yes;
    }

    warn_of_nameless(ctx);

    if (ctx->conf->memory == kMemoryChat && !hold_chat(ctx)) {
        return Chosen::busy;
    }

    Digest head;
    Taken  found = Taken::no;
    bool   has_history = head_before(ctx, head);

    // The messages are the truth, ids stand in where a client rewrites them.
    if (has_history) {
        found = zone.take(ctx->scope, head, taken, returns(ctx));
    }

    auto parent = found == Taken::no ? parent_of(ctx) : std::nullopt;

    if (parent) {
        found = zone.take_message(ctx->scope, *parent, taken, returns(ctx));
    }

    if (found == Taken::no && has_history) {
        found = take_imported(ctx, taken);
    }

    if (found == Taken::yes) {
        ctx->conversation_id = std::string(taken.id.view());
        ctx->taken = taken;
    }

    return found == Taken::pending ? Chosen::pending : Chosen::yes;
}

void conversation_hold(ClientCtx *ctx)
{
    // Nobody else can have it in time, unless the machine slept.
    if (ctx->holder != 0) {
        zone_of(ctx).hold_chat(chat_head(ctx), ctx->holder);
        ngx_add_timer(&ctx->hold, kHoldAgain);
    }
}

void conversation_release(ClientCtx *ctx)
{
    if (ctx->holder != 0) {
        zone_of(ctx).release_chat(chat_head(ctx), ctx->holder);
        ctx->holder = 0;
    }
}

void conversation_put_back(ClientCtx *ctx)
{
    if (ctx->taken) {
        zone_of(ctx).put(*ctx->taken, ctx->start);
        ctx->taken.reset();
    }
}

void conversation_begin_anew(ClientCtx *ctx)
{
    conversation_put_back(ctx);
    ctx->conversation_id.clear();
}

void conversation_give_up(ClientCtx *ctx)
{
    auto mapping = ctx->conf->memory == kMemoryChat ? answered(ctx)
                                                    : std::nullopt;

    if (mapping) {
        zone_of(ctx).put(*mapping, ctx->start);
        ctx->taken.reset();

    // The answer to a form is part of the turn that asked.
    } else if (ctx->conf->memory == kMemoryChat || ctx->paused) {
        conversation_put_back(ctx);

    } else if (ctx->taken) {
        zone_of(ctx).drop(ctx->scope, ctx->taken->id.view());
        ctx->taken.reset();
    }
}

void conversation_drop(ClientCtx *ctx)
{
    zone_of(ctx).drop(ctx->scope, ctx->conversation_id);
    ctx->conversation_id.clear();
    ctx->taken.reset();
}

void conversation_remember(ClientCtx *ctx)
{
    auto mapping = answered(ctx);

    switch (next_turn(ctx->mode, end_of(*ctx->pipeline))) {

    case NextTurn::goes_on:
        if (mapping) {
            zone_of(ctx).put(*mapping, ctx->start);
            ctx->taken.reset();
            break;
        }

        [[fallthrough]];

    case NextTurn::goes_back:
        conversation_put_back(ctx);
        break;

    case NextTurn::replays:
        conversation_give_up(ctx);
        break;
    }
}

void conversation_hand_over(ClientCtx *ctx, CallCtx *call)
{
    bool only_memory = ctx->conf->memory == kMemoryChat;
    bool may_go_on = next_turn(ctx->mode, stopped_end_of(*ctx->pipeline))
                     == NextTurn::goes_on;
    auto mapping = may_go_on || only_memory ? answered(ctx) : std::nullopt;

    call->tail = ctx->pipeline->leave(ctx->mode);

    if (!mapping) {
        conversation_give_up(ctx);
        return;
    }

    call->mapping = mapping;
    call->only_memory = only_memory;
    call->zone = main_conf(ctx->r)->zone;
    call->ttl = main_conf(ctx->r)->ttl;
    zone_of(ctx).put(*mapping, ctx->start, true, returns(ctx));
    ctx->taken.reset();
}

void conversation_end(ClientCtx *ctx)
{
    auto *call = ctx->call;

    if (ctx->stopped && ctx->pipeline->is_cut_short() && call != nullptr
        && !call->done)
    {
        conversation_hand_over(ctx, call);

    } else {
        conversation_remember(ctx);
    }
}

}  // namespace opendify::glue
