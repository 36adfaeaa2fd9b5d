// The input is what may stand around and within the text of an event: if it is
// read without a document, then as the document has it.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "dify/frequent_event.hpp"
#include "wire/json_reader.hpp"

namespace {

using opendify::dify::FrequentEvent;
using Kind = FrequentEvent::Kind;

constexpr std::size_t      kDepth = 64;
constexpr std::string_view kHead = "{\"event\":\"message\",\"a\":{\"answer\":1},"
                                   "\"answer\":\"";
constexpr std::string_view kTail = "\",\"b\":[\"\\\\\",null]}";

void require(bool held)
{
    if (!held) {
        std::abort();
    }
}

// `event` was read as one that begins `bytes`.
void compare(std::string_view bytes, const FrequentEvent::Found &found)
{
    opendify::wire::JsonDocument document;

    require(found.size <= bytes.size());
    require(document.parse(bytes.substr(0, found.size), kDepth));
    require(document.root()["answer"].string() == found.text);
}

// What is learnt from this text is read again with another one.
void learn_from(std::string_view event, std::string_view text)
{
    opendify::wire::JsonDocument document;

    if (!document.parse(event, kDepth)) {
        return;
    }

    const auto answer = document.root()["answer"];
    if (answer.closing_quote() == 0) {
        return;
    }

    FrequentEvent frequent;
    frequent.learn(Kind::message, event, answer.closing_quote());

    const auto same = frequent.read(event);
    if (same.kind != Kind::none) {
        require(same.size == event.size());
        compare(event, same);
    }

    // Put in where the text stands: the same event with a text of its own.
    std::string other(event.substr(0, answer.closing_quote()));
    other.append(text).append(event.substr(answer.closing_quote()));

    const auto found = frequent.read(other);
    if (found.kind != Kind::none) {
        compare(other, found);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data,
                                      std::size_t size)
{
    const std::string_view bytes(reinterpret_cast<const char *>(data), size);
    const std::string      event =
        std::string(kHead).append(bytes).append(kTail);
    const std::string first = std::string(kHead).append(kTail);

    FrequentEvent frequent;
    frequent.learn(Kind::message, first, kHead.size());

    const auto found = frequent.read(event);
    if (found.kind != Kind::none) {
        compare(event, found);
    }

    learn_from(bytes, "x\\\"y");
    learn_from(event, bytes);

    return 0;
}
