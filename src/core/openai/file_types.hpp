// What kind of file it is, and how it must be called so that Dify, which
// judges by the extension, sees the same (spec dify-api §8.1).

#ifndef OPENDIFY_OPENAI_FILE_TYPES_HPP
#define OPENDIFY_OPENAI_FILE_TYPES_HPP

#include <string>
#include <string_view>

#include "opendify/turn.hpp"

namespace opendify::openai {

// Fits a file whose bytes, mime and kind are known as far as anybody said.
// `said_name` may be a path, or empty: then the file is called after its kind.
// The name gets an extension if it has none and the type is known.
void name_file(Attachment &file, std::string_view said_name);

// The last segment of the path of an http(s) address if it has a known
// extension, else "".
std::string name_in_url(std::string_view url);

// By the first bytes: clients call any picture a JPEG. "" if they say nothing.
std::string_view image_mime(std::string_view bytes);

// By the mime; `otherwise` if that says nothing.
Attachment::Kind kind_of_mime(std::string_view mime,
                              Attachment::Kind otherwise);

}  // namespace opendify::openai

#endif
