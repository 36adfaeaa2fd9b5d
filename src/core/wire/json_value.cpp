#include <algorithm>

#include "wire/json_reader.hpp"
#include "wire/json_scan.hpp"
#include "wire/json_writer.hpp"

namespace opendify::wire {
namespace {

// A number's digits as value * 10^scale; the value keeps no trailing zeros.
struct Decimal {
    static constexpr std::uint64_t kMost = std::uint64_t{ 1 } << 63;

    // False when the value grows over kMost.
    bool append(unsigned digit)
    {
        if (digit == 0) {
            scale += value != 0 ? 1 : 0;
            return true;
        }

        if (!raise(scale + 1) || value > kMost - digit) {
            return false;
        }

        value += digit;
        scale = 0;

        return true;
    }

    bool raise(std::int64_t places)
    {
        for (; value != 0 && places > 0; places--) {
            if (value > kMost / 10) {
                return false;
            }
            value *= 10;
        }

        return true;
    }

    std::uint64_t value = 0;
    std::int64_t  scale = 0;
};

// Of "e5", "E+5", "e-5" or nothing; bounded far outside of what matters.
std::int64_t exponent_of(std::string_view text)
{
    constexpr std::int64_t kFar = std::int64_t{ 1 } << 40;
    std::int64_t exponent = 0;

    for (const char c : text) {
        if (is_digit(c) && exponent < kFar) {
            exponent = exponent * 10 + (c - '0');
        }
    }

    return text.find('-') == std::string_view::npos ? exponent : -exponent;
}

// The magnitude of a number that JSON allows, if it is integral.
bool magnitude_of(std::string_view text, std::uint64_t &out)
{
    const std::size_t mark = std::min(text.find_first_of("eE"), text.size());
    std::int64_t places = 0;
    bool fraction = false;
    Decimal decimal;

    for (const char c : text.substr(0, mark)) {
        if (c == '.') {
            fraction = true;

        } else if (is_digit(c)) {
            places += fraction ? 1 : 0;
            if (!decimal.append(static_cast<unsigned>(c - '0'))) {
                return false;
            }
        }
    }

    const std::int64_t scale =
        decimal.scale - places + exponent_of(text.substr(mark));
    if (decimal.value != 0 && (scale < 0 || !decimal.raise(scale))) {
        return false;
    }

    out = decimal.value;
    return true;
}

}  // namespace

JsonType JsonValue::type() const
{
    return doc_ == nullptr ? JsonType::null : doc_->nodes_[index_].type;
}

bool JsonValue::is_null_or_missing() const
{
    return type() == JsonType::null;
}

std::string_view JsonValue::string() const
{
    return is(JsonType::string) ? doc_->text(index_) : std::string_view();
}

std::size_t JsonValue::closing_quote() const
{
    return is(JsonType::string) ? doc_->nodes_[index_].quote : 0;
}

std::string_view JsonValue::number() const
{
    return is(JsonType::number) ? doc_->text(index_) : std::string_view();
}

bool JsonValue::boolean(bool otherwise) const
{
    return is(JsonType::boolean) ? doc_->nodes_[index_].truth : otherwise;
}

std::int64_t JsonValue::integer(std::int64_t otherwise) const
{
    const std::string_view text = number();
    std::uint64_t magnitude;

    if (text.empty() || !magnitude_of(text, magnitude)) {
        return otherwise;
    }

    if (text.front() == '-') {
        return static_cast<std::int64_t>(0 - magnitude);
    }

    return magnitude < Decimal::kMost ? static_cast<std::int64_t>(magnitude)
                                      : otherwise;
}

JsonValue JsonValue::operator[](std::string_view name) const
{
    if (!is(JsonType::object)) {
        return {};
    }

    const auto   *nodes = doc_->nodes_.data();
    const char   *bytes = doc_->bytes_.data();
    std::uint32_t found = JsonDocument::kNone;

    for (std::uint32_t at = first_child(); at != JsonDocument::kNone;
         at = nodes[at].next)
    {
        const JsonDocument::Node &node = nodes[at];

        if (node.name_size == name.size()
            && (name.empty() || bytes[node.name_at] == name.front())
            && std::string_view(bytes + node.name_at, name.size()) == name)
        {
            found = at;
        }
    }

    return doc_->at(found);
}

std::uint32_t JsonValue::first_child() const
{
    return size() == 0 || doc_->nodes_[index_].unread ? JsonDocument::kNone
                                                      : index_ + 1;
}

JsonValue JsonValue::first() const
{
    return doc_ == nullptr ? JsonValue() : doc_->at(first_child());
}

JsonValue JsonValue::next() const
{
    return doc_ == nullptr ? JsonValue() : doc_->at(doc_->nodes_[index_].next);
}

std::string_view JsonValue::name() const
{
    if (doc_ == nullptr) {
        return {};
    }

    const JsonDocument::Node &node = doc_->nodes_[index_];
    return { doc_->bytes_.data() + node.name_at, node.name_size };
}

std::size_t JsonValue::size() const
{
    return doc_ == nullptr ? 0 : doc_->nodes_[index_].count;
}

void JsonValue::write(std::string &out) const
{
    switch (type()) {
    case JsonType::null:
        out.append("null");
        return;

    case JsonType::boolean:
        out.append(boolean(false) ? "true" : "false");
        return;

    case JsonType::number:
        out.append(number());
        return;

    case JsonType::string:
        write_string(out, string());
        return;

    case JsonType::array:
    case JsonType::object:
        break;
    }

    const bool named = is(JsonType::object);
    char before = named ? '{' : '[';

    if (!first()) {
        out.push_back(before);
    }

    for (JsonValue child = first(); child; child = child.next()) {
        out.push_back(before);
        before = ',';
        if (named) {
            write_string(out, child.name());
            out.push_back(':');
        }
        child.write(out);
    }

    out.push_back(named ? '}' : ']');
}

}  // namespace opendify::wire
