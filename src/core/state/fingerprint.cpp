// What is hashed: for each message its role, its trimmed text, the length of
// that text. Read from the end this has one meaning only, so the borders of
// messages cannot be moved by their text.
//
// A message is closed not by end() but by the next one: until then an
// assistant message may still be lengthened.

#include "opendify/fingerprint.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <exception>
#include <new>

namespace opendify {
namespace {

constexpr std::string_view kBlanks = " \t\r\n";

// OpenSSL's own answer to a failed allocation is 0 or null.
void must(bool done)
{
    if (!done) {
        std::rethrow_exception(std::make_exception_ptr(std::bad_alloc()));
    }
}

struct ContextFree {
    void operator()(EVP_MD_CTX *context) const { EVP_MD_CTX_free(context); }
};

class Sha256 {
public:
    Sha256() : context_(EVP_MD_CTX_new())
    {
        must(context_ != nullptr);
        must(EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) == 1);
    }

    Sha256(const Sha256 &other) : context_(EVP_MD_CTX_new())
    {
        must(context_ != nullptr);
        must(EVP_MD_CTX_copy_ex(context_.get(), other.context_.get()) == 1);
    }

    void add(std::string_view bytes)
    {
        must(EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size())
             == 1);
    }

    // Little-endian, whatever the machine: digests outlive it in snapshots.
    void add_length(std::uint64_t length)
    {
        char bytes[8];

        for (char &byte : bytes) {
            byte = static_cast<char>(length & 0xff);
            length >>= 8;
        }

        add({ bytes, sizeof(bytes) });
    }

    Digest finish()
    {
        std::uint8_t whole[EVP_MAX_MD_SIZE];
        Digest digest;

        must(EVP_DigestFinal_ex(context_.get(), whole, nullptr) == 1);
        std::copy_n(whole, digest.size(), digest.begin());

        return digest;
    }

private:
    std::unique_ptr<EVP_MD_CTX, ContextFree> context_;
};

bool counts(Role role)
{
    return role == Role::user || role == Role::assistant;
}

}  // namespace

struct Fingerprint::State {
    Sha256        hash;
    bool          any = false;      // a message was begun
    bool          reading = false;  // add() belongs to it
    Role          role = Role::user;
    std::uint64_t length = 0;       // of its text, as hashed
    std::string   blanks;           // after that text; kept if more follows
};

Fingerprint::Fingerprint() : state_(std::make_unique<State>())
{
}

Fingerprint::~Fingerprint() = default;

Fingerprint::Fingerprint(const Fingerprint &other)
    : state_(std::make_unique<State>(*other.state_))
{
}

Fingerprint::Fingerprint(Fingerprint &&other) noexcept = default;

Fingerprint &Fingerprint::operator=(Fingerprint other) noexcept
{
    state_ = std::move(other.state_);
    return *this;
}

void Fingerprint::begin(Role role)
{
    State &state = *state_;

    state.reading = counts(role);
    if (!state.reading) {
        return;
    }

    if (state.any && role == Role::assistant && state.role == role) {
        return;
    }

    if (state.any) {
        state.hash.add_length(state.length);
    }

    state.any = true;
    state.role = role;
    state.length = 0;
    state.blanks.clear();
    state.hash.add(role == Role::user ? "u" : "a");
}

void Fingerprint::add(std::string_view piece)
{
    State &state = *state_;

    if (!state.reading) {
        return;
    }

    if (state.length == 0) {
        piece.remove_prefix(
            std::min(piece.find_first_not_of(kBlanks), piece.size()));
    }

    const std::size_t last = piece.find_last_not_of(kBlanks);
    if (last == std::string_view::npos) {
        state.blanks.append(piece);
        return;
    }

    const std::string_view text = piece.substr(0, last + 1);
    state.hash.add(state.blanks);
    state.hash.add(text);
    state.length += state.blanks.size() + text.size();
    state.blanks.assign(piece.substr(last + 1));
}

void Fingerprint::end()
{
    state_->reading = false;
}

void Fingerprint::message(Role role, std::string_view text)
{
    begin(role);
    add(text);
    end();
}

Digest Fingerprint::digest() const
{
    Sha256 hash = state_->hash;

    if (state_->any) {
        hash.add_length(state_->length);
    }

    return hash.finish();
}

bool history_digest(const Turn &turn, Digest &out)
{
    const auto last = std::find_if(
        turn.messages.rbegin(), turn.messages.rend(),
        [](const Message &m) { return m.role == Role::assistant; });
    if (last == turn.messages.rend()) {
        return false;
    }

    Fingerprint fingerprint;
    for (auto m = turn.messages.begin(); m != last.base(); ++m) {
        fingerprint.message(m->role, m->text);
    }

    out = fingerprint.digest();
    return true;
}

Fingerprint turn_fingerprint(const Turn &turn)
{
    Fingerprint fingerprint;

    for (const Message &message : turn.messages) {
        fingerprint.message(message.role, message.text);
    }

    return fingerprint;
}

Digest digest_of(std::initializer_list<std::string_view> parts)
{
    Sha256 hash;

    for (const std::string_view part : parts) {
        hash.add_length(part.size());
        hash.add(part);
    }

    return hash.finish();
}

}  // namespace opendify
