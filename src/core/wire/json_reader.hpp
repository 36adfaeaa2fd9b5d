// Bytes -> a flat JSON document, as strictly as RFC 8259 has it, or as Python
// writes it. For requests, replies and the rare events of a stream; a document
// is reused without giving its memory back.

#ifndef OPENDIFY_WIRE_JSON_READER_HPP
#define OPENDIFY_WIRE_JSON_READER_HPP

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace opendify::wire {

enum class JsonType : std::uint8_t {
    null, boolean, number, string, array, object
};

class JsonDocument;
class JsonReader;

// What a text may have.
struct JsonBounds {
    std::size_t max_depth = 64;                                // levels
    std::size_t max_values = static_cast<std::size_t>(-1);

    // The members of the root that may have many values. Another one that has
    // more than kMostUnread is not read: it has its type and its size(), but
    // no children. Without any such name all are read.
    const std::string_view *large = nullptr;
    std::size_t             large_count = 0;

    static constexpr std::uint32_t kMostUnread = 1000;

    // NaN, Infinity and -Infinity are read as null.
    bool python = false;
};

// A cheap handle; valid until the document is parsed into again. A missing
// value is a handle for which operator bool is false; every question may be
// asked of it and answers "no" or empty.
class JsonValue {
public:
    JsonValue() = default;

    explicit operator bool() const { return doc_ != nullptr; }

    JsonType type() const;  // null for a missing value
    bool is(JsonType type) const { return doc_ != nullptr && this->type() == type; }
    bool is_null_or_missing() const;

    // Unescaped UTF-8 of a string; "" for anything else.
    std::string_view string() const;
    // Where the closing quote of a string stands in the text that was parsed;
    // 0 for anything else.
    std::size_t closing_quote() const;
    // The text of a number as it stood; "" for anything else.
    std::string_view number() const;
    bool boolean(bool otherwise) const;
    // Integral numbers only ("3", "3.0" and "3e0" count); else `otherwise`.
    std::int64_t integer(std::int64_t otherwise) const;

    // Member of an object; the last one if it is repeated.
    JsonValue operator[](std::string_view name) const;

    // Children of an array or object in order: first(), then next() of it.
    JsonValue first() const;
    JsonValue next() const;
    std::string_view name() const;  // of a member of an object
    std::size_t size() const;       // children

    // Compact JSON text of this value, appended.
    void write(std::string &out) const;

private:
    friend class JsonDocument;
    JsonValue(const JsonDocument *doc, std::uint32_t index)
        : doc_(doc), index_(index) {}

    std::uint32_t first_child() const;  // kNone: none

    const JsonDocument *doc_ = nullptr;
    std::uint32_t       index_ = 0;
};

class JsonDocument {
public:
    JsonDocument();
    ~JsonDocument();
    JsonDocument(const JsonDocument &) = delete;
    JsonDocument &operator=(const JsonDocument &) = delete;

    // One whole JSON value, UTF-8 checked, nothing after it but blanks.
    // False for anything else, or deeper than max_depth levels. An escaped
    // surrogate without its other half is read as U+FFFD. The text need not
    // outlive the call.
    [[nodiscard]] bool parse(std::string_view text, std::size_t max_depth);
    // Also with what Python's json.dumps() adds to JSON in a number's place:
    // NaN, Infinity and -Infinity are read as null. A byte order mark may
    // stand before it.
    [[nodiscard]] bool parse_python(std::string_view text,
                                    std::size_t max_depth);

    // The same in pieces, of a text that is taken: begin(), then go_on() until
    // it is true. Each goes over so many bytes and little more. `bounds` names
    // what outlives the reading. A byte order mark may stand before it.
    void begin(std::string &&text, const JsonBounds &bounds);
    [[nodiscard]] bool go_on(std::size_t bytes);
    // It failed because of max_values.
    bool too_many() const { return too_many_; }

    JsonValue root() const;  // missing after a failed parse

private:
    friend class JsonValue;
    friend class JsonReader;

    struct Node {
        JsonType      type;
        bool          truth;
        bool          unread;  // it has children that are not there
        std::uint32_t name_at, name_size;
        std::uint32_t text_at, text_size;
        std::uint32_t next;   // of its siblings; kNone: none
        std::uint32_t count;  // of its children, which follow it
        std::uint32_t quote;
    };

    static constexpr std::uint32_t kNone = 0xffffffff;

    bool read(std::string_view text, const JsonBounds &bounds);
    std::string_view text(std::uint32_t index) const;
    JsonValue at(std::uint32_t index) const;

    std::vector<Node> nodes_;
    std::string       bytes_;  // the text, in part unescaped
    bool              whole_ = false;
    bool              too_many_ = false;

    std::unique_ptr<JsonReader> reader_;
};

}  // namespace opendify::wire

#endif
