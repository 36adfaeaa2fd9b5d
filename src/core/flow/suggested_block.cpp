#include "opendify/pipeline.hpp"

namespace opendify {

std::string suggested_block(const std::vector<std::string> &questions)
{
    if (questions.empty()) {
        return {};
    }

    std::string block(kOurBlock);
    block += "suggested)\n";

    for (const auto &question : questions) {
        block += "\n- ";

        for (const char c : question) {
            block += c == '\n' || c == '\r' ? ' ' : c;
        }
    }

    return block;
}

}  // namespace opendify
