#include "flow/media_types.hpp"

#include "wire/ascii.hpp"

namespace opendify {

namespace {

using Kind = Attachment::Kind;

// The first row of a mime has the extension for it, the first row of an
// extension its mime and kind.
// clang-format off
constexpr MediaType kTypes[] = {
    { "png",  "image/png",       Kind::image },
    { "jpg",  "image/jpeg",      Kind::image },
    { "jpg",  "image/jpg",       Kind::image },
    { "jpeg", "image/jpeg",      Kind::image },
    { "webp", "image/webp",      Kind::image },
    { "gif",  "image/gif",       Kind::image },
    { "svg",  "image/svg+xml",   Kind::image },

    { "mp3",  "audio/mpeg",      Kind::audio },
    { "mp3",  "audio/mp3",       Kind::audio },
    { "mpga", "audio/mpeg",      Kind::audio },
    { "m4a",  "audio/mp4",       Kind::audio },
    { "m4a",  "audio/x-m4a",     Kind::audio },
    { "wav",  "audio/wav",       Kind::audio },
    { "wav",  "audio/x-wav",     Kind::audio },
    { "wav",  "audio/wave",      Kind::audio },
    { "amr",  "audio/amr",       Kind::audio },

    { "mp4",  "video/mp4",       Kind::video },
    { "mov",  "video/quicktime", Kind::video },
    { "mpeg", "video/mpeg",      Kind::video },
    { "webm", "video/webm",      Kind::video },
    { "webm", "audio/webm",      Kind::audio },

    { "txt",      "text/plain",      Kind::document },
    { "md",       "text/markdown",   Kind::document },
    { "md",       "text/x-markdown", Kind::document },
    { "markdown", "text/markdown",   Kind::document },
    { "mdx",      "text/mdx",        Kind::document },
    { "pdf",      "application/pdf", Kind::document },
    { "html",     "text/html",       Kind::document },
    { "htm",      "text/html",       Kind::document },
    { "csv",      "text/csv",        Kind::document },
    { "vtt",      "text/vtt",        Kind::document },
    { "xml",      "application/xml", Kind::document },
    { "xml",      "text/xml",        Kind::document },
    { "epub",     "application/epub+zip",          Kind::document },
    { "eml",      "message/rfc822",                Kind::document },
    { "msg",      "application/vnd.ms-outlook",    Kind::document },
    { "doc",      "application/msword",            Kind::document },
    { "xls",      "application/vnd.ms-excel",      Kind::document },
    { "ppt",      "application/vnd.ms-powerpoint", Kind::document },
    { "docx", "application/vnd.openxmlformats-officedocument"
              ".wordprocessingml.document",        Kind::document },
    { "xlsx", "application/vnd.openxmlformats-officedocument"
              ".spreadsheetml.sheet",              Kind::document },
    { "pptx", "application/vnd.openxmlformats-officedocument"
              ".presentationml.presentation",      Kind::document },
    { "properties", "text/x-java-properties",      Kind::document },
};
// clang-format on

constexpr std::size_t kMaxExtensionBytes = 16;

}  // namespace

std::string_view kind_name(Kind kind)
{
    switch (kind) {
    case Kind::image:
        return "image";

    case Kind::audio:
        return "audio";

    case Kind::video:
        return "video";

    case Kind::document:
        break;
    }

    return "document";
}

std::string_view extension_in(std::string_view name)
{
    const std::size_t dot = name.rfind('.');

    if (dot == std::string_view::npos || dot == 0
        || name.size() - dot - 1 > kMaxExtensionBytes)
    {
        return {};
    }

    return name.substr(dot + 1);
}

const MediaType *media_type_of_mime(std::string_view mime)
{
    for (const MediaType &row : kTypes) {
        if (row.mime == mime) {
            return &row;
        }
    }

    return nullptr;
}

const MediaType *media_type_of_extension(std::string_view extension)
{
    const std::string lower = wire::lower_case(extension);

    for (const MediaType &row : kTypes) {
        if (row.extension == lower) {
            return &row;
        }
    }

    return nullptr;
}

}  // namespace opendify
