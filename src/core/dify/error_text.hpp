// What a failed run says of itself: text around JSON around text. Observed:
//
//     ["Run failed: "] ["PluginInvokeError: "]
//     ["req_id: " hex " PluginInvokeError: "] said [" (agent_run_id=" id ")"]
//     said    = plain text | {"args":{"description":D},"error_type":T,
//                             "message":M}
//     D, M    = "[models] Error: API request failed with status code 429: "
//               body
//     body    = {"error":{"message":...,"type":...,"code":...}}
//
// The status of the model behind the app appears nowhere else.

#ifndef OPENDIFY_DIFY_ERROR_TEXT_HPP
#define OPENDIFY_DIFY_ERROR_TEXT_HPP

#include <string>
#include <string_view>

namespace opendify::dify {

struct ErrorText {
    std::string said;                // the innermost sentence, for people
    bool        from_model = false;  // a model or its plugin failed
    int         model_status = 0;    // 400 to 599, 0 if it is not told
};

// `raw` is UTF-8. Nothing is left out of `said` but wrappings.
ErrorText read_error_text(std::string_view raw);

// The status named in a model's error text, 429 for its rate limit phrases,
// 0 if it is not told.
int model_status_in(std::string_view text);

// Fit for a client: what looks like a key is masked, at most 1024 bytes, cut
// between UTF-8 characters, no blanks at the ends.
std::string presentable(std::string_view text);

}  // namespace opendify::dify

#endif
