// Stops: Dify is told to end the run of a client that has left.
//
//     client leaves -> waiting -> on its way -> taken
//                         ^           |
//                         +- pause <--+ not taken: again, a few times
//
// Each worker has one queue, so that stops need no connection at the moment
// when there is none, do not flood Dify when thousands leave at once, and
// outlive the client's request. A worker that ends sends what waits first.

#ifndef NGX_HTTP_OPENDIFY_STOPS_HPP
#define NGX_HTTP_OPENDIFY_STOPS_HPP

#include "ngx_opendify.hpp"

#include "ngx_http_opendify_call.hpp"

namespace opendify::glue {

// The run of `call`, which the client r is about to leave. What cannot be
// queued is counted as lost.
void stop_add(ngx_http_request_t *r, const LocConf *conf,
              BackendRequest &&request, CallCtx *call);

// One could not even be said.
void stop_lost();

// Of the run that the stop is about: Dify has ended it, so a stop that was sent
// is not repeated; or nobody reads it any more.
void stop_on_run_ended(CallCtx *call);
void stop_on_run_gone(CallCtx *call);

// Connections have come free: stops that wait get them first. From an event
// of our own only.
void stops_run();

}  // namespace opendify::glue

#endif
