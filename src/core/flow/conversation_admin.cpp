#include "opendify/conversation_admin.hpp"

#include <algorithm>
#include <limits>
#include <optional>

#include "opendify/backend.hpp"
#include "opendify/endpoint.hpp"
#include "wire/json_reader.hpp"
#include "wire/json_writer.hpp"
#include "wire/percent.hpp"

namespace opendify {

namespace {

constexpr std::size_t   kMostListed = 1000;
constexpr std::size_t   kListed = 100;
constexpr std::size_t   kUnlimited = std::numeric_limits<std::size_t>::max();
constexpr std::uint32_t kDay = 24 * 3600;
constexpr std::uint32_t kCleanupDays = 30;
constexpr std::uint32_t kMost = std::numeric_limits<std::uint32_t>::max();

// What follows the location's prefix.
enum class Kind { all, one, mappings, cleanup, unknown };

struct Place {
    Kind        kind;
    std::string id;  // of Kind::one
};

void skip_prefix(std::string_view &text, std::string_view prefix)
{
    if (text.substr(0, prefix.size()) == prefix) {
        text.remove_prefix(prefix.size());
    }
}

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
        return { Kind::all, {} };
    }

    if (path == "mappings" || path == "cleanup") {
        return { path == "mappings" ? Kind::mappings : Kind::cleanup, {} };
    }

    if (path.find('/') != path.npos) {
        return { Kind::unknown, {} };
    }

    return { Kind::one, wire::percent_decoded(path) };
}

std::string_view allow_of(Kind kind)
{
    switch (kind) {
    case Kind::all:
    case Kind::one:
        return "GET, HEAD, DELETE";
    case Kind::mappings:
        return "GET, HEAD";
    case Kind::cleanup:
        return "POST";
    case Kind::unknown:
        break;
    }

    return "";
}

bool allows(std::string_view allow, std::string_view method)
{
    while (!allow.empty()) {
        const std::size_t comma = std::min(allow.find(','), allow.size());

        if (allow.substr(0, comma) == method) {
            return true;
        }

        allow.remove_prefix(std::min(comma + 2, allow.size()));
    }

    return false;
}

std::optional<std::uint32_t> parse_number(std::string_view text)
{
    std::uint64_t value = 0;

    for (const char c : text) {
        if (c < '0' || c > '9' || value > kMost) {
            return std::nullopt;
        }

        value = value * 10 + static_cast<std::uint64_t>(c - '0');
    }

    return text.empty() || value > kMost
               ? std::nullopt
               : std::optional(static_cast<std::uint32_t>(value));
}

// "90", "90s", "15m", "12h", "30d", "8w"
std::optional<std::uint32_t> parse_age(std::string_view text)
{
    std::uint64_t unit = 1;

    switch (text.empty() ? '\0' : text.back()) {
    case 's':
        break;
    case 'm':
        unit = 60;
        break;
    case 'h':
        unit = 3600;
        break;
    case 'd':
        unit = kDay;
        break;
    case 'w':
        unit = 7 * kDay;
        break;
    default:
        unit = 0;
    }

    if (unit != 0) {
        text.remove_suffix(1);
    }

    const auto number = parse_number(text);
    const std::uint64_t age = number ? *number * std::max<std::uint64_t>(
                                                     unit, 1)
                                     : 0;

    return number ? std::optional(static_cast<std::uint32_t>(
                        std::min<std::uint64_t>(age, kMost)))
                  : std::nullopt;
}

std::string decoded(std::string_view raw)
{
    std::string text(raw);
    std::replace(text.begin(), text.end(), '+', ' ');

    return wire::percent_decoded(text);
}

Failure bad_argument(std::string_view name, std::string_view wanted)
{
    return { Errc::bad_value,
             "The argument `" + std::string(name) + "` must be "
                 + std::string(wanted) + ".",
             std::string(name), {} };
}

std::optional<Failure> refusal(const AdminCall &call, Kind kind)
{
    const std::string_view allow = allow_of(kind);

    if (kind == Kind::unknown) {
        return Failure{ Errc::unknown_path,
                        "Unknown request URL. This location has its own "
                        "address, /ID, /mappings and /cleanup.", {}, {} };
    }

    if (!allows(allow, call.method)) {
        return Failure{ Errc::method_not_allowed,
                        "This URL takes " + std::string(allow) + ".", {}, {} };
    }

    if (kind != Kind::all && !call.args.empty()) {
        return Failure{ Errc::bad_value, "This URL takes no arguments.",
                        {}, {} };
    }

    if (kind == Kind::all && call.method == "DELETE" && call.args.empty()) {
        return Failure{ Errc::missing_field,
                        "A DELETE says which: /ID, or one or more of the "
                        "arguments user, model and older_than. "
                        "older_than=0 are all.", {}, {} };
    }

    return std::nullopt;
}

