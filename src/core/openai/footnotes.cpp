#include <algorithm>
#include <utility>

#include "openai/annotations.hpp"
#include "openai/chat_encoder.hpp"
#include "openai/cut_text.hpp"
#include "openai/data_url.hpp"

namespace opendify::openai {

namespace {

// Markdown's own, wherever they stand.
constexpr std::string_view kSpecial = "\\`*_[]<>&~|!$";

bool is_control(char c)
{
    return static_cast<unsigned char>(c) <= 0x20 || c == 0x7f;
}

// What would begin a heading or a list: "#", "-", "+", "12." and "12)".
std::size_t mark_at(std::string_view title)
{
    const std::size_t at =
        std::min(title.find_first_not_of("0123456789"), title.size());

    return at < title.size()
                   && (at == 0 ? std::string_view("#-+=")
                               : std::string_view(".)"))
                              .find(title[at])
                          != std::string_view::npos
               ? at
               : std::string_view::npos;
}

// One line of plain text.
std::string escaped_title(std::string_view raw)
{
    std::string title(cut_text(raw, kMaxTitleBytes));
    std::replace_if(title.begin(), title.end(), is_control, ' ');
    title.erase(0, title.find_first_not_of(' '));
    title.erase(title.find_last_not_of(' ') + 1);

    const std::size_t mark = mark_at(title);
    std::string       out;

    for (std::size_t i = 0; i < title.size(); i++) {
        if (i == mark || kSpecial.find(title[i]) != std::string_view::npos) {
            out.push_back('\\');
        }

        out.push_back(title[i]);
    }

    return out;
}

// So that nothing in it ends the link.
std::string escaped_url(std::string_view url)
{
    constexpr std::string_view kUnsafe = "()<>\\\"`|";
    constexpr char             kHex[] = "0123456789ABCDEF";
    std::string                out;

    for (const char c : url) {
        if (is_control(c) || kUnsafe.find(c) != std::string_view::npos) {
            const auto byte = static_cast<unsigned char>(c);

            out.push_back('%');
            out.push_back(kHex[byte >> 4]);
            out.push_back(kHex[byte & 0xf]);

        } else {
            out.push_back(c);
        }
    }

    return out;
}

std::string line_of(const Citation &citation)
{
    const std::string &url = citation.url;
    const bool web = url.size() <= kMaxUrlBytes
                     && (has_scheme(url, "http://")
                         || has_scheme(url, "https://"));
    std::string line =
        escaped_title(citation.title.empty() ? url : citation.title);

    return web && !line.empty() ? "[" + line + "](" + escaped_url(url) + ")"
                                : line;
}

}  // namespace

std::string footnotes(const std::vector<Citation> &citations)
{
    std::vector<std::string> lines;

    for (const Citation &citation : citations) {
        std::string line = line_of(citation);

        if (lines.size() < kMaxCitations && !line.empty()
            && std::find(lines.begin(), lines.end(), line) == lines.end())
        {
            lines.push_back(std::move(line));
        }
    }

    std::string out;

    for (std::size_t i = 0; i < lines.size(); i++) {
        out.append(i == 0 ? std::string(kOurBlock) + "sources)" : "")
            .append("\n" + std::to_string(i + 1) + ". ")
            .append(lines[i]);
    }

    return out;
}

}  // namespace opendify::openai
