// What a turn says to an app that takes one text: the template of
// opendify/backend.hpp.

#ifndef OPENDIFY_DIFY_QUERY_TEXT_HPP
#define OPENDIFY_DIFY_QUERY_TEXT_HPP

#include <cstddef>
#include <string>
#include <string_view>

#include "opendify/backend.hpp"
#include "opendify/turn.hpp"

namespace opendify::dify {

// Nothing but blanks. Dify removes NUL characters, so they count as such.
bool is_blank(std::string_view text);

// Index behind the last assistant message, 0 if there is none.
std::size_t new_turn_at(const Turn &turn);

// All system messages, joined with blank lines; "" if they are blank.
std::string system_text(const Turn &turn);

// Of a call whose turn asks something.
std::string query_text(const ChatCall &call);

}  // namespace opendify::dify

#endif
