// Why the model behind an answer stopped. A workflow tells it of each of its
// LLM nodes (node_finished, outputs.finish_reason); that one counts which
// wrote the answer: the last one whose text was streamed, or, where no piece
// says whose it is, the last one that finished.

#ifndef OPENDIFY_DIFY_RUN_FINISH_HPP
#define OPENDIFY_DIFY_RUN_FINISH_HPP

#include <map>
#include <string>

#include "opendify/turn.hpp"
#include "wire/json_reader.hpp"

namespace opendify::dify {

class RunFinish {
public:
    // The from_variable_selector of a piece of the answer.
    void said(wire::JsonValue selector);
    // The data of a node_finished.
    void node(wire::JsonValue data);

    FinishReason reason() const;

private:
    std::string                         speaker_;  // a node, "": unknown
    std::map<std::string, FinishReason> others_;   // by node, if not stop
    FinishReason                        last_ = FinishReason::stop;
};

}  // namespace opendify::dify

#endif
