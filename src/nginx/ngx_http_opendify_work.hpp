// What takes longer than others should wait: a large body, and the files in
// it.

#ifndef NGX_HTTP_OPENDIFY_WORK_HPP
#define NGX_HTTP_OPENDIFY_WORK_HPP

#include "ngx_opendify.hpp"

#include <optional>

#include "opendify/request_decoder.hpp"

namespace opendify::glue {

struct ClientCtx;

struct WorkLink {
    ngx_queue_t queue;
    ClientCtx  *ctx;
};

// A body on its way to a turn.
struct LargeBody {
    WorkLink                      link = {};
    ngx_chain_t                  *unread = nullptr;  // of what came
    off_t                         at = 0;            // in its first buffer
    size_t                        size = 0;          // of all of it
    std::string                   bytes;
    std::optional<RequestDecoder> decoder;
    Attachment                   *file = nullptr;    // to be put aside
    std::size_t                   written = 0;       // of it
};

bool work_is_large(ngx_http_request_t *r);
// Ends in chat_begin(), or with the request.
void work_start(ClientCtx *ctx);
// The request is over, or in other hands.
void work_stop(ClientCtx *ctx);

}  // namespace opendify::glue

#endif
