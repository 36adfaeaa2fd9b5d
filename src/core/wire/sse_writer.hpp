// Server-sent events as strict and as plain as every client reads them: LF
// only, one `data:` line, one empty line (openai-api §0).

#ifndef OPENDIFY_WIRE_SSE_WRITER_HPP
#define OPENDIFY_WIRE_SSE_WRITER_HPP

#include <string>
#include <string_view>

namespace opendify::wire {

inline constexpr std::string_view kSseData = "data: ";
inline constexpr std::string_view kSseEnd = "\n\n";
inline constexpr std::string_view kSsePing = ": ping\n\n";
inline constexpr std::string_view kSseDone = "data: [DONE]\n\n";

// `json` has no line break.
void write_event(std::string &out, std::string_view json);

}  // namespace opendify::wire

#endif
