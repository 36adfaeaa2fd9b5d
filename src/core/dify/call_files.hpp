// The files that a call sends.

#ifndef OPENDIFY_DIFY_CALL_FILES_HPP
#define OPENDIFY_DIFY_CALL_FILES_HPP

#include <cstddef>
#include <string>
#include <vector>

#include "opendify/backend.hpp"

namespace opendify::dify {

struct FileAt {
    std::size_t message;
    std::size_t file;
    bool        earlier;  // not of the new turn
};

// The files of the new turn, all of them; then, without a conversation, those
// of earlier messages, the newest message first, that the app takes and as
// long as there are no more than max_files in all.
std::vector<FileAt> files_of(const ChatCall &call);

// ,"files":[...] or nothing. A file whose bytes were not uploaded is left out.
void write_files(std::string &out, const ChatCall &call);

}  // namespace opendify::dify

#endif
