// OpenSSL 3 would have everybody use EVP, see the header.
#define OPENSSL_SUPPRESS_DEPRECATED

#include "state/sha256.hpp"

#include <algorithm>

namespace opendify {

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
    char bytes[8];

    for (char &byte : bytes) {
        byte = static_cast<char>(length & 0xff);
        length >>= 8;
    }

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

}  // namespace state

Digest digest_of(std::initializer_list<std::string_view> parts)
{
    state::Sha256 hash;

    for (const std::string_view part : parts) {
        hash.add_length(part.size());
        hash.add(part);
    }

    return hash.finish();
}

}  // namespace opendify
