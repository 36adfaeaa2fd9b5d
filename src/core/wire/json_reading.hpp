// How a JsonDocument is made.

#ifndef OPENDIFY_WIRE_JSON_READING_HPP
#define OPENDIFY_WIRE_JSON_READING_HPP

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "wire/json_reader.hpp"
#include "wire/json_scan.hpp"

namespace opendify::wire {

// Goes over the document's copy of the text once, and undoes escapes where
// they stand. An open container keeps its parent in `next`.
//
// It may stop before a value and within a string, and goes on there.
//
// A large member of the root that nobody reads (JsonBounds) keeps its type and
// how many children it has. While it is gone over, what is open in it is in
// `unread_`, and the member stands for all that is read.
class JsonReader {
public:
    JsonReader(JsonDocument &document, std::size_t size,
               const JsonBounds &bounds)
        : nodes_(document.nodes_), bounds_(bounds),
          at_(document.bytes_.data()), base_(at_), end_(at_ + size),
          limit_(end_), levels_left_(bounds.max_depth)
    {
    }

    enum class Step { no, yes, paused };

    // All of it, or `bytes` more of it and little besides.
    Step read(std::size_t bytes);

    bool too_many() const { return too_many_; }

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

    // A value, with its name; a container up to its first child.
    Step next();

    Step value();

    static Step is(bool read) { return read ? Step::yes : Step::no; }

    // Null if there are too many.
    Node *add(JsonType type, Span text);

    bool open(JsonType type);

    static char closing_of(JsonType type)
    {
        return type == JsonType::object ? '}' : ']';
    }

    void enter(std::uint32_t container)
    {
        parent_ = container;
        closing_ = container == kNone ? '\0'
                                      : closing_of(nodes_[container].type);
    }

    void close();

    // A container of the root's begins.
    void begin_member(Span span);

    // What is in the member so far is forgotten.
    void leave_unread();

    Step string();

    bool word(std::string_view name, JsonType type);

    // What Python writes where a number is none.
    bool no_number(std::string_view name)
    {
        return bounds_.python && word(name, JsonType::null);
    }

    bool number();

    bool digits()
    {
        const char *begin = at_;

        while (is_digit(*at_)) {
            at_++;
        }

        return at_ != begin;
    }

    // Behind the opening quote.
    void begin_text() { text_begin_ = text_end_ = at_; }

    // From there to behind the closing quote.
    Step text(Span &unescaped);

    enum class Place { value, in_value, name, in_name };

    std::vector<Node> &nodes_;
    const JsonBounds   bounds_;
    char              *at_;
    const char        *base_;
    const char        *end_;
    const char        *limit_;  // where to stop this time
    std::size_t        levels_left_;
    Place              place_ = Place::value;
    std::uint32_t      parent_ = kNone;  // the container around the next value
    char               closing_ = '\0';  // its end
    std::uint32_t      last_ = kNone;    // what stands before it in there
    Span               name_;            // of the next value
    Span               text_;            // of the string that was just read
    char              *text_begin_ = nullptr;  // of the one that is read
    char              *text_end_ = nullptr;    // so far

    std::uint32_t      member_ = 0;          // the root's that is open
    std::uint32_t      unread_at_ = kNone;   // more nodes, and it is not read
    std::string        unread_;              // what closes what is open in it
    Node               passed_;
    bool               too_many_ = false;
};

}  // namespace opendify::wire

#endif
