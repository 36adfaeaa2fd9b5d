// Sources of an answer (spec dify-api §6.5).

#ifndef OPENDIFY_DIFY_CITATIONS_HPP
#define OPENDIFY_DIFY_CITATIONS_HPP

#include <set>
#include <string>
#include <vector>

#include "opendify/turn.hpp"
#include "wire/json_reader.hpp"

namespace opendify::dify {

class Citations {
public:
    // metadata.retriever_resources of a message_end.
    void keep_resources(wire::JsonValue resources);

    // outputs.result of a knowledge-retrieval node. Without the passages: a
    // workflow app has no switch with which its author could agree to show
    // them.
    void keep_result(wire::JsonValue result);

    // Shows what was kept, each address once.
    void show(TurnSink &sink);

private:
    void keep(wire::JsonValue resource, std::string_view title,
              std::string_view content);

    std::vector<Citation> kept_;
    std::set<std::string> seen_;
};

}  // namespace opendify::dify

#endif
