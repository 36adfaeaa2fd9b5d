// Identity of a history, independent of how a client stores it: SHA-256 over
// role, trimmed text and files of the messages, tool messages left out. A text
// of the user's is what the person asked, without what a client put around it
// for one turn: a wrapper of documents, lists of files. Instructions (system
// and developer messages) count wherever they stand, with what of them stays
// the same from turn to turn: other instructions make another history.

#ifndef OPENDIFY_FINGERPRINT_HPP
#define OPENDIFY_FINGERPRINT_HPP

#include <array>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "opendify/turn.hpp"

namespace opendify {

using Digest = std::array<std::uint8_t, 16>;  // first 128 bits of a SHA-256

class Fingerprint {
public:
    Fingerprint();
    // Of a history under these instructions.
    explicit Fingerprint(const Digest &instructions);
    ~Fingerprint();
    Fingerprint(const Fingerprint &other);
    Fingerprint(Fingerprint &&other) noexcept;
    Fingerprint &operator=(Fingerprint other) noexcept;

    // A message is begin, any number of pieces, end. Blanks at both ends (those
    // of ASCII, no-break and ideographic spaces) do not count, however the text
    // is cut. An assistant message right after an assistant message lengthens
    // it, without a separator (clients glue a continued answer that way).
    // System and tool messages are ignored here, of an assistant message also
    // its thoughts (between <think> tags, in <details type="reasoning">) and all
    // that follows a line that begins as kOurBlock does.
    void begin(Role role);
    void add(std::string_view piece);
    void end();

    // One whole message. Only as a whole can a user's text be told from what
    // a client put around it.
    void message(Role role, std::string_view text);

    // With its files, in order: by content, or by address. Their names and
    // types do not count.
    void message(const Message &message);

    // Of all messages so far, an open one included. Does not disturb.
    Digest digest() const;

private:
    void file(const Attachment &file);

    struct State;
    std::unique_ptr<State> state_;
};

// What tells whose words may be answered to whom.
enum class ToldApart {
    by_text,  // nothing else is known: all of the instructions counts
    by_name,  // of a user or a chat: what a client renews for each question
              // (retrieved sources, memories, a summary) does not
};

// Of all system and developer messages, without numbers, dates and blanks at
// the ends; their order does not count, nor that one is there twice. Nothing
// if that leaves nothing. Linear in their size.
std::optional<Digest> turn_instructions(const Turn &turn, ToldApart told_apart);

// Of all the messages of the turn, ready for the answer's text. `history` is
// set to the digest up to and with the last assistant message, or to nothing.
// `instructions` are turn_instructions(), those of ToldApart::by_text where
// they are not given.
Fingerprint turn_fingerprint(const Turn &turn,
                             std::optional<Digest> *history = nullptr);
Fingerprint turn_fingerprint(const Turn &turn, std::optional<Digest> *history,
                             const std::optional<Digest> &instructions);

// 128 bits over the parts, each preceded by its length.
Digest digest_of(std::initializer_list<std::string_view> parts);

}  // namespace opendify

#endif
