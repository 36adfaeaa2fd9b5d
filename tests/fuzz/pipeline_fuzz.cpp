// The first two bytes choose how the answer is shown and cut, the rest are
// the tokens of its pieces, each behind a byte 0xff: what goes out is the same
// whether the pieces are known again or each event is read as a document, and
// however the stream is cut.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <iterator>
#include <random>
#include <string>
#include <string_view>

#include "opendify/pipeline.hpp"

namespace {

using opendify::AppMode;
using opendify::Pipeline;
using opendify::ReasoningMode;

constexpr std::string_view kHead = "{\"event\":\"message\",\"answer\":\"";
constexpr std::string_view kTail = "\",\"conversation_id\":\"c\",\"task_id\":\"t\"}";
constexpr std::string_view kEnd = "data: {\"event\":\"message_end\"}\n\n";
constexpr std::size_t      kMost = 4096;

void require(bool held)
{
    if (!held) {
        std::abort();
    }
}

// As Dify writes the events; or so that none is like the one before it.
std::string stream(std::string_view tokens, bool like)
{
    std::string all;
    bool        odd = false;

    while (!tokens.empty() && all.size() < (1 << 16)) {
        const std::size_t end = std::min(tokens.find('\xff'), tokens.size());

        odd = !odd;
        all.append(like || odd ? "data: " : "data:  ").append(kHead);
        all.append(tokens.substr(0, end)).append(kTail).append("\n\n");
        tokens.remove_prefix(std::min(end + 1, tokens.size()));
    }

    return all.append(kEnd);
}

std::string hex(const opendify::Digest &digest)
{
    return std::string(digest.begin(), digest.end());
}

template <class Cut>
std::string shown(std::string_view bytes, std::uint8_t kind, Cut &&cut)
{
    constexpr ReasoningMode kReasoning[] = {
        ReasoningMode::content, ReasoningMode::inline_, ReasoningMode::off};
    constexpr AppMode kModes[] = {AppMode::chat, AppMode::agent};

    opendify::AnswerHead head{"id", 1, "model", kind % 2 == 0, true};
    head.completion = kind % 8 >= 4;

    opendify::AnswerOptions options;
    options.reasoning = kReasoning[kind / 8 % std::size(kReasoning)];

    opendify::Limits limits;
    limits.max_answer_bytes = kind >= 128 ? kMost : limits.max_answer_bytes;

    Pipeline pipeline(head, kModes[kind / 2 % 2], opendify::Fingerprint(),
                      limits, options);
    std::string out;
    pipeline.commit();

    while (!bytes.empty()) {
        const std::size_t size = std::min<std::size_t>(cut(), bytes.size());
        const std::string copy(bytes.substr(0, size));

        pipeline.feed(copy);
        out.append(pipeline.output());
        pipeline.output().clear();
        bytes.remove_prefix(size);
    }

    pipeline.finish();
    require(pipeline.over());

    return out.append(pipeline.output())
        .append(hex(pipeline.digest()))
        .append(std::to_string(pipeline.text_bytes()))
        .append(std::to_string(pipeline.skipped_events()))
        .append(pipeline.failed() ? pipeline.failure().message : "");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data,
                                      std::size_t size)
{
    if (size < 2) {
        return 0;
    }

    const std::string_view tokens(reinterpret_cast<const char *>(data + 2),
                                  size - 2);
    const std::string      like = stream(tokens, true);
    const std::string      unlike = stream(tokens, false);
    std::minstd_rand       random(data[1] + 1u);

    const std::string whole =
        shown(like, data[0], [&] { return like.size(); });

    require(shown(unlike, data[0], [&] { return unlike.size(); }) == whole);
    require(shown(like, data[0], [&] { return random() % 99 + 1; }) == whole);

    return 0;
}
