// Which requests are a chat client's own: it asks for a title, tags, the next
// questions, a search query, the end of a sentence, a summary, one answer
// made of several. They look like a first question of the person's.

#ifndef OPENDIFY_AUXILIARY_HPP
#define OPENDIFY_AUXILIARY_HPP

#include <string_view>

#include "opendify/turn.hpp"

namespace opendify {

// What a client says of the request; both empty if it says nothing. A
// placeholder that nobody filled in ("{{TASK}}") says nothing.
struct AuxiliaryHints {
    std::string_view task;        // only its own requests have one
    std::string_view message_id;  // only a person's questions have one
};

// Without a hint the shape decides, then the text. A request that offers
// tools, brings files, is asked over documents or has a history is a
// person's, but for the few that are known by their first words. Of the
// others those that are not streamed are the client's if the text
//
//     holds a transcript (a block <chat_history>, lines that begin with
//     "USER: " or "ASSISTANT:") and names the member of the JSON that the
//     client reads: true of every template that works, in any language; or
//     ends with a block <chat_history>; or
//     has lines of both speakers.
//
// What is quoted, indented or in a code fence is no transcript. A person who
// has streaming and tools switched off and begins a chat with a bare
// transcript is taken for the client.
bool is_auxiliary(const Turn &turn, const AuxiliaryHints &hints);

}  // namespace opendify

#endif
