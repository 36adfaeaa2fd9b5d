// A file of the app as Markdown.

#ifndef OPENDIFY_FLOW_FILE_LINK_HPP
#define OPENDIFY_FLOW_FILE_LINK_HPP

#include <string>
#include <string_view>

namespace opendify {

// An address relative to `origin` ("https://dify.example.com") is joined to
// it, one with a scheme other than http and https becomes "". What would end
// a link (blanks, control characters, brackets) is percent-encoded.
std::string file_address(std::string_view url, std::string_view origin);

// "![name](address)" or "[name](address)"; the name escaped, and "file" if
// there is none.
std::string file_link(std::string_view name, std::string_view address,
                      bool image);

}  // namespace opendify

#endif
