// The parts that bring a file (openai-api §2.2):
//
//     image_url    an http(s) address, or a data: URL
//     input_audio  base64, wav or mp3
//     file         a data: URL or base64, with a name
//
// and those of other dialects, which have the same in members of their own.
//
// A message about a bad one names the member and never quotes its data.

#include <utility>

#include "openai/content_parts.hpp"
#include "openai/data_url.hpp"
#include "openai/file_part.hpp"
#include "openai/file_types.hpp"

namespace opendify::openai {

namespace {

using wire::JsonType;
using wire::JsonValue;

constexpr std::string_view kData = "data:";

bool demand_object(RequestReader &reader, JsonValue value,
                   const std::string &param)
{
    if (value.is_null_or_missing()) {
        return reader.missing(param);
    }

    return value.is(JsonType::object) || reader.must_be(param, "an object");
}

// Neither nothing nor too much came out.
bool right_size(RequestReader &reader, const Attachment &file,
                const std::string &param)
{
    if (file.bytes.empty()) {
        return reader.must_be(param, "data of at least one byte");
    }

    return file.bytes.size() <= reader.limits.max_file_bytes
           || reader.must_be(param,
                             "at most "
                             + std::to_string(reader.limits.max_file_bytes)
                             + " bytes of data");
}

bool read_data_url(RequestReader &reader, std::string_view url,
                   const std::string &param, Attachment &file)
{
    DataUrl parts;
    bool    read = split_data_url(url, parts);

    if (read && !parts.base64) {
        file.bytes = parts.data;

    } else if (read) {
        read = parts.plain.empty()
                   ? reader.decode_base64(parts.data, file.bytes)
                   : decode_base64(parts.data, file.bytes);
    }

    if (!read) {
        return reader.must_be(param,
                              "a data: URL whose data is valid base64");
    }

    file.mime = parts.mime;

    return right_size(reader, file, param);
}

bool read_base64(RequestReader &reader, std::string_view text,
                 const std::string &param, Attachment &file)
{
    if (!reader.decode_base64(text, file.bytes)) {
        return reader.must_be(param, "valid base64");
    }

    return right_size(reader, file, param);
}

}  // namespace

bool demand(RequestReader &reader, JsonValue value, const std::string &param)
{
    if (value.is_null_or_missing()) {
        return reader.missing(param);
    }

    return !value.string().empty()
           || reader.must_be(param, "a string that is not empty");
}

bool read_data(RequestReader &reader, std::string_view text,
               const std::string &param, Attachment &file)
{
    text = without_blanks(text);

    return has_scheme(text, kData) ? read_data_url(reader, text, param, file)
                                   : read_base64(reader, text, param, file);
}

bool is_address(std::string_view text)
{
    return has_scheme(text, "http://") || has_scheme(text, "https://");
}

namespace {

bool read_image_url(RequestReader &reader, std::string_view url,
                    const std::string &param, Attachment &file)
{
    url = without_blanks(url);

    if (is_address(url)) {
        file.url = url;
        file.name = name_in_url(url);
        return true;
    }

    if (!has_scheme(url, kData)) {
        return reader.must_be(param, "an http(s) address or a data: URL");
    }

    if (!read_data_url(reader, url, param, file)) {
        return false;
    }

    if (std::string_view seen = image_mime(file.bytes); !seen.empty()) {
        file.mime = seen;
    }

    file.kind = kind_of_mime(file.mime, Attachment::Kind::image);
    name_file(file, {});
    return true;
}

bool read_image(RequestReader &reader, JsonValue part, std::string param,
                Attachment &file)
{
    JsonValue value = part["image_url"];

    if (value.is_null_or_missing() && has_foreign_file(part)) {
        return read_foreign_file(reader, part, param, file);
    }

    param += ".image_url";

    // Old clients leave the object out.
    if (value.is(JsonType::object)) {
        value = value["url"];
        param += ".url";
    }

    return demand(reader, value, param)
           && read_image_url(reader, value.string(), param, file);
}

bool is_data_url(JsonValue value)
{
    return has_scheme(without_blanks(value.string()), kData);
}

// A data: URL that says itself what it is.
bool read_whole(RequestReader &reader, JsonValue value,
                const std::string &param, Attachment &file)
{
    if (!read_data(reader, value.string(), param, file)) {
        return false;
    }

    file.kind = kind_of_mime(file.mime, file.kind);
    name_file(file, {});
    return true;
}

bool read_audio(RequestReader &reader, JsonValue part, std::string param,
                Attachment &file)
{
    JsonValue value = part["input_audio"];

    if (value.is_null_or_missing() && part["data"]) {
        value = part;

    } else {
        param += ".input_audio";
    }

    if (is_data_url(value["data"]) && value["format"].is_null_or_missing()) {
        file.kind = Attachment::Kind::audio;
        return read_whole(reader, value["data"], param + ".data", file);
    }

    if (!demand_object(reader, value, param)
        || !demand(reader, value["format"], param + ".format"))
    {
        return false;
    }

    std::string_view format = value["format"].string();

    if (format != "wav" && format != "mp3") {
        return reader.must_be(param + ".format", "'wav' or 'mp3'");
    }

    param += ".data";

    if (!demand(reader, value["data"], param)
        || !read_data(reader, value["data"].string(), param, file))
    {
        return false;
    }

    file.kind = Attachment::Kind::audio;
    file.mime = format == "wav" ? "audio/wav" : "audio/mpeg";
    name_file(file, {});
    return true;
}

// Whether a file is not where OpenAI has it: beside `value`, under another
// name in there, or an address.
bool is_foreign(JsonValue part, JsonValue value)
{
    if (value.is(JsonType::string)) {
        return is_data_url(value) || is_address(without_blanks(value.string()));
    }

    JsonValue data = value["file_data"];

    return part["file_id"].is_null_or_missing()
           && value["file_id"].is_null_or_missing()
           && (data.is_null_or_missing()
               || is_address(without_blanks(data.string())));
}

bool read_file(RequestReader &reader, JsonValue part, std::string param,
               Attachment &file)
{
    JsonValue value = part["file"];

    if (is_foreign(part, value) && has_foreign_file(part)) {
        return read_foreign_file(reader, part, param, file);
    }

    param += ".file";

    if (!demand_object(reader, value, param)
        || !reader.refuse_asked({
               { param + ".file_id", !value["file_id"].is_null_or_missing(),
                 "send the file itself in 'file_data'" },
           })
        || !reader.optional(value["filename"], JsonType::string,
                            param + ".filename", "a string"))
    {
        return false;
    }

    JsonValue data = value["file_data"];
    param += ".file_data";

    if (!demand(reader, data, param)
        || !read_data(reader, data.string(), param, file))
    {
        return false;
    }

    file.kind = kind_of_mime(file.mime, Attachment::Kind::document);
    name_file(file, value["filename"].string());
    return true;
}

struct FilePartRow {
    std::string_view type;
    Attachment::Kind kind;  // if its mime says no other
    bool (*read)(RequestReader &reader, JsonValue part, std::string param,
                 Attachment &file);
};

constexpr FilePartRow kParts[] = {
    { "image_url",   Attachment::Kind::image,    read_image },
    { "input_audio", Attachment::Kind::audio,    read_audio },
    { "file",        Attachment::Kind::document, read_file },
    { "input_image", Attachment::Kind::image,    read_foreign_file },
    { "image",       Attachment::Kind::image,    read_foreign_file },
    { "video_url",   Attachment::Kind::video,    read_foreign_file },
    { "input_video", Attachment::Kind::video,    read_foreign_file },
    { "video",       Attachment::Kind::video,    read_foreign_file },
    { "audio_url",   Attachment::Kind::audio,    read_foreign_file },
    { "audio",       Attachment::Kind::audio,    read_foreign_file },
    { "input_file",  Attachment::Kind::document, read_foreign_file },
    { "file_url",    Attachment::Kind::document, read_foreign_file },
    { "document",    Attachment::Kind::document, read_foreign_file },
};

const FilePartRow *part_row(std::string_view type)
{
    for (const FilePartRow &row : kParts) {
        if (row.type == type) {
            return &row;
        }
    }

    return nullptr;
}

}  // namespace

bool is_file_part(std::string_view type)
{
    return part_row(type) != nullptr;
}

bool read_file_part(RequestReader &reader, JsonValue value,
                    const std::string &param, Message &message)
{
    const FilePartRow *row = part_row(value["type"].string());

    if (reader.files++ >= reader.limits.max_files) {
        return reader.must_be(param,
                              "left out: a request may have at most "
                              + std::to_string(reader.limits.max_files)
                              + " files");
    }

    Attachment &file = message.files.emplace_back();
    file.param = param;
    file.kind = row->kind;

    if (row->read(reader, value, param, file)) {
        return true;
    }

    if (reader.late.empty()) {
        return false;
    }

    reader.late_files.push_back({value, reader.turn.messages.size() - 1,
                                 message.files.size() - 1, reader.late});
    reader.late = {};
    return true;
}

bool read_late_file(RequestReader &reader, const LateFile &late)
{
    const FilePartRow *row = part_row(late.part["type"].string());
    Attachment &file = reader.turn.messages[late.message].files[late.file];
    const std::string  param = file.param;

    return row->read(reader, late.part, param, file);
}

}  // namespace opendify::openai
