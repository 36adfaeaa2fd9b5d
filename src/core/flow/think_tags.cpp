#include "flow/think_tags.hpp"

#include <algorithm>
#include <array>

#include "wire/text_class.hpp"

namespace opendify {

namespace {

using Verdict = TagMatch::Verdict;

constexpr std::string_view kBlanks = " \t\r\n";

constexpr std::array<bool, 256> make_plain()
{
    std::array<bool, 256> table{};

    for (std::size_t c = 0; c < table.size(); c++) {
        table[c] = c != '\n' && wire::kTextClasses[c] != wire::kMarkup;
    }

    return table;
}

constexpr std::array<bool, 256> kPlain = make_plain();

struct Entity {
    std::string_view name;
    std::string_view text;
};

constexpr Entity kEntities[] = {
    {"&lt;", "<"},   {"&gt;", ">"},    {"&amp;", "&"},  {"&quot;", "\""},
    {"&#39;", "'"},  {"&#x27;", "'"},  {"&apos;", "'"}, {"&#34;", "\""},
};

char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

// Reads a tag from its "<". Each step is false when the tag ended there.
struct TagReader {
    bool word(std::string_view expected)
    {
        for (char c : expected) {
            if (at == bytes.size()) {
                verdict = Verdict::partial;
                return false;
            }

            if (lower(bytes[at]) != c) {
                verdict = Verdict::no;
                return false;
            }

            at++;
        }

        return true;
    }

    bool skip(std::string_view set)
    {
        at += run_of(set, bytes.substr(at));
        verdict = at < bytes.size() ? Verdict::full : Verdict::partial;
        return at < bytes.size();
    }

    // What follows a tag's name, with its ">".
    bool attributes()
    {
        std::size_t begin = at;

        if (at < bytes.size() && bytes[at] != '>'
            && kBlanks.find(bytes[at]) == kBlanks.npos)
        {
            verdict = Verdict::no;
            return false;
        }

        at = std::min(bytes.find_first_of("<>", at), bytes.size());
        attrs = bytes.substr(begin, at - begin);

        return word(">");
    }

    std::string_view bytes;
    std::size_t      at = 0;
    Verdict          verdict = Verdict::full;
    std::string_view attrs = {};
};

}  // namespace

[[gnu::hot]]
std::size_t run_of_plain(std::string_view bytes)
{
    std::size_t at = 0;

    while (at < bytes.size() && kPlain[static_cast<unsigned char>(bytes[at])]) {
        at++;
    }

    return at;
}

std::size_t run_of(std::string_view set, std::string_view bytes)
{
    return std::min(bytes.find_first_not_of(set), bytes.size());
}

TagMatch match_think(std::string_view bytes)
{
    TagReader tag{bytes};

    (void)(tag.word("<think") && tag.attributes());
    return {tag.verdict, tag.at};
}

TagMatch match_details(std::string_view bytes)
{
    TagReader tag{bytes};

    if (tag.word("<details") && tag.attributes()
        && tag.attrs.find("type=\"reasoning\"") == std::string_view::npos)
    {
        (void)(tag.skip(kBlanks) && tag.word("<summary") && tag.attributes()
               && tag.skip(kBlanks) && tag.word("thinking")
               && tag.skip(".\xe2\x80\xa6") && tag.skip(kBlanks)
               && tag.word("</summary") && tag.skip(kBlanks)
               && tag.word(">"));
    }

    return {tag.verdict, tag.at};
}

TagMatch match_closing(std::string_view bytes, std::string_view begin)
{
    TagReader tag{bytes};

    (void)(tag.word(begin) && tag.skip(kBlanks) && tag.word(">"));
    return {tag.verdict, tag.at};
}

TagMatch match_literal(std::string_view bytes, std::string_view expected)
{
    std::size_t size = std::min(bytes.size(), expected.size());

    if (bytes.substr(0, size) != expected.substr(0, size)) {
        return {};
    }

    return {size == expected.size() ? Verdict::full : Verdict::partial, size};
}

TagMatch match_entity(std::string_view bytes)
{
    for (const Entity &entity : kEntities) {
        TagMatch match = match_literal(bytes, entity.name);

        if (match.verdict != Verdict::no) {
            match.text = entity.text;
            return match;
        }
    }

    return {};
}

}  // namespace opendify
