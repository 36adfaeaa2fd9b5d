// Events of a stream that are not one JSON document each: several that were
// glued together, as the empty line between them was lost, and broken ones.

#include <algorithm>
#include <utility>

#include "dify/decode_stream.hpp"
#include "wire/utf8.hpp"

namespace opendify::dify {

namespace {

constexpr std::string_view kField = "data:";
constexpr std::string_view kDone = "[DONE]";  // of a gateway on the way
constexpr std::string_view kBlanks = " \t";

bool starts_with(std::string_view text, std::string_view prefix)
{
    return text.substr(0, prefix.size()) == prefix;
}

bool ends_with(std::string_view text, std::string_view suffix)
{
    return text.size() >= suffix.size()
           && text.substr(text.size() - suffix.size()) == suffix;
}

std::string_view without_blanks_behind(std::string_view text)
{
    return text.substr(0, text.find_last_not_of(kBlanks) + 1);
}

// Does an event begin at the "{"? Dify writes its name first, and within a
// string of JSON the name's quotes would be escaped.
bool begins_event(std::string_view data, std::size_t brace)
{
    const std::string_view before = data.substr(0, brace);

    if (before.empty() || before.back() == '\n') {
        return true;
    }

    return starts_with(data.substr(brace), "{\"event\"")
           && (before.back() == '}'
               || ends_with(without_blanks_behind(before), kField));
}

std::size_t next_event(std::string_view data, std::size_t from)
{
    std::size_t at = data.find('{', from);

    while (at < data.size() && !begins_event(data, at)) {
        at = data.find('{', at + 1);
    }

    return std::min(at, data.size());
}

// A field's name that was not read as one stands behind the event.
std::string_view without_field(std::string_view event)
{
    const std::string_view bare = without_blanks_behind(event);

    return ends_with(bare, kField)
               ? bare.substr(0, bare.size() - kField.size())
               : event;
}

// How many bytes begin a character and end with their text: "\xf0\x9f\"".
std::size_t cut_size(std::string_view bytes)
{
    const auto lead = static_cast<unsigned char>(bytes[0]);
    const auto unit = wire::utf8_unit(bytes, 0);

    return !unit.valid && lead >= 0xc2 && lead <= 0xf4
                   && bytes.substr(unit.size, 1) == "\""
               ? unit.size
               : 0;
}

// Each byte that is none of UTF-8's becomes U+FFFD, but for a character that
// the end of a text has cut: its bytes go to `half`, and the next text begins
// with the rest.
std::string made_utf8(std::string_view bytes, std::string &half)
{
    std::string before = std::exchange(half, {});
    std::string out;
    out.reserve(bytes.size() + before.size());

    for (std::size_t at = 0; at < bytes.size();) {
        const wire::Utf8Unit   unit = wire::utf8_unit(bytes, at);
        const std::string_view rest = bytes.substr(at);

        if (unit.valid) {
            out += rest.substr(0, unit.size);
            at += unit.size;
            continue;
        }

        const bool        begins = !out.empty() && out.back() == '"';
        const std::size_t had = begins ? before.size() : 0;
        std::string       whole = before.substr(0, had);
        whole += rest.substr(0, 4);

        const wire::Utf8Unit joined = wire::utf8_unit(whole, 0);
        const std::size_t    size = joined.valid ? joined.size
                                                 : cut_size(whole);

        if (size > had) {
            whole.resize(size);
            joined.valid ? out += whole : half = whole;
            at += size - had;
            before.clear();

        } else {
            out += "\xef\xbf\xbd";
            at += unit.size;
        }
    }

    return out;
}

}  // namespace

void StreamDecoder::on_document(std::string_view data)
{
    if (on_json(data)) {
        cut_bytes_.clear();
        return;
    }

    stirred_ = true;

    if (data.empty()) {
        skipped_++;
        return;
    }

    if (wire::is_utf8(data)) {
        on_unclear(data);
        return;
    }

    const std::string text = made_utf8(data, cut_bytes_);

    if (!on_json(text)) {
        on_unclear(text);
    }

    // What completes it has to be read as a document, too.
    if (!cut_bytes_.empty()) {
        frequent_.forget();
    }
}

// False if it is none.
bool StreamDecoder::on_json(std::string_view data)
{
    // Not kept: a stream may wait long, and an event be large.
    wire::JsonDocument document;

    if (!document.parse_python(data, max_depth_)) {
        return false;
    }

    if (document.root().is(wire::JsonType::object)) {
        on_object(data, document.root());

    } else {
        stirred_ = true;
        skipped_++;
    }

    return true;
}

// Each event of them for itself.
void StreamDecoder::on_unclear(std::string_view data)
{
    std::size_t next;

    for (std::size_t at = 0; at < data.size() && !over_; at = next) {
        next = next_event(data, at + 1);

        const std::string_view event =
            without_field(data.substr(at, next - at));

        glued_ += next < data.size() ? 1 : 0;

        if (!on_json(event)) {
            on_broken(event);
        }
    }
}

// The same of a text that was cut at its end: what is lost there may have
// been anything if it was more than one event.
void StreamDecoder::on_cut_data(std::string_view data)
{
    std::size_t last = 0;

    for (std::size_t at = next_event(data, 1); at < data.size();
         at = next_event(data, at + 1)) {
        last = at;
    }

    if (last == 0) {
        on_cut(data);
        return;
    }

    glued_++;
    on_unclear(without_field(data.substr(0, last)));

    if (!over_) {
        fail({Errc::event_too_large,
              "Events without an empty line between them are larger than "
              "this server accepts.",
              {},
              {}});
    }
}

// What may have told a piece of the answer is not passed over.
void StreamDecoder::on_broken(std::string_view event)
{
    event.remove_prefix(
        std::min(event.find_first_not_of(kBlanks), event.size()));

    const std::string_view name = head_string(event, "event");
    const Meaning          meaning = meaning_of(name);

    skipped_++;

    if (starts_with(event, kDone)) {
        return;
    }

    broken_++;

    const bool tells = meaning == Meaning::text || meaning == Meaning::chunk
                       || meaning == Meaning::replace
                       || meaning == Meaning::replace_chunk
                       || (meaning == Meaning::file
                           && head_has(event, "answer"));
    const bool again = name == "message" && !spoken_.empty();

    if (tells && !again && !closing_) {
        fail({Errc::backend_failed,
              "A piece of the answer could not be read: the backend's event "
              "is no JSON.",
              {},
              {}});
    }
}

}  // namespace opendify::dify
