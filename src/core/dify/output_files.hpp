// Files that an app made (spec dify-api §6.2, §8.4).
//
// The same file comes several times: with a node, with the outputs, with
// message_end, each time signed anew, and often as a Markdown link in the
// text, which is what the reader is to see. So files are kept until the end;
// only a message_file, which tells of a tool's file, is shown at once.

#ifndef OPENDIFY_DIFY_OUTPUT_FILES_HPP
#define OPENDIFY_DIFY_OUTPUT_FILES_HPP

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "opendify/turn.hpp"
#include "wire/json_reader.hpp"

namespace opendify::dify {

// A file object, or an array of nothing but such.
bool is_file(wire::JsonValue value);
bool is_files(wire::JsonValue value);

class OutputFiles {
public:
    // The event, not its data. A user's own file is none of the app's.
    void message_file(wire::JsonValue event, TurnSink &sink);

    // Keeps an array of files; with `made_only` those of a tool alone (a
    // chat app lists the user's files, too).
    void keep(wire::JsonValue files, bool made_only);

    // Keeps the files among the members of an object.
    void keep_members(wire::JsonValue outputs);

    // A piece of the text: what it links to is not shown once more.
    void said(std::string_view piece);

    // Shows what was kept, each file once.
    void show(TurnSink &sink);

private:
    void keep_one(wire::JsonValue file, bool made_only);
    bool is_new(std::string_view url);

    std::vector<OutputFile> kept_;
    std::set<std::string>   seen_;  // addresses without their signature
    std::string             linked_;
};

}  // namespace opendify::dify

#endif
