// A client's body -> Turn, in steps: a large one takes longer than others
// should wait.
//
//     JSON -> members -> each large file: its data, the hash of it -> ...

#ifndef OPENDIFY_REQUEST_DECODER_HPP
#define OPENDIFY_REQUEST_DECODER_HPP

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "opendify/limits.hpp"
#include "opendify/result.hpp"
#include "opendify/turn.hpp"

namespace opendify {

enum class RequestKind { chat, completion };

// A body is read as it comes: why one of these codings (the value of
// Content-Encoding, RFC 9110 section 8.4, "" for none) is not.
std::optional<Failure> refuse_coding(std::string_view codings);

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
