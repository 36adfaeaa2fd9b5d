// What the requests of the dialect have in common: one JSON object, members
// that each of them may have, and the failure that a bad one becomes.

#ifndef OPENDIFY_OPENAI_REQUEST_READER_HPP
#define OPENDIFY_OPENAI_REQUEST_READER_HPP

#include <cstddef>
#include <initializer_list>
#include <string>
#include <string_view>

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
    bool inputs(wire::JsonValue root);
    void claims(wire::JsonValue root);

    const Limits &limits;
    Turn          turn;
    std::size_t   files = 0;  // of all messages
    Failure       failure{Errc::bad_json, {}, {}, {}};

private:
    bool metadata_inputs(wire::JsonValue metadata, wire::JsonValue inputs);
    bool too_many_inputs(const std::string &param);
};

// Reads what is peculiar to one kind of request.
using ReadMembers = bool (*)(RequestReader &reader, wire::JsonValue root);

Result<Turn> decode_request(std::string_view body, const Limits &limits,
                            ReadMembers read_members);

}  // namespace opendify::openai

#endif
