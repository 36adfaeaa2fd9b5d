// A part with a file as Anthropic, LangChain, the AI SDK and the Responses API
// write it: base64, a data: URL or an address, in a member of the part or of
// one object in it, what it is and its name beside that.

#include <initializer_list>

#include "openai/data_url.hpp"
#include "openai/file_part.hpp"
#include "openai/file_types.hpp"

namespace opendify::openai {

namespace {

using wire::JsonType;
using wire::JsonValue;

// Of the objects that other dialects put around a file, and of the members
// that have it.
constexpr std::string_view kHolders[] = {
    "source", "image_url", "video_url", "audio_url", "image", "video", "audio",
    "file", "document", "file_url",
};
constexpr std::string_view kData64[] = {
    "data",  "base64", "file_data", "fileData",
    "image", "video",  "audio",     "file",
};
constexpr std::string_view kAddresses[] = {
    "url", "file_url", "image_url", "video_url", "audio_url",
};

struct Found {
    JsonValue   value;
    std::string param;
    JsonValue   holder;
    bool        base64 = false;  // it may be
};

Found found_file(JsonValue part, const std::string &param)
{
    Found found{{}, param, part};

    for (std::string_view name : kHolders) {
        if (part[name].is(JsonType::object)) {
            found.holder = part[name];
            found.param.append(".").append(name);
            break;
        }
    }

    auto find_in = [&found](const auto &names, bool base64) {
        for (std::string_view name : names) {
            JsonValue value = found.holder[name];

            if (!found.value && !value.is_null_or_missing()) {
                found.value = value;
                found.param.append(".").append(name);
                found.base64 = base64;
            }
        }
    };

    find_in(kData64, true);
    find_in(kAddresses, false);

    return found;
}

// The first text among these members, of the holder before the part.
std::string_view said(JsonValue part, const Found &found,
                      std::initializer_list<std::string_view> names)
{
    for (JsonValue object : {found.holder, part}) {
        for (std::string_view name : names) {
            if (!object[name].string().empty()) {
                return object[name].string();
            }
        }
    }

    return {};
}

// Sounds have a format instead.
std::string mime_of(JsonValue part, const Found &found)
{
    const std::string_view mime =
        said(part, found, {"media_type", "mime_type", "mediaType", "mimeType"});
    const std::string_view format = said(part, found, {"format"});

    return mime.empty() && !format.empty()
               ? mime_in("audio/" + std::string(format))
               : mime_in(mime);
}

bool read_found(RequestReader &reader, const Found &found, Attachment &file)
{
    const std::string_view text = without_blanks(found.value.string());

    if (found.base64 || has_scheme(text, "data:")) {
        return read_data(reader, text, found.param, file);
    }

    return reader.must_be(found.param, "an http(s) address or a data: URL");
}

}  // namespace

bool has_foreign_file(JsonValue part)
{
    return bool(found_file(part, {}).value);
}

bool read_foreign_file(RequestReader &reader, JsonValue part,
                       std::string param, Attachment &file)
{
    const Found found = found_file(part, param);

    if (!found.value) {
        return reader.must_be(param, "a part with the file itself, in base64, "
                                     "or its http(s) address");
    }

    if (!demand(reader, found.value, found.param)) {
        return false;
    }

    const std::string_view text = without_blanks(found.value.string());
    const std::string_view name =
        said(part, found, {"filename", "file_name", "name", "title"});
    const std::string mime = mime_of(part, found);

    if (is_address(text)) {
        file.url = text;
        file.mime = mime;
        file.name = name_in_url(text);
        file.kind = kind_of_mime(mime, file.kind);
        return true;
    }

    if (!read_found(reader, found, file)) {
        return false;
    }

    if (file.mime.empty()) {
        file.mime = mime;
    }

    if (std::string_view seen = image_mime(file.bytes); !seen.empty()) {
        file.mime = seen;
    }

    file.kind = kind_of_mime(file.mime, file.kind);
    name_file(file, name);
    return true;
}

}  // namespace opendify::openai
