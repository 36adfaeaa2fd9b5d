// Replies that are not in Dify's words: of a proxy in front of it, or of
// another server.

#ifndef OPENDIFY_DIFY_FOREIGN_REPLY_HPP
#define OPENDIFY_DIFY_FOREIGN_REPLY_HPP

#include <string>
#include <string_view>

#include "opendify/backend.hpp"

namespace opendify::dify {

// What it means and what to change, "" if the status says it all. Of the
// reply only its kind and, without user, query and odd bytes, its Location
// are told.
std::string foreign_reply_text(int status, std::string_view body,
                               const ReplyHead &head);

// Seconds of Retry-After, a number or a date, 1 to a day; 0 if it is none.
int retry_after_in(const ReplyHead &head);

}  // namespace opendify::dify

#endif
