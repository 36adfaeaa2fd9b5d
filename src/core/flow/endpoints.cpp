// Paths of the client's dialect (openai-api §1.1):
//
//     path  = base [ "v1/" ] route
//     route = "chat/completions" | "completions" | "models" | "models/" id
//
// The base is the location's prefix. Where that is not known (expressions,
// named locations, rewritten paths) it ends with the first "/v1/", or where
// the route begins. A base that ends with "/v1/" is followed by the route
// alone. An id is the whole rest, slashes included.

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

bool ends_with(std::string_view text, std::string_view end)
{
    return text.size() >= end.size()
           && text.substr(text.size() - end.size()) == end;
}

// One slash where there are several, and none at the end.
std::string tidy(std::string_view path)
{
    std::string out;
    out.reserve(path.size());

    for (char c : path) {
        if (c != '/' || out.empty() || out.back() != '/') {
            out += c;
        }
    }

    if (out.size() > 1 && out.back() == '/') {
        out.pop_back();
    }

    return out;
}

// Where the route begins in a path without a version.
std::size_t route_begin(std::string_view path)
{
    for (const RouteRow &row : kRoutes) {
        auto begin = path.size() - row.path.size();

        if (ends_with(path, row.path) && ends_with(path.substr(0, begin), "/"))
        {
            return begin;
        }
    }

    auto models = path.find("/models/");

    return models == path.npos ? path.size() : models + 1;
}

std::size_t base_size(std::string_view path, std::string_view prefix)
{
    auto version = path.find("/v1/");
    auto size = version == path.npos ? route_begin(path)
                                     : version + 1 + kVersion.size();

    if (prefix.empty() || prefix.size() > size
        || path.substr(0, prefix.size()) != prefix)
    {
        return size;  // the prefix may reach into the route: "/v1/chat/"
    }

    bool slash = !ends_with(prefix, "/")
                 && path.substr(prefix.size(), 1) == "/";

    return prefix.size() + (slash ? 1 : 0);
}

void find_route(Route &route, std::string_view path)
{
    for (const RouteRow &row : kRoutes) {
        if (path == row.path) {
            route.endpoint = row.endpoint;
            route.allow = row.allow;
            return;
        }
    }

    if (skip_prefix(path, kModelPrefix) && !path.empty()) {
        route.endpoint = Endpoint::model;
        route.allow = kGet;
        route.model = path;
    }
}

std::string path_encoded(std::string_view path)
{
    std::string out;

    while (true) {
        auto slash = path.find('/');
        out += wire::percent_encoded(path.substr(0, slash));

        if (slash == path.npos) {
            return out;
        }

        out += '/';
        path.remove_prefix(slash + 1);
    }
}

std::string path_to_send(std::string_view right, std::string_view path,
                         std::string_view sent, bool rewritten)
{
    if (!rewritten) {
        return path_encoded(right);
    }

    std::size_t same = 0;

    for (std::size_t i = 0; i < right.size() && i < path.size()
                            && right[i] == path[i]; i++)
    {
        if (right[i] == '/') {
            same = i + 1;
        }
    }

    auto given = path.substr(same);

    if (!ends_with(sent, given)) {
        return {};
    }

    sent.remove_suffix(given.size());
    std::string out = tidy(std::string(sent) + std::string(right.substr(same)));

    return out.find('\\') == out.npos ? out : std::string();
}

// As they are; nginx lets no control characters pass.
void append_arguments(std::string &target, std::string_view arguments)
{
    for (char c : arguments) {
        if (static_cast<unsigned char>(c) > 0x20 && c != 0x7f) {
            target += c;
        }
    }
}

}  // namespace

Route route_of(std::string_view path, std::string_view prefix)
{
    Route            route;
    std::string      whole = tidy(path);
    std::size_t      size = base_size(whole, prefix);
    std::string      base = whole.substr(0, size);
    std::string_view rest = std::string_view(whole).substr(size);

    bool versioned = skip_prefix(rest, kVersion);
    find_route(route, rest);

    if (route.endpoint == Endpoint::unknown) {
        return route;
    }

    auto bare = base + std::string(rest);

    if (ends_with(base, "/v1/")) {
        route.path = std::move(bare);
        return route;
    }

    auto full = base + std::string(kVersion) + std::string(rest);

    route.versioned = versioned;
    route.path = versioned ? full : bare;
    route.other = versioned ? std::move(bare) : std::move(full);

    return route;
}

std::string target_to_send(std::string_view right, std::string_view path,
                           std::string_view sent, bool rewritten)
{
    auto question = sent.find('?');
    auto target = path_to_send(right, path, sent.substr(0, question),
                               rewritten);

    if (!target.empty() && question != sent.npos) {
        append_arguments(target, sent.substr(question));
    }

    return target;
}

}  // namespace opendify
