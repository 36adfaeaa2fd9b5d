// OpenSSL 3 would have everybody use EVP, see the header.
#define OPENSSL_SUPPRESS_DEPRECATED

#include "state/sha256.hpp"

#include <algorithm>

namespace opendify {

namespace {

constexpr std::size_t kLength = 8;

void write_length(std::uint64_t length, char *to)
{
    const auto byte = [length](unsigned n) {
        return static_cast<char>(length >> 8 * n & 0xff);
    };

    // Spelled out, compilers make one store of it.
    to[0] = byte(0);
    to[1] = byte(1);
    to[2] = byte(2);
    to[3] = byte(3);
    to[4] = byte(4);
    to[5] = byte(5);
    to[6] = byte(6);
    to[7] = byte(7);
}

}  // namespace

namespace state {

Sha256::Sha256()
{
    SHA256_Init(&context_);
}

void Sha256::add(std::string_view bytes)
{
    SHA256_Update(&context_, bytes.data(), bytes.size());
}

void Sha256::add_length(std::uint64_t length)
{
    char bytes[kLength];

    write_length(length, bytes);
    add({bytes, sizeof(bytes)});
}

Digest Sha256::finish()
{
    std::uint8_t whole[SHA256_DIGEST_LENGTH];
    Digest       digest;

    SHA256_Final(whole, &context_);
    std::copy_n(whole, digest.size(), digest.begin());

    return digest;
}

namespace {

constexpr std::size_t kBlock = 64;  // of SHA-256, bytes

Mac finish_whole(SHA256_CTX &context)
{
    Mac mac;
    SHA256_Final(mac.data(), &context);

    return mac;
}

// Of a pad of the key's and a text.
Mac padded_hash(const std::array<std::uint8_t, kBlock> &key, std::uint8_t pad,
                const void *text, std::size_t size)
{
    std::array<std::uint8_t, kBlock> block;
    SHA256_CTX                       context;

    std::transform(key.begin(), key.end(), block.begin(), [pad](auto byte) {
        return static_cast<std::uint8_t>(byte ^ pad);
    });

    SHA256_Init(&context);
    SHA256_Update(&context, block.data(), block.size());
    SHA256_Update(&context, text, size);

    return finish_whole(context);
}

}  // namespace

Mac hmac_sha256(std::string_view key, std::string_view text)
{
    std::array<std::uint8_t, kBlock> padded = {};

    if (key.size() > kBlock) {
        SHA256_CTX context;
        SHA256_Init(&context);
        SHA256_Update(&context, key.data(), key.size());

        const Mac hash = finish_whole(context);
        std::copy(hash.begin(), hash.end(), padded.begin());

    } else {
        std::copy(key.begin(), key.end(), padded.begin());
    }

    const Mac inner = padded_hash(padded, 0x36, text.data(), text.size());

    return padded_hash(padded, 0x5c, inner.data(), inner.size());
}

}  // namespace state

// Short parts are put together first: one call less for each.
Digest digest_of(std::initializer_list<std::string_view> parts)
{
    constexpr std::size_t kShort = 128;

    state::Sha256 hash;
    char          text[kShort];
    std::size_t   size = 0;

    for (const std::string_view part : parts) {
        if (size + kLength + part.size() > kShort) {
            hash.add({text, size});
            size = 0;
        }

        write_length(part.size(), text + size);
        size += kLength;

        if (size + part.size() > kShort) {
            hash.add({text, size});
            hash.add(part);
            size = 0;

        } else {
            size += part.copy(text + size, part.size());
        }
    }

    hash.add({text, size});

    return hash.finish();
}

}  // namespace opendify
