// What is hashed: the digest of the instructions, if there are any; then for
// each message its role, its trimmed text, the length of
// that text; then in the same form each of its files, of which the text is
// the hash of the bytes, or the address. Read from the end this has one meaning
// only, so the borders of messages cannot be moved by their text.
//
// A message is closed not by end() but by the next one: until then an
// assistant message may still be lengthened.
//
// An answer may come back with its thoughts and our blocks, or a client may
// have dropped them: they are left out wherever they stand. The blocks end an
// answer, so all that follows the mark of one is left out.

#include "opendify/fingerprint.hpp"

#include <algorithm>

#include "flow/think_splitter.hpp"
#include "state/normal_text.hpp"
#include "state/sha256.hpp"

namespace opendify {
namespace {

// What clients trim: blanks, no-break and ideographic spaces.
constexpr std::string_view kBlanks = " \t\r\n\v\f";
constexpr std::string_view kWide[] = { "\xc2\xa0", "\xe3\x80\x80" };

// How a wide one begins.
constexpr std::string_view kCut[] = { "\xe3\x80", "\xe3", "\xc2" };

// What is left of kOurBlock when its blanks are trimmed, as they are where it
// begins a message. Only its first character is a "[".
constexpr std::string_view kBlockMark =
    kOurBlock.substr(kOurBlock.find_first_not_of(kBlanks));

// What begins a record.
constexpr char kInstructions = 'i';
constexpr char kUser = 'u';
constexpr char kAssistant = 'a';
constexpr char kBytes = 'b';
constexpr char kAddress = 'l';

bool ends_with(std::string_view text, std::string_view with)
{
    return text.size() >= with.size()
           && text.substr(text.size() - with.size()) == with;
}

// How many bytes the wide blank has that begins or ends the text; 0: none.
std::size_t leading_wide(std::string_view text)
{
    for (const std::string_view wide : kWide) {
        if (text.substr(0, wide.size()) == wide) {
            return wide.size();
        }
    }

    return 0;
}

std::size_t trailing_wide(std::string_view text)
{
    for (const std::string_view wide : kWide) {
        if (ends_with(text, wide)) {
            return wide.size();
        }
    }

    return 0;
}

std::string_view without_leading(std::string_view text)
{
    std::size_t wide;

    do {
        text.remove_prefix(
            std::min(text.find_first_not_of(kBlanks), text.size()));
        wide = leading_wide(text);
        text.remove_prefix(wide);
    } while (wide > 0);

    return text;
}

// How many bytes at the end may begin a wide blank.
std::size_t cut_size(std::string_view text)
{
    for (const std::string_view cut : kCut) {
        if (ends_with(text, cut)) {
            return cut.size();
        }
    }

    return 0;
}

std::string_view without_trailing(std::string_view text)
{
    std::size_t wide;

    text.remove_suffix(cut_size(text));

    do {
        text = text.substr(0, text.find_last_not_of(kBlanks) + 1);
        wide = trailing_wide(text);
        text.remove_suffix(wide);
    } while (wide > 0);

    return text;
}

bool counts(Role role)
{
    return role == Role::user || role == Role::assistant;
}

}  // namespace

struct Fingerprint::State : ThinkSink {
    void on_text(std::string_view piece) override;
    void on_thought(std::string_view) override {}
    void on_thought_end() override {}
    void open(char next);
    void close();
    void add_text(std::string_view piece);

    state::Sha256 hash;
    char          kind = 0;         // of the open record, 0: none yet
    bool          reading = false;  // add() belongs to it
    std::uint64_t length = 0;       // of its text, as hashed
    std::string   blanks;           // after that text; kept if more follows

    // Of an answer:
    ThinkSplitter splitter{ThinkSplitter::Tags::anywhere};
    std::size_t   mark = 0;           // so much of kBlockMark was seen
    bool          line_begin = true;
};

void Fingerprint::State::open(char next)
{
    if (kind != 0) {
        close();
    }

    kind = next;
    length = 0;
    blanks.clear();
    mark = 0;
    line_begin = true;
    hash.add({&kind, 1});
}

void Fingerprint::State::close()
{
    if (kind == kAssistant) {
        splitter.finish(*this);
    }

    if (mark > 0 && mark < kBlockMark.size()) {
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
            line_begin = false;
            continue;
        }

        i = std::min(piece.find('\n', i), piece.size());
        line_begin = i < piece.size();
    }

    add_text(piece.substr(begin));
}

void Fingerprint::State::add_text(std::string_view piece)
{
    const std::size_t cut = cut_size(blanks);
    std::string       joined;

    if (cut > 0) {
        joined = blanks.substr(blanks.size() - cut).append(piece);
        blanks.resize(blanks.size() - cut);
        piece = joined;
    }

    if (length == 0) {
        piece = without_leading(piece);
    }

    const std::string_view text = without_trailing(piece);

    if (!text.empty()) {
        hash.add(blanks);
        hash.add(text);
        length += blanks.size() + text.size();
        blanks.clear();
    }

    blanks.append(piece.substr(text.size()));
}

Fingerprint::Fingerprint() : state_(std::make_unique<State>())
{
}

Fingerprint::Fingerprint(const Digest &instructions) : Fingerprint()
{
    state_->hash.add({&kInstructions, 1});
    state_->hash.add(state::bytes_of(instructions));
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

    if (role == Role::user) {
        state.open(kUser);

    } else if (state.kind != kAssistant) {
        state.open(kAssistant);
    }
}

void Fingerprint::add(std::string_view piece)
{
    State &state = *state_;

    if (!state.reading) {
        return;
    }

    if (state.kind == kAssistant) {
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
    add(role == Role::user ? state::asked_text(text) : text);
    end();
}

void Fingerprint::message(const Message &message)
{
    this->message(message.role, message.text);

    for (const Attachment &file : message.files) {
        if (message.role == Role::user) {
            this->file(file);
        }
    }
}

void Fingerprint::file(const Attachment &file)
{
    State &state = *state_;

    if (!file.url.empty()) {
        state.open(kAddress);
        state.add_text(file.url);
        return;
    }

    const Digest content =
        file.content ? *file.content : digest_of({file.bytes});

    state.open(kBytes);
    state.hash.add({reinterpret_cast<const char *>(content.data()),
                    content.size()});
    state.length = content.size();
}

Digest Fingerprint::digest() const
{
    State state = *state_;

    if (state.kind != 0) {
        state.close();
    }

    return state.hash.finish();
}

Fingerprint turn_fingerprint(const Turn &turn, std::optional<Digest> *history)
{
    return turn_fingerprint(turn, history,
                            turn_instructions(turn, ToldApart::by_text));
}

Fingerprint turn_fingerprint(const Turn &turn, std::optional<Digest> *history,
                             const std::optional<Digest> &instructions)
{
    const auto last = std::find_if(
        turn.messages.rbegin(), turn.messages.rend(),
        [](const Message &m) { return m.role == Role::assistant; });
    Fingerprint fingerprint =
        instructions ? Fingerprint(*instructions) : Fingerprint();

    for (auto m = turn.messages.begin(); m != last.base(); ++m) {
        fingerprint.message(*m);
    }

    if (history != nullptr) {
        *history = last == turn.messages.rend()
                       ? std::nullopt
                       : std::optional(fingerprint.digest());
    }

    for (auto m = last.base(); m != turn.messages.end(); ++m) {
        fingerprint.message(*m);
    }

    return fingerprint;
}

}  // namespace opendify
