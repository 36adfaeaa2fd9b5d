// What Dify takes a file for: by its extension, then by its media type (spec
// dify-api §8.1, §8.2).

#ifndef OPENDIFY_DIFY_FILE_KIND_HPP
#define OPENDIFY_DIFY_FILE_KIND_HPP

#include <string>
#include <string_view>

#include "opendify/app_form.hpp"
#include "opendify/turn.hpp"

namespace opendify::dify {

// Lower case, without the dot; of the name, else of the address; "" if there
// is none.
std::string extension_of(const Attachment &file);

// "image", "audio", "video", "document" or "custom". `form` (may be null)
// decides between the last two and more: "custom" is what an app accepts by
// extension alone.
std::string_view file_type(const Attachment &file, const FileRules *form);

// The media type of a file without one, by its extension.
std::string_view media_type(const Attachment &file);

// Whether the app, or its variable, would take this file: "" or a sentence
// that says what it takes.
std::string file_refusal(const Attachment &file, const FileRules &form);

}  // namespace opendify::dify

#endif
