// The kinds of files that Dify knows (spec dify-api §8.1), by extension and by
// media type.

#ifndef OPENDIFY_FLOW_MEDIA_TYPES_HPP
#define OPENDIFY_FLOW_MEDIA_TYPES_HPP

#include <string_view>

#include "opendify/turn.hpp"

namespace opendify {

struct MediaType {
    std::string_view extension;  // lower case, without the dot
    std::string_view mime;
    Attachment::Kind kind;
};

// "image", "audio", "video", "document".
std::string_view kind_name(Attachment::Kind kind);

// Of a file's name, as it stands and without the dot; "" if there is none.
std::string_view extension_in(std::string_view name);

// Null if it is none of them. The extension's case does not count.
const MediaType *media_type_of_mime(std::string_view mime);
const MediaType *media_type_of_extension(std::string_view extension);

}  // namespace opendify

#endif