AdminAnswer what_of(Kind kind, bool removes)
{
    switch (kind) {
    case Kind::one:
        return removes ? AdminAnswer::remove_one : AdminAnswer::one;
    case Kind::mappings:
        return AdminAnswer::numbers;
    default:
        return removes ? AdminAnswer::remove : AdminAnswer::list;
    }
}

std::uint32_t before(std::uint32_t now_s, std::uint32_t age_s)
{
    return now_s > age_s ? now_s - age_s : 0;
}

}  // namespace

std::string_view admin_allow(std::string_view path)
{
    return allow_of(place_of(path).kind);
}

Result<ConversationAdmin> ConversationAdmin::read(const AdminCall &call,
                                                  std::vector<AdminApp> apps)
{
    const Place place = place_of(call.path);
    ConversationAdmin admin;

    if (auto failure = refusal(call, place.kind)) {
        return *failure;
    }

    admin.apps_ = std::move(apps);
    admin.now_s_ = call.now_s;
    admin.removes_ = call.method == "DELETE" || place.kind == Kind::cleanup;
    admin.what_ = what_of(place.kind, admin.removes_);
    admin.limit_ = admin.what_ == AdminAnswer::list ? kListed : kUnlimited;

    // Too long an id is nobody's.
    if (place.kind == Kind::one && !admin.filter_.id.emplace().assign(place.id))
    {
        return conversation_not_found();
    }

    Result<bool> done = place.kind == Kind::cleanup
                            ? admin.read_cleanup(call.body)
                            : admin.read_arguments(call.args);

    return done ? Result<ConversationAdmin>(std::move(admin))
                : done.failure();
}

// All are read before anything is done: a misspelt one deletes nothing.
Result<bool> ConversationAdmin::read_arguments(std::string_view args)
{
    while (!args.empty()) {
        const std::size_t end = std::min(args.find('&'), args.size());
        const std::string_view one = args.substr(0, end);
        const std::size_t equals = std::min(one.find('='), one.size());

        args.remove_prefix(std::min(end + 1, args.size()));

        Result<bool> done = read_argument(
            decoded(one.substr(0, equals)),
            decoded(one.substr(std::min(equals + 1, one.size()))));

        if (!done) {
            return done;
        }
    }

    return true;
}

Result<bool> ConversationAdmin::read_argument(std::string_view name,
                                              std::string value)
{
    if (name == "user") {
        filter_.user =
            ConversationOwner::of(backend_user(value), Digest{}).user;
        return value.empty() ? Result<bool>(bad_argument(name, "a user's id"))
                             : true;
    }

    if (name == "model") {
        const auto app = std::find_if(
            apps_.begin(), apps_.end(),
            [&](const AdminApp &a) { return a.model == value; });
        if (app == apps_.end()) {
            return model_not_found(value);
        }

        filter_.app = ConversationOwner::of({}, app->key).app;
        return true;
    }

    if (name == "older_than") {
        const auto age = parse_age(value);
        if (age) {
            filter_.used_until_s = *age == 0 ? kMost : before(now_s_, *age);
        }

        return age ? Result<bool>(true)
                   : bad_argument(name, "a time such as 3600 or 30d");
    }

    const auto number = parse_number(value);

    if (name == "limit" && !removes_) {
        limit_ = number.value_or(0);
        return limit_ > 0 && limit_ <= kMostListed
                   ? Result<bool>(true)
                   : bad_argument(name, "from 1 to 1000");
    }

    if (name == "cursor" && !removes_) {
        begin_ = number.value_or(0);
        return number ? Result<bool>(true)
                      : bad_argument(name, "the next_cursor of a list");
    }

    return Failure{ Errc::bad_value,
                    removes_ ? "A DELETE takes the arguments user, model and "
                               "older_than."
                             : "A list takes the arguments user, model, "
                               "older_than, limit and cursor.", {}, {} };
}

// {"max_age_days": 30}, or nothing.
Result<bool> ConversationAdmin::read_cleanup(std::string_view body)
{
    wire::JsonDocument json;
    std::int64_t days = kCleanupDays;

    if (!body.empty()) {
        if (!json.parse(body, 8) || !json.root().is(wire::JsonType::object)) {
            return Failure{ Errc::bad_json,
                            "The request body is not a JSON object.", {}, {} };
        }

        const auto value = json.root()["max_age_days"];
        days = value.is_null_or_missing() ? days : value.integer(-1);
    }

    if (days < 0) {
        return Failure{ Errc::bad_value,
                        "max_age_days must be a whole number of days.",
                        "max_age_days", {} };
    }

    days = std::min<std::int64_t>(days, kMost / kDay);
    filter_.used_until_s =
        days == 0 ? kMost
                  : before(now_s_, static_cast<std::uint32_t>(days) * kDay);

    return true;
}

}  // namespace opendify
