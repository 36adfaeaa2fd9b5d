// What the requests of the dialect have in common: one JSON object, members
// that each of them may have, and the failure that a bad one becomes.

#ifndef OPENDIFY_OPENAI_REQUEST_READER_HPP
#define OPENDIFY_OPENAI_REQUEST_READER_HPP

#include <cstddef>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "opendify/limits.hpp"
#include "opendify/result.hpp"
#include "opendify/turn.hpp"
#include "wire/json_reader.hpp"

namespace opendify::openai {

// A value that would change the shape of the answer.
struct Refusal {
    std::string_view param;
    bool             asked;
    std::string_view instead;  // what to send
};

// A file whose data is decoded later, piece by piece.
struct LateFile {
    wire::JsonValue  part;
    std::size_t      message;  // of the turn, and the file's place in there
    std::size_t      file;
    std::string_view text;     // base64, in the document
};

// The turn so far. What returns a bool says false after it has set `failure`.
struct RequestReader {
    explicit RequestReader(const Limits &bounds) : limits(bounds) {}

    bool refuse(Errc errc, std::string param, std::string message);
    bool missing(const std::string &param);
    // refuse() with bad_value and "'param' must be <what>."
    bool must_be(const std::string &param, std::string_view what);

    // Absent, null, or of that type.
    bool optional(wire::JsonValue value, wire::JsonType type,
                  std::string_view param, std::string_view what);

    // The first value that is asked for.
    bool refuse_asked(std::initializer_list<Refusal> refusals);

    bool model(wire::JsonValue root);
    bool stream(wire::JsonValue root);
    bool one_answer(wire::JsonValue root);  // n
    bool stop(wire::JsonValue root);
    bool add_stop(wire::JsonValue sequence);
    bool inputs(wire::JsonValue root);
    void claims(wire::JsonValue root);

    // For more text of a message; else it is too_much_text().
    bool has_room(std::string_view text);
    bool too_much_text(const std::string &param);
    // False, and no failure, if it is to be decoded later.
    bool decode_base64(std::string_view text, std::string &bytes);

    const Limits &limits;
    Turn          turn;
    std::size_t   files = 0;       // of all messages
    std::size_t   text_bytes = 0;  // same

    bool                  may_be_late = false;
    std::vector<LateFile> late_files;
    std::string_view      late;  // the text that decode_base64() left

    // The text that was decoded meanwhile, and what came of it.
    std::string_view decoded_text;
    std::string      decoded;
    bool             is_decoded = false;

    Failure       failure{Errc::bad_json, {}, {}, {}};

private:
    bool metadata_inputs(wire::JsonValue metadata, wire::JsonValue inputs);
    bool too_many_inputs(const std::string &param);
};

// Reads what is peculiar to one kind of request.
using ReadMembers = bool (*)(RequestReader &reader, wire::JsonValue root);

// What the members of chat and completion requests are.
bool read_chat_members(RequestReader &reader, wire::JsonValue root);
bool read_completion_members(RequestReader &reader, wire::JsonValue root);

// All of them.
bool read_request(RequestReader &reader, wire::JsonValue root,
                  ReadMembers read_members);

}  // namespace opendify::openai

#endif
