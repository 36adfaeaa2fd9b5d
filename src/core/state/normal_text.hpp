// What a person asked, without what a chat client put around it and takes
// away again one turn later.

#ifndef OPENDIFY_STATE_NORMAL_TEXT_HPP
#define OPENDIFY_STATE_NORMAL_TEXT_HPP

#include <string_view>

namespace opendify::state {

// A question over documents is sent as
//
//     ### Task: ...           instructions, in any language
//     <context>               some tag, or none
//     <source id="1" ...>...</source>
//     </context>
//     <attached_files>...</attached_files>
//     the question
//
// and comes back without the part up to </context>. Instructions are
// anybody's, the sources are written by the client's code: the wrapper ends
// with the last of them and the closing tags behind it, or with the last
// line "</context>" if the text begins with a heading or has sources. Both
// need something that follows.
bool is_wrapped(std::string_view text);

// The question, without the wrapper and without the lists of files before it.
// A view of the end of `text`.
std::string_view asked_text(std::string_view text);

}  // namespace opendify::state

#endif
