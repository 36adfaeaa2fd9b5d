// A request of the administration on its way: it goes through the zone in
// pieces, and other events come between.

#ifndef NGX_HTTP_OPENDIFY_ADMIN_HPP
#define NGX_HTTP_OPENDIFY_ADMIN_HPP

#include "ngx_http_opendify_client.hpp"

#include "opendify/conversation_admin.hpp"

namespace opendify::glue {

struct Job {
    ngx_http_request_t              *r = nullptr;
    std::optional<ConversationAdmin> admin;
    std::uint32_t                    from = 0;
    Found                            found;  // last
    bool                             dirty = false;  // files have what is gone
    ngx_event_t                      next = {};

    // What is deleted at Dify first.
    LocConf            conf = {};  // names where that is
    CallCtx           *call = nullptr;
    bool               calling = false;
    bool               halted = false;  // Dify does not answer
};

// Goes on with what is deleted at Dify first, which is one at a time. True
// when it is over: done, full, or Dify does not answer.
bool erase_run(Job *job, Zone zone);

}  // namespace opendify::glue

#endif
