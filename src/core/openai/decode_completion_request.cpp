// The body of POST /v1/completions -> Turn (openai-api §4.2). One prompt, as
// a text; null counts as absent and what is unknown is skipped.

#include "openai/request_reader.hpp"
#include "opendify/endpoint.hpp"
#include "opendify/request_decoder.hpp"

namespace opendify {

namespace {

using openai::RequestReader;
using wire::JsonType;
using wire::JsonValue;

bool read_prompt(RequestReader &reader, JsonValue prompt)
{
    reader.turn.asked_in = "prompt";

    if (prompt.is_null_or_missing()) {
        return reader.missing("prompt");
    }

    if (prompt.is(JsonType::array)) {
        JsonValue only = prompt.first();

        if (!only) {
            return reader.must_be("prompt", "a string");
        }

        if (prompt.size() > 1 || !only.is(JsonType::string)) {
            return reader.refuse_asked({
                { "prompt", true,
                  "send one prompt per request, as a string" },
            });
        }

        prompt = only;
    }

    if (!prompt.is(JsonType::string)) {
        return reader.must_be("prompt", "a string");
    }

    if (!reader.has_room(prompt.string())) {
        return reader.too_much_text("prompt");
    }

    reader.turn.messages.push_back(
        Message{Role::user, std::string(prompt.string())});
    return true;
}

}  // namespace

bool openai::read_completion_members(RequestReader &reader, JsonValue root)
{
    JsonValue logprobs = root["logprobs"];

    return read_prompt(reader, root["prompt"])
           && reader.refuse_asked({
               { "suffix", !root["suffix"].string().empty(),
                 "leave it out, the app sees the prompt alone" },
               { "echo", root["echo"].boolean(false), "leave it out" },
               { "best_of", root["best_of"].integer(1) > 1,
                 "send 1, there is one answer per request" },
               // Here even 0 asks for them.
               { "logprobs",
                 logprobs.is(JsonType::number) || logprobs.boolean(false),
                 "leave it out" },
           });
}

Result<Turn> decode_completion_request(std::string_view body,
                                       const Limits &limits)
{
    RequestDecoder decoder(RequestKind::completion, std::string(body), limits);

    while (!decoder.step(body.size() + 1)) {
    }

    return decoder.take();
}

}  // namespace opendify
