#include "dify/output_files.hpp"

#include <cstddef>

#include "dify/short_text.hpp"
#include "wire/find_text.hpp"

namespace opendify::dify {

namespace {

using wire::JsonType;
using wire::JsonValue;

constexpr std::size_t kMaxFiles = 100;
constexpr std::size_t kMaxNameChars = 200;
constexpr std::size_t kMaxLinkedBytes = 64 << 10;

// Every event signs an address anew; what stands before is the file.
std::string_view unsigned_address(std::string_view url)
{
    const std::size_t query = url.find('?');
    if (query == std::string_view::npos
        || url.find("sign=", query) == std::string_view::npos) {
        return url;
    }

    return url.substr(0, query);
}

std::string_view last_segment(std::string_view url)
{
    url = url.substr(0, url.find_first_of("?#"));

    return url.substr(url.rfind('/') + 1);
}

std::string_view address_of(JsonValue file)
{
    const std::string_view url = file["url"].string();
    return url.empty() ? file["remote_url"].string() : url;
}

OutputFile output_file(JsonValue file, std::string_view url)
{
    OutputFile out;
    out.url = url;
    out.image = file["type"].string() == "image"
                || file["mime_type"].string().substr(0, 6) == "image/";
    out.name = one_line(file["filename"].string(), kMaxNameChars);
    if (out.name.empty()) {
        out.name = one_line(last_segment(url), kMaxNameChars);
    }

    return out;
}

}  // namespace

bool is_file(JsonValue value)
{
    return value.is(JsonType::object)
           && (value["dify_model_identity"].string() == "__dify__file__"
               || (value["transfer_method"].is(JsonType::string)
                   && (value["url"] || value["remote_url"])));
}

bool is_files(JsonValue value)
{
    if (!value.is(JsonType::array) || value.size() == 0) {
        return is_file(value);
    }

    for (JsonValue item = value.first(); item; item = item.next()) {
        if (!is_file(item)) {
            return false;
        }
    }

    return true;
}

void OutputFiles::message_file(JsonValue event, TurnSink &sink)
{
    const std::string_view url = event["url"].string();
    if (event["belongs_to"].string() == "user" || !is_address(url)
        || !is_new(url)) {
        return;
    }

    const OutputFile file = output_file(event, url);
    TurnEvent        shown{TurnEvent::Kind::file, {}};
    shown.file = &file;
    sink.on_event(shown);
}

void OutputFiles::keep(JsonValue files, bool made_only)
{
    if (!files.is(JsonType::array)) {
        return;
    }

    for (JsonValue file = files.first(); file; file = file.next()) {
        keep_one(file, made_only);
    }
}

void OutputFiles::keep_members(JsonValue outputs)
{
    if (!outputs.is(JsonType::object)) {
        return;
    }

    for (JsonValue value = outputs.first(); value; value = value.next()) {
        if (is_file(value)) {
            keep_one(value, false);

        } else if (is_files(value)) {
            keep(value, false);
        }
    }
}

void OutputFiles::said(std::string_view piece)
{
    if (piece.find("](") != std::string_view::npos
        && linked_.size() + piece.size() <= kMaxLinkedBytes) {
        linked_ += piece;
    }
}

void OutputFiles::show(TurnSink &sink)
{
    for (const OutputFile &file : kept_) {
        const std::string_view address = unsigned_address(file.url);
        if (wire::find_text(linked_, address) != std::string::npos) {
            continue;
        }

        TurnEvent shown{TurnEvent::Kind::file, {}};
        shown.file = &file;
        sink.on_event(shown);
    }

    kept_.clear();
}

void OutputFiles::keep_one(JsonValue file, bool made_only)
{
    const std::string_view url = address_of(file);
    if (file["belongs_to"].string() == "user"
        || (made_only && file["transfer_method"].string() != "tool_file")
        || !is_address(url) || !is_new(url)) {
        return;
    }

    kept_.push_back(output_file(file, url));
}

bool OutputFiles::is_new(std::string_view url)
{
    return seen_.size() < kMaxFiles
           && seen_.insert(std::string(unsigned_address(url))).second;
}

}  // namespace opendify::dify
