#include "wire/json_reader.hpp"

#include "wire/json_escape.hpp"
#include "wire/json_scan.hpp"

namespace opendify::wire {

namespace {

// Of Dify's smaller events.
constexpr std::size_t kUsualNodes = 32;

}  // namespace

// Goes over the document's copy of the text once, and undoes escapes where
// they stand. An open container keeps its parent in `next`.
class JsonReader {
public:
    JsonReader(JsonDocument &document, std::size_t size, std::size_t max_depth)
        : nodes_(document.nodes_), at_(document.bytes_.data()), base_(at_),
          end_(at_ + size), levels_left_(max_depth)
    {
    }

    bool read()
    {
        while (value()) {
            while (parent_ != kNone && skip(closing_)) {
                close();
            }

            if (parent_ == kNone) {
                return skip_blanks() == end_;
            }

            // The blanks are behind us.
            if ((last_ != kNone && *at_++ != ',')
                || (closing_ == '}' && !name())) {
                return false;
            }
        }

        return false;
    }

private:
    using Node = JsonDocument::Node;
    static constexpr std::uint32_t kNone = JsonDocument::kNone;

    struct Span {
        std::uint32_t at = 0;
        std::uint32_t size = 0;
    };

    Span span(const char *begin, const char *end) const
    {
        return { static_cast<std::uint32_t>(begin - base_),
                 static_cast<std::uint32_t>(end - begin) };
    }

    const char *skip_blanks()
    {
        while (is_blank(*at_)) {
            at_++;
        }

        return at_;
    }

    // Behind the blanks.
    bool skip(char c)
    {
        if (*skip_blanks() != c) {
            return false;
        }

        at_++;
        return true;
    }

    bool value()
    {
        switch (*skip_blanks()) {
        case '{':
            return open(JsonType::object);

        case '[':
            return open(JsonType::array);

        case '"':
            return string();

        case 't':
            return word("true", JsonType::boolean);

        case 'f':
            return word("false", JsonType::boolean);

        case 'n':
            return word("null", JsonType::null);

        default:
            return number();
        }
    }

    Node &add(JsonType type, Span text)
    {
        const auto index = static_cast<std::uint32_t>(nodes_.size());
        Node      &node = nodes_.emplace_back();

        node.type = type;
        node.name_at = name_.at;
        node.name_size = name_.size;
        node.text_at = text.at;
        node.text_size = text.size;
        node.next = kNone;
        name_ = {};

        if (parent_ != kNone) {
            nodes_[parent_].count++;
        }

        if (last_ != kNone) {
            nodes_[last_].next = index;
        }

        last_ = index;

        return node;
    }

    bool open(JsonType type)
    {
        if (levels_left_ == 0) {
            return false;
        }

        at_++;
        levels_left_--;
        add(type, {}).next = parent_;
        enter(last_);
        last_ = kNone;

        return true;
    }

    void enter(std::uint32_t container)
    {
        parent_ = container;
        closing_ = container == kNone                              ? '\0'
                   : nodes_[container].type == JsonType::object ? '}'
                                                                 : ']';
    }

    void close()
    {
        last_ = parent_;
        enter(nodes_[last_].next);
        nodes_[last_].next = kNone;
        levels_left_++;
    }

    bool name()
    {
        return skip('"') && text(name_) && skip(':');
    }

    bool string()
    {
        at_++;
        if (!text(text_)) {
            return false;
        }

        add(JsonType::string, text_).quote = span(base_, at_).size - 1;

        return true;
    }

    bool word(std::string_view name, JsonType type)
    {
        if (std::string_view(at_, name.size()) != name) {
            return false;
        }

        at_ += name.size();
        add(type, {}).truth = name == "true";

        return true;
    }

    bool number()
    {
        const char *begin = at_;

        at_ += *at_ == '-' ? 1 : 0;

        if (*at_ == '0') {
            at_++;

        } else if (!digits()) {
            return false;
        }

        if (*at_ == '.' && (at_++, !digits())) {
            return false;
        }

        if (*at_ == 'e' || *at_ == 'E') {
            at_++;
            at_ += *at_ == '+' || *at_ == '-' ? 1 : 0;
            if (!digits()) {
                return false;
            }
        }

        add(JsonType::number, span(begin, at_));

        return true;
    }

    bool digits()
    {
        const char *begin = at_;

        while (is_digit(*at_)) {
            at_++;
        }

        return at_ != begin;
    }

    // From behind the opening quote to behind the closing one.
    bool text(Span &unescaped)
    {
        const char *begin = at_;

        at_ = skip_plain(at_);
        const char *end = *at_ == '"' ? at_ : unescape(at_, end_);
        if (end == nullptr) {
            return false;
        }

        unescaped = span(begin, end);
        at_++;

        return true;
    }

    std::vector<Node> &nodes_;
    char              *at_;
    const char        *base_;
    const char        *end_;
    std::size_t        levels_left_;
    std::uint32_t      parent_ = kNone;  // the container around the next value
    char               closing_ = '\0';  // its end
    std::uint32_t      last_ = kNone;    // what stands before it in there
    Span               name_;            // of the next value
    Span               text_;            // of the string that was just read
};

JsonDocument::JsonDocument() = default;

JsonDocument::~JsonDocument() = default;

bool JsonDocument::parse(std::string_view text, std::size_t max_depth)
{
    whole_ = false;
    nodes_.clear();

    // Node counts and offsets have 32 bits.
    if (text.size() >= kNone) {
        return false;
    }

    bytes_.reserve(text.size() + kScanPadding);
    bytes_.assign(text.begin(), text.end());
    bytes_.resize(text.size() + kScanPadding);
    nodes_.reserve(kUsualNodes);
    whole_ = JsonReader(*this, text.size(), max_depth).read();

    return whole_;
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
