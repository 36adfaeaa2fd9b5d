// What comes back of a call: to its client's pipeline, kept as a whole, or
// looked at for its end only.

#include "ngx_http_opendify_client.hpp"
#include "ngx_http_opendify_stops.hpp"
#include "opendify/content_coding.hpp"

namespace opendify::glue {

namespace {

constexpr std::size_t kMaxReplyBytes = 1 << 20;

std::string_view reply_header(const ngx_http_headers_out_t &out,
                              std::string_view name)
{
    for (auto *part = &out.headers.part; part != nullptr; part = part->next) {
        auto *h = static_cast<ngx_table_elt_t *>(part->elts);

        for (ngx_uint_t i = 0; i < part->nelts; i++) {
            if (h[i].hash != 0 && h[i].key.len == name.size()
                && ngx_strncasecmp(h[i].key.data, borrow(name).data,
                                   name.size()) == 0)
            {
                return view(h[i].value);
            }
        }
    }

    return {};
}

bool is_encoded(const ngx_http_headers_out_t &out)
{
    auto *h = out.content_encoding;

    return h != nullptr && !is_identity(view(h->value));
}

bool is_event_stream(const ngx_http_headers_out_t &out)
{
    static constexpr std::string_view kType = "text/event-stream";

    return out.status == NGX_HTTP_OK && !is_encoded(out)
           && out.content_type.len >= kType.size()
           && ngx_strncasecmp(out.content_type.data, borrow(kType).data,
                              kType.size()) == 0;
}

// What comes is fed to the client's pipeline.
bool is_fed(const CallCtx *call)
{
    return call->client != nullptr && call->event_stream
           && call->use == CallUse::stream;
}

// Some proxies lose a stream's type.
void look_for_stream(CallCtx *call)
{
    if (call->client != nullptr && call->use == CallUse::stream
        && call->status == NGX_HTTP_OK && !is_encoded(call->sr->headers_out)
        && begins_event_stream(call->reply))
    {
        call->event_stream = true;
        events_expect(call->client);
        call->client->pipeline->feed(call->reply);
        std::string().swap(call->reply);
    }
}

bool is_blocked(const CallCtx *call)
{
    return is_fed(call) && chat_is_full(call->client);
}

[[gnu::hot]]
void consume(CallCtx *call, ngx_buf_t *b)
{
    if (ngx_buf_in_memory(b) && b->pos != b->last
        && (!is_alone(call) || call->tail != nullptr))
    {
        std::string_view bytes(reinterpret_cast<char *>(b->pos),
                               static_cast<size_t>(b->last - b->pos));

        if (is_fed(call)) {
            call->client->pipeline->feed(bytes);

        } else if (call->tail != nullptr) {
            call->tail->feed(bytes);
            call_look_for_end(call);

        } else if (call->reply.size() < kMaxReplyBytes) {
            call->reply.append(bytes.substr(0, kMaxReplyBytes
                                                   - call->reply.size()));
            look_for_stream(call);
        }
    }

    b->pos = b->last;
    b->file_pos = b->file_last;
}

}  // namespace

void call_look_for_end(CallCtx *call)
{
    if (call->tail->over()) {
        stop_on_run_ended(call);
    }
}

void call_break(CallCtx *call)
{
    if (call->client != nullptr) {
        call->client->broken = true;
        ngx_post_event(&call->client->wake, &ngx_posted_events);
    }

    call->tail.reset();
}

ReplyHead call_reply_head(const CallCtx *call)
{
    ReplyHead head;

    if (call->sr == nullptr) {
        return head;
    }

    auto &out = call->sr->headers_out;
    head.content_type = view(out.content_type);
    head.content_encoding = reply_header(out, "content-encoding");
    head.location = reply_header(out, "location");
    head.retry_after = reply_header(out, "retry-after");

    ngx_str_t date = borrow(head.retry_after);
    time_t    at = ngx_parse_http_time(date.data, date.len);

    if (at != NGX_ERROR) {
        head.retry_date_in_s = at - ngx_time();
    }

    return head;
}

void call_on_header(CallCtx *call)
{
    auto &out = call->sr->headers_out;

    // A garbage reply is taken as HTTP/0.9 and has status 0.
    call->status = out.status == 0 ? NGX_HTTP_BAD_GATEWAY : out.status;
    call->event_stream = is_event_stream(out);

    // The answer to a form waits for the run's stream to be there.
    if (call->client != nullptr && call->client->form_answer) {
        ngx_post_event(&call->client->wake, &ngx_posted_events);
    }
}

[[gnu::hot]]
ngx_int_t call_on_body(CallCtx *call, ngx_chain_t *in)
{
    auto *pool = call->sr->pool;

    if (is_fed(call)) {
        events_expect(call->client);
    }

    if (call->kept != nullptr || is_blocked(call)) {
        if (in != nullptr && ngx_chain_add_copy(pool, &call->kept, in) != NGX_OK)
        {
            return NGX_ERROR;
        }

        in = nullptr;

        while (call->kept != nullptr && !is_blocked(call)) {
            auto *cl = call->kept;

            consume(call, cl->buf);
            call->kept = cl->next;
            ngx_free_chain(pool, cl);
        }
    }

    for (; in != nullptr; in = in->next) {
        consume(call, in->buf);
    }

    return NGX_OK;
}

}  // namespace opendify::glue
