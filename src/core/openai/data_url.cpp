#include "openai/data_url.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <cstddef>

#include "wire/ascii.hpp"
#include "wire/percent.hpp"

namespace opendify::openai {

namespace {

constexpr std::string_view kData = "data:";
constexpr std::string_view kBase64 = ";base64";
constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

// OpenSSL counts with an int.
constexpr std::size_t kBlock = std::size_t{1} << 20;

constexpr std::array<bool, 256> make_alphabet()
{
    std::array<bool, 256> table{};

    for (char c : kAlphabet) {
        table[static_cast<unsigned char>(c)] = true;
    }

    return table;
}

constexpr std::array<bool, 256> kInAlphabet = make_alphabet();

std::size_t padding_of(std::string_view text)
{
    std::size_t size = 0;

    while (size < 2 && size < text.size()
           && text[text.size() - 1 - size] == '=')
    {
        size++;
    }

    return size;
}

// It ends up in a header.
bool is_mime(std::string_view text)
{
    return text.find('/') != std::string_view::npos
           && text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789"
                                     "/!#$&-^_.+") == std::string_view::npos;
}

}  // namespace

bool has_scheme(std::string_view url, std::string_view scheme)
{
    return wire::lower_case(url.substr(0, scheme.size())) == scheme;
}

bool decode_base64(std::string_view text, std::string &bytes)
{
    const std::size_t padding = padding_of(text);

    // OpenSSL overlooks blanks and padding in odd places.
    if (text.size() % 4 != 0
        || !std::all_of(text.begin(), text.end() - padding, [](char c) {
               return kInAlphabet[static_cast<unsigned char>(c)];
           }))
    {
        return false;
    }

    bytes.resize(text.size() / 4 * 3);

    const auto *in = reinterpret_cast<const unsigned char *>(text.data());
    auto       *out = reinterpret_cast<unsigned char *>(bytes.data());

    for (std::size_t at = 0; at < text.size(); at += kBlock) {
        int size = static_cast<int>(std::min(kBlock, text.size() - at));

        if (EVP_DecodeBlock(out + at / 4 * 3, in + at, size) < 0) {
            return false;
        }
    }

    bytes.resize(bytes.size() - padding);
    return true;
}

bool decode_data_url(std::string_view url, std::string &mime,
                     std::string &bytes)
{
    const std::size_t comma = url.find(',');

    if (!has_scheme(url, kData) || comma == std::string_view::npos) {
        return false;
    }

    const std::string head =
        wire::lower_case(url.substr(kData.size(), comma - kData.size()));
    std::string_view data = url.substr(comma + 1);
    std::string      plain;

    if (data.find('%') != std::string_view::npos) {
        plain = wire::percent_decoded(data);
        data = plain;
    }

    mime = head.substr(0, head.find(';'));

    if (!is_mime(mime)) {
        mime.clear();
    }

    if (head.size() >= kBase64.size()
        && head.compare(head.size() - kBase64.size(), kBase64.size(),
                        kBase64) == 0)
    {
        return decode_base64(data, bytes);
    }

    bytes = data;
    return true;
}

}  // namespace opendify::openai
