#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>

#include "openai/data_url.hpp"

namespace opendify::openai {

namespace {

constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

// The slow and simple way.
std::string encoded(const std::string &bytes)
{
    std::string out;

    for (std::size_t at = 0; at < bytes.size(); at += 3) {
        unsigned group = 0;

        for (std::size_t i = at; i < at + 3; i++) {
            group = group << 8
                    | (i < bytes.size()
                           ? static_cast<unsigned char>(bytes[i]) : 0u);
        }

        for (std::size_t i = 0; i < 4; i++) {
            out += at + i > bytes.size()
                       ? '=' : kAlphabet[group >> (18 - 6 * i) & 63];
        }
    }

    return out;
}

TEST(DataUrl, DecodesBase64OfEveryLength)
{
    std::mt19937 random(7);
    std::string  bytes;

    for (std::size_t size = 0; size < 70; size++) {
        std::string out = "old";

        ASSERT_TRUE(decode_base64(encoded(bytes), out)) << size;
        ASSERT_EQ(out, bytes);
        bytes += static_cast<char>(random());
    }
}

TEST(DataUrl, DecodesAcrossBlocks)
{
    std::mt19937 random(8);
    std::string  bytes(2000003, '\0');
    std::string  out;

    for (char &c : bytes) {
        c = static_cast<char>(random());
    }

    ASSERT_TRUE(decode_base64(encoded(bytes), out));
    EXPECT_EQ(out, bytes);
}

TEST(DataUrl, RefusesWhatIsNotBase64)
{
    std::string out;

    for (std::string_view text :
         {"A", "AAAAA", "AA==A", "====", "A===", "=AAA", "AA=A", "AA=",
          "AA=\n", "AAA\xc3", "AAAA=", "AA==AA==", "AA==\nAA==", "A\nA,A",
          "AA\fAA", "AA\vAA", "AA\xa0", "%%%%", "A \n", "AA*A"})
    {
        EXPECT_FALSE(decode_base64(text, out)) << text;
    }

    EXPECT_FALSE(decode_base64(std::string_view("AA\0A", 4), out));
}

// In lines and blanks, unpadded, in either alphabet, in any pieces.
TEST(DataUrl, ReadsBase64AsEncodersWriteIt)
{
    std::mt19937 random(9);
    std::string  bytes;

    while (bytes.size() < 300) {
        bytes += static_cast<char>(random());

        std::string plain = encoded(bytes);
        std::string urls = plain.substr(0, plain.find('='));

        for (char &c : urls) {
            c = c == '+' ? '-' : c == '/' ? '_' : c;
        }

        for (std::string_view end : {"\n", "\r\n", " ", "\t", " \r\n\t"}) {
            for (std::size_t width : {1u, 4u, 60u, 75u, 76u}) {
                std::string lines(end);

                for (std::size_t at = 0; at < plain.size(); at += width) {
                    lines.append(plain.substr(at, width)).append(end);
                }

                std::string out;
                ASSERT_TRUE(decode_base64(lines, out)) << lines;
                ASSERT_EQ(out, bytes);
            }
        }

        std::string   out;
        Base64Decoder decoder;

        for (std::string_view rest = urls; !rest.empty();) {
            const std::size_t cut = 1 + random() % 7;

            ASSERT_TRUE(decoder.add(rest.substr(0, cut), out));
            rest.remove_prefix(std::min(cut, rest.size()));
        }

        ASSERT_TRUE(decoder.finish());
        ASSERT_EQ(out, bytes);
    }
}

TEST(DataUrl, ReadsUrls)
{
    struct {
        std::string_view url;
        std::string      mime;
        std::string      bytes;
    } cases[] = {
        { "data:image/png;base64,aGk=", "image/png", "hi" },
        { "DATA:Image/PNG;Base64,aGk=", "image/png", "hi" },
        { "data:image/png;name=a.png;base64,aGk=", "image/png", "hi" },
        { "data:image/png;base64,aGk%3D", "image/png", "hi" },
        { "data:image/png;base64,aGk%0A", "image/png", "hi" },
        { "data:image/png;base64, aG\r\nk", "image/png", "hi" },
        { "\n data:image/png; BASE64 ,aGk", "image/png", "hi" },
        { "data:image/png;name=\"a,b.png\";base64,aGk=", "image/png", "hi" },
        { "data:text/plain;name=\"a,hi", "text/plain", "hi" },
        { "data:image/png;base64;name=a.png,aGk=", "image/png", "hi" },
        { "data:image/png;charset=utf-8;name=b;base64,aGk=", "image/png",
          "hi" },
        { "data:;base64,aGk=", "", "hi" },
        { "data:text/plain,a%20b,c", "text/plain", "a b,c" },
        { "data:text/plain;charset=utf-8,hi", "text/plain", "hi" },
        { "data:,hi", "", "hi" },
        { "data:image/png;base64,", "image/png", "" },
        { "data:application/vnd.ms-excel;base64,aGk=",
          "application/vnd.ms-excel", "hi" },
    };

    for (const auto &row : cases) {
        std::string mime = "old";
        std::string bytes = "old";

        EXPECT_TRUE(decode_data_url(row.url, mime, bytes)) << row.url;
        EXPECT_EQ(mime, row.mime) << row.url;
        EXPECT_EQ(bytes, row.bytes) << row.url;
    }
}

TEST(DataUrl, RefusesOtherUrls)
{
    std::string mime;
    std::string bytes;

    for (std::string_view url :
         {"", "data:", "data", "http://x/,a", "data:image/png;base64",
          "data:image/png;base64,a", "data:image/png;base64,aGk%3"})
    {
        EXPECT_FALSE(decode_data_url(url, mime, bytes)) << url;
    }
}

// It becomes a header of the upload.
TEST(DataUrl, AMimeIsOneToken)
{
    for (std::string_view url :
         {"data:a/b\r\nX: y;base64,aGk=", "data:a/b c;base64,aGk=",
          "data:png;base64,aGk=", "data:a/\"b\";base64,aGk=",
          "data:base64;base64,aGk="})
    {
        std::string mime = "old";
        std::string bytes;

        EXPECT_TRUE(decode_data_url(url, mime, bytes)) << url;
        EXPECT_EQ(mime, "") << url;
        EXPECT_EQ(bytes, "hi") << url;
    }
}

}  // namespace

}  // namespace opendify::openai
