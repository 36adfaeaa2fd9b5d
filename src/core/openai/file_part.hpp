// What the readers of parts with files have in common. `param` names the
// member; what returns a bool says false after it has refused the request, or
// left the data for later.

#ifndef OPENDIFY_OPENAI_FILE_PART_HPP
#define OPENDIFY_OPENAI_FILE_PART_HPP

#include <string>
#include <string_view>

#include "openai/request_reader.hpp"

namespace opendify::openai {

// A string that is there and not empty.
bool demand(RequestReader &reader, wire::JsonValue value,
            const std::string &param);

// Whether it is one of http or https.
bool is_address(std::string_view text);

// Base64 or a data: URL, into the bytes of `file`, and its mime if it says one.
bool read_data(RequestReader &reader, std::string_view text,
               const std::string &param, Attachment &file);

// Whether the part has a file, or its address, as other dialects have it.
bool has_foreign_file(wire::JsonValue part);

// That file; its kind is what it has been, if its mime says no other.
bool read_foreign_file(RequestReader &reader, wire::JsonValue part,
                       std::string param, Attachment &file);

}  // namespace opendify::openai

#endif
