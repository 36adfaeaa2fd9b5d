// What is hashed: for each message its role, its trimmed text, the length of
// that text. Read from the end this has one meaning only, so the borders of
// messages cannot be moved by their text.
//
// A message is closed not by end() but by the next one: until then an
// assistant message may still be lengthened.
//
// An answer may come back with its thoughts and our blocks, or a client may
// have dropped them: they are left out wherever they stand. The blocks end an
// answer, so all that follows the mark of one is left out.

#include "opendify/fingerprint.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <exception>
#include <new>

#include "flow/think_splitter.hpp"

namespace opendify {
namespace {

constexpr std::string_view kBlanks = " \t\r\n";

// What is left of kOurBlock when its blanks are trimmed, as they are where it
// begins a message. Only its first character is a "[".
constexpr std::string_view kBlockMark =
    kOurBlock.substr(kOurBlock.find_first_not_of(kBlanks));

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

struct Fingerprint::State : ThinkSink {
    void on_text(std::string_view piece) override;
    void on_thought(std::string_view) override {}
    void on_thought_end() override {}
    void open(Role next);
    void close();
    void add_text(std::string_view piece);

    Sha256        hash;
    bool          any = false;      // a message was begun
    bool          reading = false;  // add() belongs to it
    Role          role = Role::user;
    std::uint64_t length = 0;       // of its text, as hashed
    std::string   blanks;           // after that text; kept if more follows

    // Of an answer:
    ThinkSplitter splitter{ThinkSplitter::Tags::anywhere};
    std::size_t   mark = 0;           // so much of kBlockMark was seen
    bool          line_begin = true;
};

void Fingerprint::State::open(Role next)
{
    if (any) {
        close();
    }

    any = true;
    role = next;
    length = 0;
    blanks.clear();
    mark = 0;
    line_begin = true;
    hash.add(role == Role::user ? "u" : "a");
}

void Fingerprint::State::close()
{
    splitter.finish(*this);

    if (mark < kBlockMark.size()) {
        add_text(kBlockMark.substr(0, mark));
    }

    hash.add_length(length);
}

void Fingerprint::State::on_text(std::string_view piece)
{
    std::size_t begin = 0;  // of what was not added yet

    for (std::size_t i = 0; i < piece.size(); i++) {
        if (mark == kBlockMark.size()) {
            return;
        }

        if (mark > 0 && piece[i] == kBlockMark[mark]) {
            mark++;
            begin = i + 1;
            continue;
        }

        if (mark > 0) {
            add_text(kBlockMark.substr(0, mark));
            mark = 0;
        }

        if (line_begin && piece[i] == kBlockMark[0]) {
            add_text(piece.substr(begin, i - begin));
            mark = 1;
            begin = i + 1;
        }

        line_begin = piece[i] == '\n';
    }

    add_text(piece.substr(begin));
}

void Fingerprint::State::add_text(std::string_view piece)
{
    if (length == 0) {
        piece.remove_prefix(
            std::min(piece.find_first_not_of(kBlanks), piece.size()));
    }

    const std::size_t last = piece.find_last_not_of(kBlanks);
    if (last == std::string_view::npos) {
        blanks.append(piece);
        return;
    }

    const std::string_view text = piece.substr(0, last + 1);
    hash.add(blanks);
    hash.add(text);
    length += blanks.size() + text.size();
    blanks.assign(piece.substr(last + 1));
}

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

    state.open(role);
}

void Fingerprint::add(std::string_view piece)
{
    State &state = *state_;

    if (!state.reading) {
        return;
    }

    if (state.role == Role::assistant) {
        state.splitter.feed(piece, state);

    } else {
        state.add_text(piece);
    }
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
    State state = *state_;

    if (state.any) {
        state.close();
    }

    return state.hash.finish();
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
