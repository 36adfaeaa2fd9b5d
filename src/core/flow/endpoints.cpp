// Paths of the client's dialect (openai-api §1.1):
//
//     path  = *"/" [ "v1/" ] route [ "/" ]
//     route = "chat/completions" | "models" | "models/" id
//
// An id is the whole rest, slashes included, percent-decoded.

#include "opendify/endpoint.hpp"

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

int hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }

    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }

    if (c >= 'A' && c <= 'F') {
        return c - 'A' + 10;
    }

    return -1;
}

// A percent sign that begins no escape stands for itself.
std::string percent_decoded(std::string_view raw)
{
    std::string text;
    text.reserve(raw.size());

    for (std::size_t i = 0; i < raw.size(); i++) {
        if (raw[i] == '%' && i + 2 < raw.size()) {
            int high = hex_digit(raw[i + 1]);
            int low = hex_digit(raw[i + 2]);

            if (high >= 0 && low >= 0) {
                text.push_back(static_cast<char>(high * 16 + low));
                i += 2;
                continue;
            }
        }

        text.push_back(raw[i]);
    }

    return text;
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
        return Route{Endpoint::model, percent_decoded(path), kGet};
    }

    return Route{};
}

}  // namespace opendify
