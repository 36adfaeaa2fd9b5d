#include "openai/file_types.hpp"

#include <algorithm>
#include <iterator>

#include "flow/media_types.hpp"
#include "openai/cut_text.hpp"
#include "wire/percent.hpp"

namespace opendify::openai {

namespace {

using Kind = Attachment::Kind;

constexpr std::string_view kUntold = "application/octet-stream";

// Dify cuts names above 200 characters, the extension too.
constexpr std::size_t kMaxNameBytes = 200;

// Dify refuses names with slashes; control characters help nobody.
std::string clean_name(std::string_view said)
{
    const std::size_t slash = said.find_last_of("/\\");
    std::string       name;

    if (slash != std::string_view::npos) {
        said.remove_prefix(slash + 1);
    }

    std::copy_if(said.begin(), said.end(), std::back_inserter(name),
                 [](char c) {
                     return static_cast<unsigned char>(c) >= 0x20
                            && c != 0x7f;
                 });

    if (name.size() > kMaxNameBytes) {
        std::string extension(extension_in(name));
        const bool  has = !extension.empty();

        name.resize(
            cut_text(name, kMaxNameBytes - extension.size() - has).size());
        name.append(has ? "." : "").append(extension);
    }

    return name.find_first_not_of(". ") == std::string::npos ? "" : name;
}

}  // namespace

void name_file(Attachment &file, std::string_view said_name)
{
    file.name = clean_name(said_name);

    const MediaType *by_name = media_type_of_extension(extension_in(file.name));
    const MediaType *by_mime = media_type_of_mime(file.mime);

    if (by_name != nullptr
        && (by_mime == nullptr || by_mime->extension != by_name->extension))
    {
        file.kind = by_name->kind;
        file.mime = by_name->mime;
    }

    if (file.name.empty()) {
        file.name = file.kind == Kind::document ? "file"
                                                : kind_name(file.kind);
    }

    if (by_mime != nullptr && extension_in(file.name).empty()) {
        file.name.append(".").append(by_mime->extension);
    }
}

std::string name_in_url(std::string_view url)
{
    url = url.substr(0, url.find_first_of("?#"));

    const std::size_t host = url.find("//");
    const std::size_t slash = url.rfind('/');

    if (host == std::string_view::npos || slash < host + 2) {
        return {};
    }

    std::string name =
        clean_name(wire::percent_decoded(url.substr(slash + 1)));

    return media_type_of_extension(extension_in(name)) != nullptr ? name : "";
}

std::string_view image_mime(std::string_view bytes)
{
    const auto begins = [bytes](std::string_view magic, std::size_t at = 0) {
        return bytes.size() >= at
               && bytes.substr(at, magic.size()) == magic;
    };

    if (begins("\x89PNG\r\n\x1a\n")) {
        return "image/png";
    }

    if (begins("\xff\xd8\xff")) {
        return "image/jpeg";
    }

    if (begins("GIF87a") || begins("GIF89a")) {
        return "image/gif";
    }

    if (begins("RIFF") && begins("WEBP", 8)) {
        return "image/webp";
    }

    return {};
}

Attachment::Kind kind_of_mime(std::string_view mime, Kind otherwise)
{
    if (mime.empty() || mime == kUntold) {
        return otherwise;
    }

    const std::string_view family = mime.substr(0, mime.find('/'));

    return family == "image"   ? Kind::image
           : family == "audio" ? Kind::audio
           : family == "video" ? Kind::video
                               : Kind::document;
}

}  // namespace opendify::openai
