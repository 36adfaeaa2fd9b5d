// The parts that bring a file (openai-api §2.2):
//
//     image_url    an http(s) address, or a data: URL
//     input_audio  base64, wav or mp3
//     file         a data: URL or base64, with a name
//
// A message about a bad one names the member and never quotes its data.

#include <utility>

#include "openai/content_parts.hpp"
#include "openai/data_url.hpp"
#include "openai/file_types.hpp"

namespace opendify::openai {

namespace {

using wire::JsonType;
using wire::JsonValue;

constexpr std::string_view kImage = "image_url";
constexpr std::string_view kAudio = "input_audio";
constexpr std::string_view kFile = "file";
constexpr std::string_view kData = "data:";

struct Part {
    RequestReader     &reader;
    const std::string &param;
    Attachment         file;
};

// A string that is there and not empty.
bool demand(RequestReader &reader, JsonValue value, const std::string &param)
{
    if (value.is_null_or_missing()) {
        return reader.missing(param);
    }

    return !value.string().empty()
           || reader.must_be(param, "a string that is not empty");
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
    if (!decode_data_url(url, file.mime, file.bytes)) {
        return reader.must_be(param,
                              "a data: URL whose data is valid base64");
    }

    return right_size(reader, file, param);
}

bool read_base64(RequestReader &reader, std::string_view text,
                 const std::string &param, Attachment &file)
{
    if (!decode_base64(text, file.bytes)) {
        return reader.must_be(param, "valid base64");
    }

    return right_size(reader, file, param);
}

bool read_image(Part &part, JsonValue value)
{
    RequestReader &reader = part.reader;
    Attachment    &file = part.file;
    std::string    param = part.param + "." + std::string(kImage);

    // Old clients leave the object out.
    if (value.is(JsonType::object)) {
        value = value["url"];
        param += ".url";
    }

    if (!demand(reader, value, param)) {
        return false;
    }

    std::string_view url = value.string();

    if (has_scheme(url, "http://") || has_scheme(url, "https://")) {
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

bool read_audio(Part &part, JsonValue value)
{
    RequestReader &reader = part.reader;
    Attachment    &file = part.file;
    std::string    param = part.param + "." + std::string(kAudio);

    if (!value.is(JsonType::object)) {
        return value.is_null_or_missing()
                   ? reader.missing(param)
                   : reader.must_be(param,
                                    "an object with 'data' and 'format'");
    }

    std::string_view format = value["format"].string();

    if (!demand(reader, value["format"], param + ".format")) {
        return false;
    }

    if (format != "wav" && format != "mp3") {
        return reader.must_be(param + ".format", "'wav' or 'mp3'");
    }

    if (!demand(reader, value["data"], param + ".data")
        || !read_base64(reader, value["data"].string(), param + ".data",
                        file))
    {
        return false;
    }

    file.kind = Attachment::Kind::audio;
    file.mime = format == "wav" ? "audio/wav" : "audio/mpeg";
    name_file(file, {});
    return true;
}

bool read_file(Part &part, JsonValue value)
{
    RequestReader &reader = part.reader;
    Attachment    &file = part.file;
    std::string    param = part.param + "." + std::string(kFile);

    if (!value.is(JsonType::object)) {
        return value.is_null_or_missing()
                   ? reader.missing(param)
                   : reader.must_be(param, "an object with 'file_data'");
    }

    if (!value["file_id"].is_null_or_missing()) {
        return reader.refuse_asked({
            { param + ".file_id", true,
              "send the file itself in 'file_data'" },
        });
    }

    JsonValue data = value["file_data"];
    JsonValue name = value["filename"];

    if (!reader.optional(name, JsonType::string, param + ".filename",
                         "a string")
        || !demand(reader, data, param + ".file_data"))
    {
        return false;
    }

    if (!(has_scheme(data.string(), kData)
              ? read_data_url(reader, data.string(), param + ".file_data",
                              file)
              : read_base64(reader, data.string(), param + ".file_data",
                            file)))
    {
        return false;
    }

    file.kind = kind_of_mime(file.mime, Attachment::Kind::document);
    name_file(file, name.string());
    return true;
}

struct FilePartRow {
    std::string_view type;
    bool (*read)(Part &part, JsonValue value);
};

// What a part says is in the member that is called like its type.
constexpr FilePartRow kParts[] = {
    { kImage, read_image },
    { kAudio, read_audio },
    { kFile,  read_file },
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

    Part part{reader, param, {}};

    if (!row->read(part, value[row->type])) {
        return false;
    }

    part.file.param = param;
    message.files.push_back(std::move(part.file));
    return true;
}

}  // namespace opendify::openai
