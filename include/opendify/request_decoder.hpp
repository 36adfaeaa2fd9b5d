// A client's body -> Turn, in steps: a large one takes longer than others
// should wait.
//
//     JSON -> members -> each large file: its data, the hash of it -> ...

#ifndef OPENDIFY_REQUEST_DECODER_HPP
#define OPENDIFY_REQUEST_DECODER_HPP

#include <cstddef>
#include <memory>
#include <string>

#include "opendify/limits.hpp"
#include "opendify/result.hpp"
#include "opendify/turn.hpp"

namespace opendify {

enum class RequestKind { chat, completion };

class RequestDecoder {
public:
    // Takes the body, and its memory.
    RequestDecoder(RequestKind kind, std::string &&body, const Limits &limits);
    ~RequestDecoder();

    // Goes over so many bytes and little more; true when it is over.
    bool step(std::size_t bytes);

    // A file that the last step has completed, or null. Until the next step
    // its bytes may be taken, see Attachment::spooled.
    Attachment *large_file();

    // When it is over, once. As decode_chat_request() has it.
    Result<Turn> take();

private:
    struct Impl;

    std::unique_ptr<Impl> impl_;
};

}  // namespace opendify

#endif
