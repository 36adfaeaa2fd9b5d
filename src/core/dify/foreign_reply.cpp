#include "dify/foreign_reply.hpp"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>

#include "opendify/content_coding.hpp"

namespace opendify::dify {

namespace {

constexpr std::size_t  kMaxLocation = 200;
constexpr std::size_t  kMaxEncoding = 32;
constexpr std::int64_t kMostSeconds = 24 * 60 * 60;

constexpr std::string_view kBlanks = " \t\r\n";
constexpr std::string_view kWhere =
    "proxy_pass in the location that opendify_pass names";

std::string_view trimmed(std::string_view text)
{
    const std::size_t begin = text.find_first_not_of(kBlanks);

    return begin == text.npos
               ? std::string_view()
               : text.substr(begin, text.find_last_not_of(kBlanks) - begin + 1);
}

bool is_same(char any_case, char lower)
{
    return (any_case >= 'A' && any_case <= 'Z' ? any_case - 'A' + 'a'
                                               : any_case)
           == lower;
}

bool has_type(std::string_view type, std::string_view name)
{
    return std::search(type.begin(), type.end(), name.begin(), name.end(),
                       is_same)
           != type.end();
}

// Printable ASCII, bounded.
std::string shown(std::string_view text, std::size_t most)
{
    std::string out(text.substr(0, most));

    std::replace_if(
        out.begin(), out.end(),
        [](char c) { return c < '!' || c > '~' || c == '"' || c == '\\'; },
        '?');

    return text.size() > most ? out.append("...") : out;
}

// Without a user's name and password, query and fragment.
std::string shown_address(std::string_view location)
{
    location = trimmed(location);
    location = location.substr(0, location.find_first_of("?#"));

    const std::size_t scheme = location.find("//");
    const std::size_t host = scheme == location.npos ? 0 : scheme + 2;
    const std::size_t end = std::min(location.find('/', host),
                                     location.size());
    const std::size_t user = location.substr(host, end - host).rfind('@');

    std::string bare(location.substr(0, host));
    bare.append(location.substr(
        user == location.npos ? host : host + user + 1));

    return shown(bare, kMaxLocation);
}

std::string with_status(std::string_view text, int status)
{
    return std::string(text) + " (status " + std::to_string(status) + ")";
}

std::string redirect_text(int status, std::string_view location)
{
    const std::string to = shown_address(location);

    if (to.empty()) {
        return with_status("The backend answers with a redirect", status)
               + ": " + std::string(kWhere) + " has to lead to Dify's API "
               "itself.";
    }

    return with_status("The backend redirects to " + to, status) + ": "
           + std::string(kWhere) + " has to lead there itself ("
           + (to.compare(0, 8, "https://") == 0 ? "proxy_pass https://...; "
                                                : "")
           + "the host and the base path of Dify's API count as well).";
}

std::string success_text(int status, std::string_view body,
                         const ReplyHead &head)
{
    const std::string_view what =
        trimmed(body).empty()                    ? "nothing"
        : has_type(head.content_type, "html")
                  || trimmed(body).front() == '<' ? "a web page"
        : has_type(head.content_type, "json")     ? "JSON"
                                                  : "something else";

    return with_status("The backend answered with " + std::string(what),
                       status)
           + " where Dify's API was expected: check " + std::string(kWhere)
           + ", it has to end with the base path of Dify's API, mostly /v1/.";
}

std::string compressed_text(std::string_view encoding)
{
    return "The backend's answer is compressed (Content-Encoding: "
           + shown(encoding, kMaxEncoding)
           + "), which was not asked for: switch that off in the server "
             "between nginx and Dify, and keep proxy_set_header "
             "Accept-Encoding \"\"; in the location that opendify_pass names.";
}

}  // namespace

std::string foreign_reply_text(int status, std::string_view body,
                               const ReplyHead &head)
{
    if (!is_identity(head.content_encoding)) {
        return compressed_text(trimmed(head.content_encoding));
    }

    if (status >= 300 && status < 400) {
        return redirect_text(status, head.location);
    }

    if (status < 300) {
        return success_text(status, body, head);
    }

    switch (status) {
    case 401:
    case 403:
    case 407:
        return with_status("A server in front of Dify refused the call",
                           status)
               + " before Dify saw it: it asks for a login or does not know "
                 "this server. Look at what "
               + std::string(kWhere) + " leads to.";

    case 404:
    case 405:
        return with_status("The backend does not know Dify's API there",
                           status)
               + ": check " + std::string(kWhere)
               + ", it has to end with the base path of Dify's API, mostly "
                 "/v1/.";

    case 413:
        return with_status("A server in front of Dify takes no request that "
                           "large", status)
               + ": raise its limit (nginx: client_max_body_size).";

    case 502:
    case 503:
        return with_status("A server in front of Dify could not reach it",
                           status) + ".";

    default:
        return {};
    }
}

int retry_after_in(const ReplyHead &head)
{
    const std::string_view text = trimmed(head.retry_after);
    std::int64_t           seconds = 0;

    if (text.empty()) {
        return 0;
    }

    if (text.find_first_not_of("0123456789") == text.npos) {
        const auto end = std::from_chars(text.data(),
                                         text.data() + text.size(), seconds);
        seconds = end.ec == std::errc() ? seconds : kMostSeconds;

    } else if (head.retry_date_in_s) {
        seconds = *head.retry_date_in_s;

    } else {
        return 0;
    }

    return static_cast<int>(std::clamp<std::int64_t>(seconds, 1,
                                                     kMostSeconds));
}

}  // namespace opendify::dify
