#include "dify/short_text.hpp"

#include <algorithm>
#include <array>

#include "wire/utf8.hpp"

namespace opendify::dify {

namespace {

constexpr std::size_t kMaxAddressBytes = 4096;
constexpr std::size_t kMaxIdBytes = 64;

bool is_gap(char c)
{
    return static_cast<unsigned char>(c) <= 0x20 || c == 0x7f;
}

bool is_plain(std::string_view url)
{
    if (url.size() > kMaxAddressBytes) {
        return false;
    }

    for (const char c : url) {
        if (is_gap(c) || c == '<' || c == '>' || c == '"') {
            return false;
        }
    }

    return true;
}

constexpr std::array<bool, 256> make_id_bytes()
{
    std::array<bool, 256> table{};

    for (const char c : std::string_view("abcdefghijklmnopqrstuvwxyz-_"
                                         "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                         "0123456789"))
    {
        table[static_cast<unsigned char>(c)] = true;
    }

    return table;
}

constexpr std::array<bool, 256> kIdBytes = make_id_bytes();

bool begins_with(std::string_view text, std::string_view head)
{
    return text.substr(0, head.size()) == head && text.size() > head.size();
}

}  // namespace

std::string_view first_bytes(std::string_view utf8, std::size_t max_bytes)
{
    if (utf8.size() <= max_bytes) {
        return utf8;
    }

    std::size_t size = max_bytes;
    while (size > 0
           && (static_cast<unsigned char>(utf8[size]) & 0xc0) == 0x80) {
        size--;
    }

    return utf8.substr(0, size);
}

std::string one_line(std::string_view utf8, std::size_t max_chars)
{
    std::string out;
    std::size_t chars = 0;
    bool        gap = false;

    for (std::size_t at = 0; at < utf8.size();) {
        const std::size_t size = wire::utf8_unit(utf8, at).size;
        const bool        blank = size == 1 && is_gap(utf8[at]);

        if (blank) {
            gap = !out.empty();

        } else if (chars + (gap ? 2 : 1) > max_chars) {
            return out + "…";

        } else {
            chars += gap ? 2 : 1;
            out.append(gap ? " " : "").append(utf8.substr(at, size));
            gap = false;
        }

        at += size;
    }

    return out;
}

bool is_web_address(std::string_view url)
{
    return (begins_with(url, "http://") || begins_with(url, "https://"))
           && is_plain(url);
}

bool is_address(std::string_view url)
{
    return is_web_address(url) || (begins_with(url, "/") && is_plain(url));
}

bool is_id(std::string_view text)
{
    return !text.empty() && text.size() <= kMaxIdBytes
           && std::all_of(text.begin(), text.end(), [](unsigned char c) {
                  return kIdBytes[c];
              });
}

}  // namespace opendify::dify
