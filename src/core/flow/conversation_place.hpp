// What follows the prefix of the administration's location.

#ifndef OPENDIFY_FLOW_CONVERSATION_PLACE_HPP
#define OPENDIFY_FLOW_CONVERSATION_PLACE_HPP

#include <optional>
#include <string>
#include <string_view>

#include "opendify/conversation_admin.hpp"

namespace opendify {

enum class PlaceKind {
    all,
    one,
    exported,
    imported,
    mappings,
    cleanup,
    unknown,
};

struct Place {
    PlaceKind   kind;
    std::string id;  // of PlaceKind::one
};

Place place_of(std::string_view path);

// The arguments that it takes, as "user, model".
std::string_view arguments_of(PlaceKind kind, bool removes);

// Whether `list` is "user, model" and has `name`.
bool has_name(std::string_view list, std::string_view name);

// What is wrong with the request before its arguments are read.
std::optional<Failure> refusal(const AdminCall &call, PlaceKind kind);

}  // namespace opendify

#endif
