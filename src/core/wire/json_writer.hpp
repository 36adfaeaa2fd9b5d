// JSON text, appended to a string. Compact, UTF-8 kept as it is, only what
// RFC 8259 §7 demands is escaped. Callers give valid UTF-8 (JsonDocument has
// checked what comes from outside; write_lossy_string() is for the rest).

#ifndef OPENDIFY_WIRE_JSON_WRITER_HPP
#define OPENDIFY_WIRE_JSON_WRITER_HPP

#include <cstdint>
#include <string>
#include <string_view>

namespace opendify::wire {

// With the quotes.
void write_string(std::string &out, std::string_view utf8);

// Without the quotes.
void write_escaped(std::string &out, std::string_view utf8);

// With the quotes; bytes that are not UTF-8 become U+FFFD.
void write_lossy_string(std::string &out, std::string_view bytes);

void write_integer(std::string &out, std::int64_t value);

}  // namespace opendify::wire

#endif
