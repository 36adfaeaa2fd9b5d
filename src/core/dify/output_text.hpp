// The outputs of a run -> the text of an answer (spec dify-api §5.4).

#ifndef OPENDIFY_DIFY_OUTPUT_TEXT_HPP
#define OPENDIFY_DIFY_OUTPUT_TEXT_HPP

#include <string>
#include <string_view>

#include "wire/json_reader.hpp"

namespace opendify::dify {

// The output called `name`, else the only text among them, else all of them
// as JSON. A named output that is no text is given as JSON. "" if there is
// nothing to say: no outputs, or nothing but files, which are shown as such.
std::string output_text(wire::JsonValue outputs, std::string_view name);

}  // namespace opendify::dify

#endif
