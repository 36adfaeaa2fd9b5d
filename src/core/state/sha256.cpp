#include "state/sha256.hpp"

#include <algorithm>
#include <exception>
#include <new>

namespace opendify {

namespace {

// OpenSSL's own answer to a failed allocation is 0 or null.
void must(bool done)
{
    if (!done) {
        std::rethrow_exception(std::make_exception_ptr(std::bad_alloc()));
    }
}

}  // namespace

namespace state {

// Copied from one that is ready: OpenSSL looks the algorithm up at every
// start, which costs more than to hash a line.
Sha256::Sha256() : Sha256(ready())
{
}

Sha256::Sha256(Ready) : context_(EVP_MD_CTX_new())
{
    must(context_ != nullptr);
    must(EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) == 1);
}

const Sha256 &Sha256::ready()
{
    static const Sha256 hash{Ready{}};

    return hash;
}

Sha256::Sha256(const Sha256 &other) : context_(EVP_MD_CTX_new())
{
    must(context_ != nullptr);
    must(EVP_MD_CTX_copy_ex(context_.get(), other.context_.get()) == 1);
}

void Sha256::add(std::string_view bytes)
{
    must(EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()) == 1);
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
    std::uint8_t whole[EVP_MAX_MD_SIZE];
    Digest       digest;

    must(EVP_DigestFinal_ex(context_.get(), whole, nullptr) == 1);
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
