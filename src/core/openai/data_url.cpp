#include "openai/data_url.hpp"

#include <algorithm>
#include <array>
#include <cstddef>

#include "wire/ascii.hpp"
#include "wire/percent.hpp"

namespace opendify::openai {

namespace {

constexpr std::string_view kData = "data:";
constexpr std::string_view kBase64 = "base64";
constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

constexpr std::uint8_t kNoDigit = 64;

constexpr std::array<std::uint8_t, 256> make_digits()
{
    std::array<std::uint8_t, 256> table{};

    for (std::uint8_t &digit : table) {
        digit = kNoDigit;
    }

    for (std::size_t i = 0; i < kAlphabet.size(); i++) {
        table[static_cast<unsigned char>(kAlphabet[i])] =
            static_cast<std::uint8_t>(i);
    }

    table['-'] = table['+'];  // of the alphabet for URLs
    table['_'] = table['/'];

    return table;
}

constexpr std::array<std::uint8_t, 256> kDigits = make_digits();

std::uint32_t digit_of(char c)
{
    return kDigits[static_cast<unsigned char>(c)];
}

// Four digits at a time, as long as there are; how many characters.
std::size_t decode_whole(std::string_view text, std::string &bytes)
{
    constexpr std::size_t kBlock = 768;

    char        block[kBlock];
    std::size_t size = 0;
    std::size_t at = 0;

    for (; at + 4 <= text.size(); at += 4) {
        const std::uint32_t a = digit_of(text[at]);
        const std::uint32_t b = digit_of(text[at + 1]);
        const std::uint32_t c = digit_of(text[at + 2]);
        const std::uint32_t d = digit_of(text[at + 3]);

        if (((a | b | c | d) & kNoDigit) != 0) {
            break;
        }

        const std::uint32_t bits = a << 18 | b << 12 | c << 6 | d;

        block[size] = static_cast<char>(bits >> 16);
        block[size + 1] = static_cast<char>(bits >> 8);
        block[size + 2] = static_cast<char>(bits);
        size += 3;

        if (size == kBlock) {
            bytes.append(block, size);
            size = 0;
        }
    }

    bytes.append(block, size);

    return at;
}

constexpr std::string_view kBlanks = " \t\r\n";

// The one before the data: what a parameter has in quotes may have more.
std::size_t find_comma(std::string_view url)
{
    constexpr std::size_t kMaxHead = 4096;

    bool quoted = false;

    for (std::size_t i = 0; i < std::min(url.size(), kMaxHead); i++) {
        if (url[i] == ',' && !quoted) {
            return i;
        }

        quoted ^= url[i] == '"';
    }

    return url.find(',');
}

// Whether "base64" is one of the parameters behind the mime.
bool says_base64(std::string_view head)
{
    std::size_t at = head.find(';');

    while (at != std::string_view::npos) {
        const std::size_t next = head.find(';', at + 1);

        if (without_blanks(head.substr(at + 1, next - at - 1)) == kBase64) {
            return true;
        }

        at = next;
    }

    return false;
}

}  // namespace

std::string_view without_blanks(std::string_view text)
{
    text.remove_prefix(std::min(text.size(), text.find_first_not_of(kBlanks)));

    return text.substr(0, text.find_last_not_of(kBlanks) + 1);
}

std::string mime_in(std::string_view text)
{
    std::string mime =
        wire::lower_case(without_blanks(text.substr(0, text.find(';'))));

    return mime.find('/') != std::string::npos
                   && mime.find_first_not_of(
                          "abcdefghijklmnopqrstuvwxyz0123456789/!#$&-^_.+")
                          == std::string::npos
               ? mime
               : "";
}

bool has_scheme(std::string_view url, std::string_view scheme)
{
    return wire::lower_case(url.substr(0, scheme.size())) == scheme;
}

bool Base64Decoder::add(std::string_view text, std::string &bytes)
{
    while (!text.empty()) {
        if (characters_ % 4 == 0 && padding_ == 0) {
            const std::size_t whole = decode_whole(text, bytes);

            characters_ += whole;
            text.remove_prefix(whole);
        }

        if (!text.empty() && !add_one(text.front(), bytes)) {
            return false;
        }

        text.remove_prefix(text.empty() ? 0 : 1);
    }

    return true;
}

bool Base64Decoder::add_one(char c, std::string &bytes)
{
    if (kBlanks.find(c) != std::string_view::npos) {
        return true;
    }

    const std::size_t place = characters_++ % 4;

    if (c == '=') {
        padding_++;
        return place >= 2;
    }

    if (padding_ != 0 || digit_of(c) == kNoDigit) {
        return false;
    }

    bits_ = (bits_ << 6 | digit_of(c)) & 0xffffff;

    if (place > 0) {
        bytes += static_cast<char>(bits_ >> (6 - 2 * place));
    }

    return true;
}

bool decode_base64(std::string_view text, std::string &bytes)
{
    Base64Decoder decoder;

    bytes.clear();
    bytes.reserve(text.size() / 4 * 3);

    return decoder.add(text, bytes) && decoder.finish();
}

bool split_data_url(std::string_view url, DataUrl &out)
{
    url = without_blanks(url);

    const std::size_t comma = find_comma(url);

    if (!has_scheme(url, kData) || comma == std::string_view::npos) {
        return false;
    }

    const std::string head =
        wire::lower_case(url.substr(kData.size(), comma - kData.size()));

    out.data = url.substr(comma + 1);

    if (out.data.find('%') != std::string_view::npos) {
        out.plain = wire::percent_decoded(out.data);
        out.data = out.plain;
    }

    out.mime = mime_in(head);
    out.base64 = says_base64(head);

    return true;
}

bool decode_data_url(std::string_view url, std::string &mime,
                     std::string &bytes)
{
    DataUrl parts;

    if (!split_data_url(url, parts)) {
        return false;
    }

    mime = parts.mime;

    if (parts.base64) {
        return decode_base64(parts.data, bytes);
    }

    bytes = parts.data;
    return true;
}

}  // namespace opendify::openai
