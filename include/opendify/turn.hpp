// The neutral middle: what a client asks (Turn) and what a backend answers
// (TurnEvent). No dialect appears here.

#ifndef OPENDIFY_TURN_HPP
#define OPENDIFY_TURN_HPP

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "opendify/result.hpp"

namespace opendify {

enum class Role { system, user, assistant, tool };

// A file that a message brings: `url` (http, https) or `bytes`, never both.
struct Attachment {
    enum class Kind { image, audio, video, document };

    Kind        kind = Kind::image;
    std::string url;
    std::string bytes;
    std::string name;       // with its extension, as the backend judges by it
    std::string mime;       // "" if nobody said
    std::string param;      // where it stood: "messages[2].content[1]"
    std::string upload_id;  // the backend's, once the bytes are there

    // Known beforehand of a large one: digest_of({bytes}).
    std::optional<std::array<std::uint8_t, 16>> content;
    // The caller has put the bytes there: how many, and its name for it.
    std::size_t spooled = 0;
    std::size_t spool = 0;

    bool has_data() const { return !bytes.empty() || spooled != 0; }
};

struct Message {
    Role                    role;
    std::string             text;  // text parts joined with "\n"; blanks kept
    std::vector<Attachment> files = {};
    std::string             name = {};  // tells people of one role apart
};

// One named value of a request: an input of the app. `json` is the value's
// JSON text, already valid.
struct Input {
    std::string name;
    std::string json;
};

// How a block of ours in an answer begins: a comment that Markdown does not
// show. What follows it in an answer is no part of the conversation.
inline constexpr std::string_view kOurBlock = "\n\n[//]: # (opendify:";

// An input whose value is a text; bytes that are not UTF-8 become U+FFFD.
Input text_input(std::string_view name, std::string_view text);

struct Turn {
    std::string          model;
    std::vector<Message> messages;  // as sent, never empty after decoding
    bool                 stream = false;
    bool                 include_usage = false;
    bool                 has_tools = false;  // it offers some
    std::string_view     asked_in = "messages";  // the member
    std::vector<std::string> stop;  // the answer ends before these

    // Claims of the body, empty when absent.
    std::string user;             // user, safety_identifier, metadata.user_id
    std::string chat_id;          // metadata.chat_id, prompt_cache_key
    std::string conversation_id;  // conversation_id,
                                  // metadata.conversation_id
    std::vector<Input> inputs;    // members of the body's `inputs` and
                                  // metadata entries named "inputs.*"
};

struct Usage {
    std::int64_t prompt_tokens = 0;
    std::int64_t completion_tokens = 0;
    std::int64_t total_tokens = 0;
};

enum class FinishReason { stop, length, content_filter };

// A source that the answer rests on. Never without url and title: a document
// without a web address has "dify:segment/<id>" and its name.
struct Citation {
    std::string url;
    std::string title;
    std::string content;  // the passage, "" if unknown
};

// A file that the app made. `url` may be relative to the backend's origin.
struct OutputFile {
    std::string name;
    std::string url;
    bool        image = false;
};

// A run that waits for a person (spec dify-api §6.6).
struct HumanForm {
    struct Field {
        std::string name;
        std::string value;  // the default
    };
    struct Action {
        std::string id;
        std::string title;
    };

    std::string         title;
    std::string         content;
    std::vector<Field>  fields;
    std::vector<Action> actions;
    std::string         token;   // "": the form is delivered elsewhere
    std::string         run_id;
};

// What one event of a backend means. Views and pointers live until the sink
// returns.
struct TurnEvent {
    enum class Kind {
        text,       // text: the next piece of the answer
        reasoning,  // text: the next piece of the thoughts
        reasoning_end,  // thoughts that follow are other ones
        step,       // text: what the app does, readable, without "\n" at its
                    // end; may be several lines
        replace,    // text: takes the place of all text so far
        citation,   // citation: each source once
        file,       // file: each file once
        form,       // form; `end` follows
        usage,      // usage
        error,      // failure; the run is over
        end,        // finish; the answer is complete
    };

    Kind              kind;
    std::string_view  text;
    const Citation   *citation = nullptr;
    const OutputFile *file = nullptr;
    const HumanForm  *form = nullptr;
    const Usage      *usage = nullptr;
    const Failure    *failure = nullptr;
    FinishReason      finish = FinishReason::stop;
};

class TurnSink {
public:
    virtual ~TurnSink() = default;
    virtual void on_event(const TurnEvent &event) = 0;

    // A text that JSON writes as it is and in which nothing is markup (wire/
    // text_class): what a stream mostly has. The same as its event.
    virtual void on_plain(std::string_view text)
    {
        on_event({TurnEvent::Kind::text, text});
    }
};

}  // namespace opendify

#endif
