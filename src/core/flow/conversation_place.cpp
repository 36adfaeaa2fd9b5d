#include "flow/conversation_place.hpp"

#include <algorithm>
#include <utility>

#include "wire/percent.hpp"

namespace opendify {

namespace {

constexpr std::pair<std::string_view, PlaceKind> kNamed[] = {
    { "export", PlaceKind::exported },
    { "import", PlaceKind::imported },
    { "mappings", PlaceKind::mappings },
    { "cleanup", PlaceKind::cleanup },
};

void skip_prefix(std::string_view &text, std::string_view prefix)
{
    if (text.substr(0, prefix.size()) == prefix) {
        text.remove_prefix(prefix.size());
    }
}

std::string_view allow_of(PlaceKind kind)
{
    switch (kind) {
    case PlaceKind::all:
    case PlaceKind::one:
        return "GET, HEAD, DELETE";
    case PlaceKind::exported:
    case PlaceKind::mappings:
        return "GET, HEAD";
    case PlaceKind::imported:
    case PlaceKind::cleanup:
        return "POST";
    case PlaceKind::unknown:
        break;
    }

    return "";
}

}  // namespace

Place place_of(std::string_view path)
{
    while (!path.empty() && path.front() == '/') {
        path.remove_prefix(1);
    }

    if (!path.empty() && path.back() == '/') {
        path.remove_suffix(1);
    }

    skip_prefix(path, "v1/");
    skip_prefix(path, "conversation/");

    if (path.empty()) {
        return { PlaceKind::all, {} };
    }

    for (const auto &[name, kind] : kNamed) {
        if (path == name) {
            return { kind, {} };
        }
    }

    if (path.find('/') != path.npos) {
        return { PlaceKind::unknown, {} };
    }

    return { PlaceKind::one, wire::percent_decoded(path) };
}

std::string_view arguments_of(PlaceKind kind, bool removes)
{
    switch (kind) {
    case PlaceKind::all:
        return removes ? "user, model, older_than, dify, cursor"
                       : "user, model, older_than, limit, cursor";
    case PlaceKind::one:
        return removes ? "user, dify" : "";
    case PlaceKind::exported:
        return "user, model, older_than, limit, cursor";
    case PlaceKind::imported:
        return "model, user, client";
    case PlaceKind::mappings:
    case PlaceKind::cleanup:
    case PlaceKind::unknown:
        break;
    }

    return "";
}

bool has_name(std::string_view list, std::string_view name)
{
    while (!list.empty()) {
        const std::size_t comma = std::min(list.find(','), list.size());

        if (list.substr(0, comma) == name) {
            return true;
        }

        list.remove_prefix(std::min(comma + 2, list.size()));
    }

    return false;
}

std::optional<Failure> refusal(const AdminCall &call, PlaceKind kind)
{
    const std::string_view allow = allow_of(kind);

    if (kind == PlaceKind::unknown) {
        return Failure{ Errc::unknown_path,
                        "Unknown request URL. This location has its own "
                        "address, /ID, /export, /import, /mappings and "
                        "/cleanup.", {}, {} };
    }

    if (!has_name(allow, call.method)) {
        return Failure{ Errc::method_not_allowed,
                        "This URL takes " + std::string(allow) + ".", {}, {} };
    }

    return std::nullopt;
}

std::string_view admin_allow(std::string_view path)
{
    return allow_of(place_of(path).kind);
}

}  // namespace opendify
