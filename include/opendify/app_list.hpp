// The predecessor's list of apps, OpenDify's MODEL_CONFIG: one JSON object,
// {"model name": "app key", ...}.

#ifndef OPENDIFY_APP_LIST_HPP
#define OPENDIFY_APP_LIST_HPP

#include <string>
#include <string_view>
#include <vector>

#include "opendify/result.hpp"

namespace opendify {

struct ListedApp {
    std::string model;
    std::string key;
};

// In the order of the text. The failure's message says what is wrong and
// never quotes a key.
Result<std::vector<ListedApp>> decode_app_list(std::string_view json);

}  // namespace opendify

#endif
