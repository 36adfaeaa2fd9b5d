// Paths of the client's dialect (openai-api §1.1):
//
//     path  = *"/" [ "v1/" ] route [ "/" ]
//     route = "chat/completions" | "completions" | "models" | "models/" id
//
// An id is the whole rest, slashes included, percent-decoded.

#include "opendify/endpoint.hpp"

#include "wire/percent.hpp"

namespace opendify {

namespace {

constexpr std::string_view kPost = "POST";
constexpr std::string_view kGet = "GET, HEAD";

struct RouteRow {
    std::string_view path;
    Endpoint         endpoint;
    std::string_view allow;
};

constexpr RouteRow kRoutes[] = {
    { "chat/completions", Endpoint::chat_completions, kPost },
    { "completions",      Endpoint::completions,      kPost },
    { "models",           Endpoint::models,           kGet },
};

constexpr std::string_view kVersion = "v1/";
constexpr std::string_view kModelPrefix = "models/";

bool skip_prefix(std::string_view &text, std::string_view prefix)
{
    if (text.substr(0, prefix.size()) != prefix) {
        return false;
    }

    text.remove_prefix(prefix.size());
    return true;
}

}  // namespace

Route route_of(std::string_view path)
{
    while (!path.empty() && path.front() == '/') {
        path.remove_prefix(1);
    }

    skip_prefix(path, kVersion);

    if (!path.empty() && path.back() == '/') {
        path.remove_suffix(1);
    }

    for (const RouteRow &row : kRoutes) {
        if (path == row.path) {
            return Route{row.endpoint, {}, row.allow};
        }
    }

    if (skip_prefix(path, kModelPrefix) && !path.empty()) {
        return Route{Endpoint::model, wire::percent_decoded(path), kGet};
    }

    return Route{};
}

}  // namespace opendify
