// The one hash of this directory.

#ifndef OPENDIFY_STATE_SHA256_HPP
#define OPENDIFY_STATE_SHA256_HPP

#include <openssl/sha.h>

#include <array>
#include <cstdint>
#include <string_view>

#include "opendify/fingerprint.hpp"

namespace opendify::state {

// A plain value: what is hashed here is mostly a line or two, and OpenSSL's
// EVP interface takes longer to look the algorithm up, allocate and free than
// to hash them.
class Sha256 {
public:
    Sha256();

    void add(std::string_view bytes);
    // Little-endian, whatever the machine: digests outlive it in snapshots.
    void add_length(std::uint64_t length);

    // The first 128 bits; nothing may be added after it.
    Digest finish();

private:
    SHA256_CTX context_;
};

using Mac = std::array<std::uint8_t, SHA256_DIGEST_LENGTH>;

// HMAC-SHA256 (RFC 2104).
Mac hmac_sha256(std::string_view key, std::string_view text);

inline std::string_view bytes_of(const Digest &digest)
{
    return { reinterpret_cast<const char *>(digest.data()), digest.size() };
}

}  // namespace opendify::state

#endif
