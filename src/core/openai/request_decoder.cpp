#include "opendify/request_decoder.hpp"

#include <algorithm>
#include <optional>
#include <string_view>

#include "openai/content_parts.hpp"
#include "openai/data_url.hpp"
#include "openai/request_reader.hpp"
#include "opendify/content_coding.hpp"
#include "state/sha256.hpp"
#include "wire/json_reader.hpp"

namespace opendify {

namespace {

// The members that may have many values.
constexpr std::string_view kLarge[] = {
    "messages", "prompt", "inputs", "metadata",
};

wire::JsonBounds bounds_of(const Limits &limits)
{
    wire::JsonBounds bounds;

    bounds.max_depth = limits.max_json_depth;
    bounds.max_values = limits.max_json_values;
    bounds.large = kLarge;
    bounds.large_count = sizeof(kLarge) / sizeof(kLarge[0]);

    return bounds;
}

// UTF-16 or UTF-32: by the mark, or as JSON starts with two ASCII characters.
bool is_wide(std::string_view body)
{
    const std::string_view start = body.substr(0, 2);

    return start == "\xff\xfe" || start == "\xfe\xff"
           || start.find('\0') != start.npos;
}

}  // namespace

std::optional<Failure> refuse_coding(std::string_view codings)
{
    if (is_identity(codings)) {
        return std::nullopt;
    }

    return Failure{Errc::unsupported_coding,
                   "The request body is compressed (Content-Encoding). Send it "
                   "as it is: this server reads no compressed bodies.",
                   "", ""};
}

struct RequestDecoder::Impl {
    enum class Stage { json, members, data, hash, over };

    Impl(RequestKind request, std::string &&body, const Limits &bounds)
        : kind(request), limits(bounds), wide(is_wide(body)), reader(limits)
    {
        reader.may_be_late = true;
        document.begin(std::move(body), bounds_of(limits));
    }

    void on_json();
    void on_members();
    void next_file();
    void on_data(std::size_t bytes);
    void on_hash(std::size_t bytes);
    void fail();

    const openai::LateFile &late() const { return reader.late_files[next]; }
    Attachment &file()
    {
        return reader.turn.messages[late().message].files[late().file];
    }

    RequestKind            kind;
    Limits                 limits;
    bool                   wide;  // before the body is taken
    Stage                  stage = Stage::json;
    wire::JsonDocument     document;
    openai::RequestReader  reader;
    bool                   failed = false;

    std::size_t                  next = 0;  // of the late files
    std::size_t                  at = 0;    // in its data
    openai::Base64Decoder        base64;
    std::optional<state::Sha256> hash;
    Attachment                  *large = nullptr;
};

void RequestDecoder::Impl::fail()
{
    failed = true;
    stage = Stage::over;
}

void RequestDecoder::Impl::on_json()
{
    if (document.root()) {
        stage = Stage::members;
        return;
    }

    if (document.too_many()) {
        reader.refuse(Errc::body_too_large, "",
                      "The request has more than the "
                          + std::to_string(limits.max_json_values)
                          + " JSON values that this server takes "
                            "(opendify_max_json_values).");

    } else if (wide) {
        reader.refuse(Errc::bad_json, "",
                      "The request body is in UTF-16 or UTF-32: send it in "
                      "UTF-8.");

    } else {
        reader.refuse(Errc::bad_json, "",
                      "The request body could not be read as JSON. Send one "
                      "JSON object in UTF-8, nested at most "
                          + std::to_string(limits.max_json_depth)
                          + " levels deep.");
    }

    fail();
}

void RequestDecoder::Impl::on_members()
{
    if (!openai::read_request(reader, document.root(),
                              kind == RequestKind::chat
                                  ? openai::read_chat_members
                                  : openai::read_completion_members))
    {
        fail();
        return;
    }

    next_file();
}

void RequestDecoder::Impl::next_file()
{
    at = 0;
    base64 = {};
    stage = next < reader.late_files.size() ? Stage::data : Stage::over;

    if (stage == Stage::data) {
        reader.decoded_text = late().text;
        reader.decoded.clear();
        reader.decoded.reserve(
            std::min(late().text.size() / 4 * 3, limits.max_file_bytes + 3));
    }
}

void RequestDecoder::Impl::on_data(std::size_t bytes)
{
    const std::string_view piece = late().text.substr(at, bytes);
    const bool read = base64.add(piece, reader.decoded)
                      && reader.decoded.size() <= limits.max_file_bytes;

    at += piece.size();

    // What is wrong, or too large, is so whatever follows.
    if (read && at < late().text.size()) {
        return;
    }

    reader.is_decoded = (read && base64.finish())
                        || reader.decoded.size() > limits.max_file_bytes;

    if (!openai::read_late_file(reader, late())) {
        fail();
        return;
    }

    at = 0;
    hash.emplace();
    hash->add_length(file().bytes.size());
    stage = Stage::hash;
}

void RequestDecoder::Impl::on_hash(std::size_t bytes)
{
    const auto piece = std::string_view(file().bytes).substr(at, bytes);

    hash->add(piece);
    at += piece.size();

    if (at == file().bytes.size()) {
        file().content = hash->finish();
        large = &file();
        next++;
        next_file();
    }
}

RequestDecoder::RequestDecoder(RequestKind kind, std::string &&body,
                               const Limits &limits)
    : impl_(std::make_unique<Impl>(kind, std::move(body), limits))
{
}

RequestDecoder::~RequestDecoder() = default;

bool RequestDecoder::step(std::size_t bytes)
{
    impl_->large = nullptr;

    switch (impl_->stage) {
    case Impl::Stage::json:
        if (impl_->document.go_on(bytes)) {
            impl_->on_json();
        }

        break;

    case Impl::Stage::members:
        impl_->on_members();
        break;

    case Impl::Stage::data:
        impl_->on_data(bytes);
        break;

    case Impl::Stage::hash:
        impl_->on_hash(bytes);
        break;

    case Impl::Stage::over:
        break;
    }

    return impl_->stage == Impl::Stage::over;
}

Attachment *RequestDecoder::large_file()
{
    return impl_->large;
}

Result<Turn> RequestDecoder::take()
{
    if (impl_->failed) {
        return std::move(impl_->reader.failure);
    }

    return std::move(impl_->reader.turn);
}

}  // namespace opendify
