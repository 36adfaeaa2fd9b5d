// The parts of a message's content (openai-api §2.2).

#ifndef OPENDIFY_OPENAI_CONTENT_PARTS_HPP
#define OPENDIFY_OPENAI_CONTENT_PARTS_HPP

#include <string>

#include "openai/request_reader.hpp"

namespace opendify::openai {

// Texts, and the files of users and tools, into `message`; what an assistant
// thought or called is skipped. Any other part is refused. `parts` is an array
// of them, or one; `param` names it.
bool read_content_parts(RequestReader &reader, wire::JsonValue parts,
                        const std::string &param, Message &message);

// Whether `type` is one that brings a file: image_url, input_file, ...
bool is_file_part(std::string_view type);

// One of these, added to `message`. `param` names the part.
bool read_file_part(RequestReader &reader, wire::JsonValue part,
                    const std::string &param, Message &message);

// One that was left for later, when its data is decoded.
bool read_late_file(RequestReader &reader, const LateFile &late);

}  // namespace opendify::openai

#endif
