#include "dify/citations.hpp"

#include <cstddef>
#include <string_view>

#include "dify/short_text.hpp"

namespace opendify::dify {

namespace {

using wire::JsonType;
using wire::JsonValue;

constexpr std::size_t kMaxCitations = 100;
constexpr std::size_t kMaxTitleChars = 200;
constexpr std::size_t kMaxContentBytes = 2048;

// How authors call the address among a document's metadata.
constexpr std::string_view kAddressNames[] = {
    "url",  "source_url", "document_url", "page_url", "web_url",
    "link", "href",       "website",      "source",
};

bool same_letters(std::string_view a, std::string_view lower)
{
    if (a.size() != lower.size()) {
        return false;
    }

    for (std::size_t i = 0; i < a.size(); i++) {
        const char c = a[i] >= 'A' && a[i] <= 'Z'
                           ? static_cast<char>(a[i] - 'A' + 'a') : a[i];
        if (c != lower[i]) {
            return false;
        }
    }

    return true;
}

// Of an object {name: value} or a list [{"name":…,"value":…}].
std::string_view address_named(JsonValue members, std::string_view name)
{
    for (JsonValue member = members.first(); member; member = member.next()) {
        const bool             listed = members.is(JsonType::array);
        const std::string_view label =
            listed ? member["name"].string() : member.name();
        const std::string_view value =
            listed ? member["value"].string() : member.string();

        if (same_letters(label, name) && is_web_address(value)) {
            return value;
        }
    }

    return {};
}

std::string_view address_in(JsonValue members)
{
    for (const std::string_view name : kAddressNames) {
        const std::string_view url = address_named(members, name);
        if (!url.empty()) {
            return url;
        }
    }

    return {};
}

std::string url_of(JsonValue resource)
{
    for (const std::string_view url :
         {address_in(resource["doc_metadata"]), address_in(resource)}) {
        if (!url.empty()) {
            return std::string(url);
        }
    }

    const std::string_view name = resource["document_name"].string();
    if (is_web_address(name)) {
        return std::string(name);
    }

    for (const char *kind : {"segment", "document"}) {
        const auto id = resource[std::string(kind) + "_id"].string();
        if (is_id(id)) {
            return std::string("dify:").append(kind).append("/").append(id);
        }
    }

    return {};
}

}  // namespace

void Citations::keep_resources(JsonValue resources)
{
    if (!resources.is(JsonType::array)) {
        return;
    }

    for (JsonValue one = resources.first(); one; one = one.next()) {
        keep(one, one["title"].string(), one["content"].string());
    }
}

void Citations::keep_result(JsonValue result)
{
    if (!result.is(JsonType::array)) {
        return;
    }

    for (JsonValue one = result.first(); one; one = one.next()) {
        keep(one["metadata"], one["title"].string(), {});
    }
}

void Citations::show(TurnSink &sink)
{
    for (const Citation &citation : kept_) {
        TurnEvent shown{TurnEvent::Kind::citation, {}};
        shown.citation = &citation;
        sink.on_event(shown);
    }

    kept_.clear();
}

void Citations::keep(JsonValue resource, std::string_view title,
                     std::string_view content)
{
    Citation citation;
    citation.url = url_of(resource);
    if (citation.url.empty() || seen_.size() >= kMaxCitations
        || !seen_.insert(citation.url).second) {
        return;
    }

    for (const std::string_view name :
         {resource["document_name"].string(), title,
          resource["dataset_name"].string(),
          std::string_view(citation.url)}) {
        citation.title = one_line(name, kMaxTitleChars);
        if (!citation.title.empty()) {
            break;
        }
    }

    citation.content = first_bytes(content, kMaxContentBytes);
    kept_.push_back(std::move(citation));
}

}  // namespace opendify::dify
