// A file on its way to the backend (spec dify-api §8.1): multipart/form-data
// as RFC 7578 has it, the user first, then the file.

#include <algorithm>
#include <cstdint>
#include <string>

#include "dify/file_kind.hpp"
#include "flow/media_types.hpp"
#include "opendify/backend.hpp"
#include "opendify/fingerprint.hpp"
#include "opendify/limits.hpp"
#include "opendify/line_text.hpp"
#include "wire/ascii.hpp"
#include "wire/json_reader.hpp"
#include "wire/utf8.hpp"

namespace opendify {

namespace {

constexpr std::size_t kMaxName = 200;  // bytes
constexpr std::size_t kMaxId = 128;

constexpr std::string_view kNotInName = "\"/\\";
constexpr std::string_view kReplacement = "\xef\xbf\xbd";

bool is_letter_or_digit(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
           || (c >= '0' && c <= '9');
}

// As the user stands in JSON, or it would be another user.
std::string lossy(std::string_view bytes)
{
    std::string out;
    out.reserve(bytes.size());

    for (std::size_t i = 0; i < bytes.size();) {
        const wire::Utf8Unit unit = wire::utf8_unit(bytes, i);
        out += unit.valid ? bytes.substr(i, unit.size) : kReplacement;
        i += unit.size;
    }

    return out;
}

// Bytes of `text`, cut between characters.
std::size_t cut_at(std::string_view text, std::size_t size)
{
    while (size > 0 && size < text.size()
           && (static_cast<unsigned char>(text[size]) & 0xc0) == 0x80) {
        size--;
    }

    return std::min(size, text.size());
}

// One that may stand between quotes and that Dify takes. The extension, by
// which it judges, outlives a cut.
std::string file_name(const Attachment &file)
{
    const std::string      said = lossy(file.name);
    const std::string_view view = said;
    std::string            name;

    for (std::size_t at = 0; at < view.size();) {
        const LinePiece piece = line_piece(view, at);
        const bool stays = piece.fits && kNotInName.find(view[at]) == view.npos;

        name += stays ? view.substr(at, piece.size) : "_";
        at += piece.size;
    }

    if (name.find_first_not_of(" .") == std::string::npos) {
        return "file";
    }

    if (name.size() > kMaxName) {
        const std::string extension = wire::lower_case(extension_in(name));
        const std::string end = extension.empty() ? "" : "." + extension;
        name.resize(cut_at(name, kMaxName - end.size()));
        name += end;
    }

    return name;
}

// type "/" subtype without parameters, in characters that RFC 6838 §4.2 has.
bool is_media_type(std::string_view text)
{
    const std::size_t slash = text.find('/');

    return slash != std::string_view::npos && slash > 0
           && slash + 1 < text.size() && text.size() <= 127
           && std::all_of(text.begin(), text.end(),
                          [](char c) {
                              return is_letter_or_digit(c)
                                     || std::string_view("!#$&^_.+-/").find(c)
                                            != std::string_view::npos;
                          })
           && text.find('/', slash + 1) == std::string_view::npos;
}

std::string media_type(const Attachment &file)
{
    std::string_view mime =
        std::string_view(file.mime).substr(0, file.mime.find(';'));
    while (!mime.empty() && mime.back() == ' ') {
        mime.remove_suffix(1);
    }

    return std::string(is_media_type(mime) ? mime : dify::media_type(file));
}

// A hash of what it must not occur in: nobody writes what has its own hash in
// it. Another one should the user's name have it, who is not hashed.
std::string boundary_for(const Digest &content, std::string_view user)
{
    constexpr char kHex[] = "0123456789abcdef";

    const std::string_view bytes(
        reinterpret_cast<const char *>(content.data()), content.size());

    for (std::string salt;; salt += '+') {
        std::string boundary = "opendify-";
        for (const std::uint8_t byte : digest_of({bytes, salt})) {
            boundary += kHex[byte >> 4];
            boundary += kHex[byte & 15];
        }

        if (user.find(boundary) == std::string_view::npos) {
            return boundary;
        }
    }
}

bool is_id(std::string_view text)
{
    return !text.empty() && text.size() <= kMaxId
           && std::all_of(text.begin(), text.end(), [](char c) {
                  return is_letter_or_digit(c) || c == '-' || c == '_';
              });
}

}  // namespace

BackendRequest encode_upload_call(Attachment &file, std::string_view user)
{
    const std::string who = lossy(user);
    const Digest      content =
        file.content ? *file.content : digest_of({file.bytes});
    const std::string boundary = boundary_for(content, who);

    BackendRequest request;
    request.post = true;
    request.path = "/files/upload";
    request.content_type = "multipart/form-data; boundary=" + boundary;

    std::string &body = request.body;
    body.append("--").append(boundary).append(
        "\r\nContent-Disposition: form-data; name=\"user\"\r\n\r\n");
    body.append(who).append("\r\n--").append(boundary);
    body.append("\r\nContent-Disposition: form-data; name=\"file\"; "
                "filename=\"");
    body.append(file_name(file)).append("\"\r\nContent-Type: ");
    body.append(media_type(file)).append("\r\n\r\n");
    request.payload = std::move(file.bytes);
    request.spool = file.spool;
    request.spooled = file.spooled;
    request.tail.append("\r\n--").append(boundary).append("--\r\n");
    file.bytes.clear();

    return request;
}

Result<std::string> decode_upload_reply(int status, std::string_view body,
                                        const ReplyHead &head)
{
    wire::JsonDocument doc;
    if ((status == 200 || status == 201)
        && doc.parse_python(body, Limits{}.max_json_depth)
        && is_id(doc.root()["id"].string())) {
        return std::string(doc.root()["id"].string());
    }

    Failure failure = decode_error_reply(status, body, head);
    if (failure.errc != Errc::backend_rejected) {
        return failure;
    }

    failure.errc = Errc::bad_value;
    if (status == 413) {  // Dify's own words: "File size exceeded. {message}"
        failure.message = "The file is larger than the backend allows.";

    } else if (status == 415) {
        failure.message = "The backend does not take files of this type.";
    }

    return failure;
}

}  // namespace opendify
