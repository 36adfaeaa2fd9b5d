#include "opendify/turn.hpp"

#include "wire/json_writer.hpp"

namespace opendify {

Input text_input(std::string_view name, std::string_view text)
{
    Input input = {std::string(name), {}};
    wire::write_lossy_string(input.json, text);

    return input;
}

}  // namespace opendify
