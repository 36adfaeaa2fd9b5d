#include "state/normal_text.hpp"

#include <algorithm>
#include <cstddef>

namespace opendify::state {

namespace {

constexpr std::string_view kBlanks = " \t\r\n";
constexpr std::string_view kOpen = "<context>";
constexpr std::string_view kClose = "</context>";
constexpr std::string_view kSource = "<source";
constexpr std::string_view kNumberedSource = "<source id=\"";
constexpr std::string_view kSourceEnd = "</source>";

constexpr std::size_t npos = std::string_view::npos;

bool starts_with(std::string_view text, std::string_view with)
{
    return text.substr(0, with.size()) == with;
}

std::string_view without_blanks(std::string_view text)
{
    text.remove_prefix(std::min(text.find_first_not_of(kBlanks),
                                text.size()));
    return text;
}

bool begins_line(std::string_view text, std::size_t at)
{
    return at == 0 || text[at - 1] == '\n';
}

// Are there but blanks from `at` to the end of its line?
bool ends_line(std::string_view text, std::size_t at)
{
    at = text.find_first_not_of(" \t\r", at);
    return at == npos || text[at] == '\n';
}

// Where a line begins with `mark`.
std::size_t first_line(std::string_view text, std::string_view mark)
{
    std::size_t at = text.find(mark);

    while (at != npos && !begins_line(text, at)) {
        at = text.find(mark, at + 1);
    }

    return at;
}

// Behind the last line that ends with `mark`, or that is `mark`; else 0.
std::size_t behind_last(std::string_view text, std::string_view mark,
                        bool whole)
{
    // Most texts have none, which find() tells sooner.
    std::size_t at = text.find(mark) == npos ? npos : text.rfind(mark);

    while (at != npos
           && (!ends_line(text, at + mark.size())
               || (whole && !begins_line(text, at))))
    {
        at = at == 0 ? npos : text.rfind(mark, at - 1);
    }

    return at == npos ? 0 : at + mark.size();
}

std::size_t context_end(std::string_view text)
{
    const std::size_t end = behind_last(text, kClose, true);
    const std::size_t begin = first_line(text.substr(0, end), kOpen);

    if (begin == npos || !ends_line(text, begin + kOpen.size())) {
        return 0;
    }

    return without_blanks(text)[0] == '#'
                   || first_line(text.substr(begin, end - begin), kSource)
                          != npos
               ? end
               : 0;
}

std::size_t sources_end(std::string_view text)
{
    std::size_t end = behind_last(text, kSourceEnd, false);

    if (first_line(text.substr(0, end), kNumberedSource) == npos) {
        return 0;
    }

    // What stands around them.
    for (;;) {
        const std::string_view rest = without_blanks(text.substr(end));
        const std::size_t      close = rest.find_first_of("> \t\r\n");

        if (!starts_with(rest, "</") || close == npos || rest[close] != '>'
            || !ends_line(rest, close + 1))
        {
            return end;
        }

        end = text.size() - rest.size() + close + 1;
    }
}

std::size_t wrapper_end(std::string_view text)
{
    const std::size_t end = std::max(context_end(text), sources_end(text));

    return without_blanks(text.substr(end)).empty() ? 0 : end;
}

// <tag>...</tag> and the blanks around it, as often as it begins the text.
std::string_view without_blocks(std::string_view text, std::string_view open,
                                std::string_view close)
{
    for (;;) {
        const std::string_view rest = without_blanks(text);
        const std::size_t      end = rest.find(close);

        if (!starts_with(rest, open) || end == npos) {
            return text;
        }

        text = rest.substr(end + close.size());
    }
}

}  // namespace

bool is_wrapped(std::string_view text)
{
    return wrapper_end(text) > 0;
}

std::string_view asked_text(std::string_view text)
{
    const std::size_t end = wrapper_end(text);

    text.remove_prefix(end);

    // Templates of old repeat the question before the question.
    if (end > 0) {
        const std::string_view rest =
            without_blocks(text, "<user_query>", "</user_query>");

        text = without_blanks(rest).empty() ? text : rest;
    }

    return without_blocks(text, "<attached_files>", "</attached_files>");
}

}  // namespace opendify::state
