// The files that a call sends.

#ifndef OPENDIFY_DIFY_CALL_FILES_HPP
#define OPENDIFY_DIFY_CALL_FILES_HPP

#include <cstddef>
#include <string>
#include <vector>

#include "opendify/app_form.hpp"
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

// Where the files go: each variable of the form that wants files and that
// nobody gave a value gets those that fit, one for a file and the rest for a
// list; what is left goes beside the inputs. Variables that are required come
// first, and may take a file of an earlier message if the new turn has none.
struct FilePlan {
    struct Variable {
        const AppField     *field;
        std::vector<FileAt> files;
    };

    std::vector<Variable> variables;
    std::vector<FileAt>   rest;
};

FilePlan plan_files(const ChatCall &call);

// call_inputs() and the variables of the plan.
std::vector<Input> inputs_with_files(const ChatCall &call);

// ,"files":[...] or nothing. A file whose bytes were not uploaded is left out.
void write_files(std::string &out, const ChatCall &call);

}  // namespace opendify::dify

#endif
