#include "state/stable_text.hpp"

#include <algorithm>
#include <cstddef>

#include "state/date_words.hpp"

namespace opendify::state {
namespace {

constexpr std::size_t npos = std::string_view::npos;

// How far a word's number may be away.
constexpr std::size_t kBeside = 4;

constexpr std::string_view kWideBlanks[] = {
    "\xc2\xa0", "\xe2\x80\xaf", "\xe3\x80\x80",
};
constexpr std::string_view kOrdinals[] = { "st", "nd", "rd", "th", "er",
                                           "\xc2\xba", "\xc2\xaa" };
// May stand between the parts of a date.
constexpr std::string_view kJoining[] = { "of", "de", "del", "the", "den",
                                          "der", "le", "du", "at" };

bool starts_with(std::string_view text, std::string_view with)
{
    return text.substr(0, with.size()) == with;
}

bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool is_wide(char c)
{
    return static_cast<unsigned char>(c) >= 0x80;
}

bool parts_numbers(char c)
{
    return c == '.' || c == ',' || c == ':' || c == '/' || c == '-';
}

std::size_t blank_size(std::string_view text)
{
    if (std::string_view(" \t\r\n\v\f").find(text[0]) != npos) {
        return 1;
    }

    for (const std::string_view blank : kWideBlanks) {
        if (starts_with(text, blank)) {
            return blank.size();
        }
    }

    return 0;
}

// With what makes it an ordinal number.
std::size_t number_size(std::string_view text)
{
    std::size_t size = 0;
    std::size_t digit = digit_size(text);

    while (digit > 0) {
        size += digit;
        digit = digit_size(text.substr(size));

        if (digit == 0 && size < text.size() && parts_numbers(text[size])) {
            digit = digit_size(text.substr(size + 1));
            size += digit > 0 ? 1 : 0;
        }
    }

    for (const std::string_view ordinal : kOrdinals) {
        const std::size_t end = size + ordinal.size();

        if (size > 0 && starts_with(text.substr(size), ordinal)
            && (end == text.size() || !is_letter(text[end])))
        {
            return end;
        }
    }

    return size;
}

std::size_t word_size(std::string_view text)
{
    std::size_t size = 0;

    while (size < text.size()
           && (is_letter(text[size])
               || (is_wide(text[size])
                   && unparted_date_word(text.substr(size)) == 0
                   && digit_size(text.substr(size)) == 0
                   && blank_size(text.substr(size)) == 0)
               || (text[size] == '-' && size > 0 && size + 1 < text.size()
                   && is_letter(text[size + 1]))))
    {
        size++;
    }

    return size;
}

// "a.m.", "P.M."
bool is_half_day(std::string_view text)
{
    return text.size() >= 4 && ((text[0] | 0x20) == 'a'
                                || (text[0] | 0x20) == 'p')
           && text[1] == '.' && (text[2] | 0x20) == 'm' && text[3] == '.';
}

bool is_beside_number(std::string_view rest)
{
    std::size_t at = 0;

    while (at < rest.size() && at <= kBeside
           && (blank_size(rest.substr(at)) > 0 || parts_numbers(rest[at])))
    {
        at += std::max<std::size_t>(blank_size(rest.substr(at)), 1);
    }

    return at < rest.size() && digit_size(rest.substr(at)) > 0;
}

class Reader {
public:
    explicit Reader(std::string_view text) : rest_(text) {}

    std::string read()
    {
        out_.reserve(rest_.size());

        while (!rest_.empty()) {
            step();
        }

        return std::move(out_);
    }

private:
    void step()
    {
        if (const std::size_t blank = blank_size(rest_)) {
            blank_ = true;
            rest_.remove_prefix(blank);

        } else if (const std::size_t number = number_size(rest_)) {
            drop(number);

        } else if (const std::size_t day = unparted_date_word(rest_)) {
            drop(day);

        } else if (dated_ && is_half_day(rest_)) {
            drop(4);

        } else if (const std::size_t size = word_size(rest_)) {
            word(size);

        } else {
            dated_ = dated_ && (parts_numbers(rest_[0]) || rest_[0] == '(');
            put(1);
        }
    }

    void word(std::size_t size)
    {
        const std::string_view word = rest_.substr(0, size);
        const DateWord         kind = date_word(word);

        if (kind == DateWord::always
            || (kind == DateWord::in_a_date
                && (dated_ || is_beside_number(rest_.substr(size)))))
        {
            drop(size);
            return;
        }

        dated_ = dated_
                 && std::find(std::begin(kJoining), std::end(kJoining), word)
                        != std::end(kJoining);
        put(size);
    }

    void drop(std::size_t size)
    {
        rest_.remove_prefix(size);
        dated_ = true;
    }

    void put(std::size_t size)
    {
        if (blank_ && !out_.empty()) {
            out_ += ' ';
        }

        blank_ = false;
        out_ += rest_.substr(0, size);
        rest_.remove_prefix(size);
    }

    std::string_view rest_;
    std::string      out_;
    bool             blank_ = false;  // before what comes
    bool             dated_ = false;  // a part of a date was just dropped
};

// Where a line begins with `mark`, from `from` on.
std::size_t find_line(std::string_view text, std::string_view mark,
                      std::size_t from)
{
    std::size_t at = text.find(mark, from);

    while (at != npos && at > 0 && text[at - 1] != '\n') {
        at = text.find(mark, at + 1);
    }

    return at;
}

// Without all that goes from a line that begins with `open` through `close`;
// where there is no `close`, nothing or all that follows.
std::string without(std::string_view text, std::string_view open,
                    std::string_view close, bool to_end)
{
    std::string out;
    std::size_t from = 0;

    for (;;) {
        const std::size_t begin = find_line(text, open, from);
        const std::size_t end = begin == npos ? npos : text.find(close, begin);

        if (begin == npos || (end == npos && !to_end)) {
            out += text.substr(from);
            return out;
        }

        out += text.substr(from, begin - from);

        if (end == npos) {
            return out;
        }

        from = end + close.size();
    }
}

}  // namespace

std::string stable_text(std::string_view text)
{
    return Reader(text).read();
}

std::string without_renewed(std::string_view text)
{
    if (starts_with(text, "[CONVERSATION SUMMARY]\n")) {
        return {};
    }

    const std::string sources =
        without(text, "<source id=\"", "</source>", false);

    return without(sources, "User Context:\n1. [", "\n\n", true);
}

}  // namespace opendify::state
