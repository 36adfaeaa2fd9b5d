#include "wire/json_reader.hpp"

#include <algorithm>

#include "wire/json_reading.hpp"
#include "wire/json_scan.hpp"

namespace opendify::wire {

namespace {

// Of Dify's smaller events.
constexpr std::size_t kUsualNodes = 32;

// Of the order of bytes, as some editors write it.
void blank_mark(std::string &text)
{
    constexpr std::string_view kMark = "\xef\xbb\xbf";

    if (text.compare(0, kMark.size(), kMark) == 0) {
        std::fill_n(text.begin(), kMark.size(), ' ');
    }
}

}  // namespace

JsonDocument::JsonDocument() = default;

JsonDocument::~JsonDocument() = default;

bool JsonDocument::parse(std::string_view text, std::size_t max_depth)
{
    JsonBounds bounds;
    bounds.max_depth = max_depth;

    return read(text, bounds);
}

bool JsonDocument::parse_python(std::string_view text, std::size_t max_depth)
{
    JsonBounds bounds;
    bounds.max_depth = max_depth;
    bounds.python = true;

    return read(text, bounds);
}

bool JsonDocument::read(std::string_view text, const JsonBounds &bounds)
{
    whole_ = false;
    nodes_.clear();

    // Node counts and offsets have 32 bits.
    if (text.size() >= kNone - kScanPadding) {
        return false;
    }

    bytes_.reserve(text.size() + kScanPadding);
    bytes_.assign(text);
    bytes_.append(kScanPadding, '\0');
    nodes_.reserve(kUsualNodes);

    if (bounds.python) {
        blank_mark(bytes_);
    }

    JsonReader reader(*this, text.size(), bounds);
    whole_ = reader.read(text.size()) == JsonReader::Step::yes;

    return whole_;
}

void JsonDocument::begin(std::string &&text, const JsonBounds &bounds)
{
    const std::size_t size = text.size();

    whole_ = too_many_ = false;
    nodes_.clear();
    nodes_.reserve(kUsualNodes);
    bytes_ = std::move(text);
    blank_mark(bytes_);
    bytes_.append(kScanPadding, '\0');
    reader_ = std::make_unique<JsonReader>(*this, size, bounds);

    if (size >= kNone - kScanPadding) {
        reader_.reset();
    }
}

bool JsonDocument::go_on(std::size_t bytes)
{
    const auto step = reader_ == nullptr ? JsonReader::Step::no
                                         : reader_->read(bytes);

    if (step == JsonReader::Step::paused) {
        return false;
    }

    whole_ = step == JsonReader::Step::yes;
    too_many_ = reader_ != nullptr && reader_->too_many();
    reader_.reset();

    return true;
}

JsonValue JsonDocument::root() const
{
    return whole_ ? JsonValue(this, 0) : JsonValue();
}

std::string_view JsonDocument::text(std::uint32_t index) const
{
    const Node &node = nodes_[index];
    return { bytes_.data() + node.text_at, node.text_size };
}

JsonValue JsonDocument::at(std::uint32_t index) const
{
    return index == kNone ? JsonValue() : JsonValue(this, index);
}

}  // namespace opendify::wire
