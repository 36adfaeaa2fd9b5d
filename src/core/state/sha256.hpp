// The one hash of this directory.

#ifndef OPENDIFY_STATE_SHA256_HPP
#define OPENDIFY_STATE_SHA256_HPP

#include <openssl/evp.h>

#include <cstdint>
#include <memory>
#include <string_view>

#include "opendify/fingerprint.hpp"

namespace opendify::state {

// Every call throws bad_alloc where OpenSSL says 0 or null.
class Sha256 {
public:
    Sha256();
    Sha256(const Sha256 &other);

    void add(std::string_view bytes);
    // Little-endian, whatever the machine: digests outlive it in snapshots.
    void add_length(std::uint64_t length);

    // The first 128 bits; nothing may be added after it.
    Digest finish();

private:
    struct Ready {};

    explicit Sha256(Ready);
    static const Sha256 &ready();

    struct Free {
        void operator()(EVP_MD_CTX *context) const
        {
            EVP_MD_CTX_free(context);
        }
    };

    std::unique_ptr<EVP_MD_CTX, Free> context_;
};

}  // namespace opendify::state

#endif
