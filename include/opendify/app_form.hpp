// What an app wants to be given, as Dify's GET /parameters says it, and the
// check that keeps a turn from a run that would hang (spec dify-api §2.3, §9).

#ifndef OPENDIFY_APP_FORM_HPP
#define OPENDIFY_APP_FORM_HPP

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "opendify/backend.hpp"
#include "opendify/result.hpp"
#include "opendify/turn.hpp"

namespace opendify {

// What files may be.
struct FileRules {
    std::vector<std::string> file_types;        // empty: any
    std::vector<std::string> file_extensions;   // of "custom"
    std::vector<std::string> transfer_methods;  // empty: any
};

struct AppField {
    enum class Type {
        text, paragraph, select, number, checkbox, file, file_list, json,
        unknown,  // newer than this code: passed on unchecked
    };

    std::string              name;
    Type                     type = Type::unknown;
    bool                     required = false;
    std::size_t              max_length = 0;  // characters or files, 0: any
    std::vector<std::string> options;         // of select
    std::string              default_json;    // "" if none
    FileRules                rules;           // of file and file_list
};

struct AppForm : FileRules {
    std::vector<AppField> fields;
    bool                  files_enabled = false;
    std::size_t           max_files = 0;             // 0: any
    bool                  suggested = false;  // questions after an answer
};

BackendRequest encode_parameters_call(std::string_view user);

// Forms of all versions; what is unknown in one is skipped. A Failure if the
// body is no such form: an error's meaning, or backend_misconfigured.
Result<AppForm> decode_parameters(std::string_view body);

// The input of a completion or workflow app that takes the text: `preferred`
// if the app has it, the only text or paragraph, else "query"; "" if there is
// none to be told.
std::string_view text_input_of(const AppForm &form,
                               std::string_view preferred);

// What the form knows and the call does not: query_input (its value so far is
// the preferred one), form (which borrows), max_files, and the defaults of
// required variables that nobody gave. Those of the others the backend knows.
void apply_form(const AppForm &form, ChatCall &call);

// Whether the app can run with this call, files uploaded or not: bad_value
// names the variable or the file (Failure::param), with what the app would
// accept.
Result<bool> check_call(const AppForm &form, const ChatCall &call);

}  // namespace opendify

#endif
