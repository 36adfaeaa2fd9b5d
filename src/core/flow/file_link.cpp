#include "flow/file_link.hpp"

namespace opendify {

namespace {

bool control(char c)
{
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
}

bool begins_with(std::string_view text, std::string_view begin)
{
    return text.substr(0, begin.size()) == begin;
}

// A colon before any other delimiter ends a scheme (RFC 3986 §3, §4.2).
bool has_scheme(std::string_view url)
{
    std::size_t end = url.find_first_of(":/?#");
    return end != std::string_view::npos && url[end] == ':';
}

void append_encoded(std::string &out, std::string_view url)
{
    constexpr std::string_view kHex = "0123456789ABCDEF";

    for (char c : url) {
        unsigned char byte = static_cast<unsigned char>(c);

        if (control(c)
            || std::string_view(" ()[]<>\"\\`").find(c)
                   != std::string_view::npos)
        {
            out.push_back('%');
            out.push_back(kHex[byte >> 4]);
            out.push_back(kHex[byte & 0xf]);

        } else {
            out.push_back(c);
        }
    }
}

}  // namespace

std::string file_address(std::string_view url, std::string_view origin)
{
    std::string out;

    if (has_scheme(url)) {
        if (!begins_with(url, "http://") && !begins_with(url, "https://")) {
            return out;
        }

    } else if (!url.empty() && !begins_with(url, "//")) {
        while (!origin.empty() && origin.back() == '/') {
            origin.remove_suffix(1);
        }

        out.append(origin);

        if (!origin.empty() && url[0] != '/') {
            out.push_back('/');
        }
    }

    append_encoded(out, url);
    return out;
}

std::string file_link(std::string_view name, std::string_view address,
                      bool image)
{
    std::string out(image ? "![" : "[");

    for (char c : name.empty() ? std::string_view("file") : name) {
        if (control(c)) {
            out.push_back(' ');

        } else if (c == '<') {
            out.append("&lt;");  // also where "\<" is unknown

        } else {
            if (std::string_view("\\[]()*_`!").find(c)
                != std::string_view::npos)
            {
                out.push_back('\\');
            }

            out.push_back(c);
        }
    }

    return out.append("](").append(address).append(")");
}

}  // namespace opendify
