#include "openai/annotations.hpp"

#include <algorithm>
#include <utility>

#include "openai/cut_text.hpp"
#include "wire/json_writer.hpp"

namespace opendify::openai {

void Annotations::add(const Citation &citation)
{
    if (kept_.size() == kMaxCitations || citation.url.empty()
        || citation.url.size() > kMaxUrlBytes)
    {
        return;
    }

    // Nobody says which words rest on the source; the indexes must be there.
    std::string one = "{\"type\":\"url_citation\",\"url_citation\":"
                      "{\"start_index\":0,\"end_index\":0,\"url\":";
    wire::write_lossy_string(one, citation.url);
    one.append(",\"title\":");
    wire::write_lossy_string(
        one, cut_text(citation.title.empty() ? citation.url : citation.title,
                      kMaxTitleBytes));
    one.append("}}");

    if (std::find(kept_.begin(), kept_.end(), one) == kept_.end()) {
        kept_.push_back(std::move(one));
    }
}

void Annotations::write(std::string &out) const
{
    out.push_back('[');

    for (const std::string &one : kept_) {
        out.append(&one == &kept_.front() ? "" : ",").append(one);
    }

    out.push_back(']');
}

}  // namespace opendify::openai
