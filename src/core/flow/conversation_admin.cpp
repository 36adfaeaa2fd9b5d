#include "opendify/conversation_admin.hpp"

#include <algorithm>
#include <limits>
#include <optional>

#include "opendify/backend.hpp"
#include "opendify/endpoint.hpp"
#include "flow/conversation_place.hpp"
#include "wire/json_reader.hpp"
#include "wire/percent.hpp"

namespace opendify {

namespace {

constexpr std::size_t   kMostListed = 1000;
constexpr std::size_t   kListed = 100;
constexpr std::size_t   kMostAtBackend = 100;
constexpr std::size_t   kUnlimited = std::numeric_limits<std::size_t>::max();
constexpr std::uint32_t kDay = 24 * 3600;
constexpr std::uint32_t kCleanupDays = 30;
constexpr std::uint32_t kMost = std::numeric_limits<std::uint32_t>::max();

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

std::uint32_t before(std::uint32_t now_s, std::uint32_t age_s)
{
    return now_s > age_s ? now_s - age_s : 0;
}

}  // namespace

ConversationAdmin::AdminAnswer ConversationAdmin::answer_of(PlaceKind kind,
                                                            bool removes)
{
    switch (kind) {
    case PlaceKind::one:
        return removes ? AdminAnswer::removed : AdminAnswer::one;
    case PlaceKind::exported:
        return AdminAnswer::exported;
    case PlaceKind::imported:
        return AdminAnswer::imported;
    case PlaceKind::mappings:
        return AdminAnswer::numbers;
    default:
        return removes ? AdminAnswer::removed : AdminAnswer::list;
    }
}

// All is read before anything is done: a misspelt argument deletes nothing.
Result<ConversationAdmin> ConversationAdmin::read(const AdminCall &call,
                                                  std::vector<AdminApp> apps)
{
    const Place place = place_of(call.path);
    const bool removes =
        call.method == "DELETE" || place.kind == PlaceKind::cleanup;
    ConversationAdmin admin;

    if (auto failure = refusal(call, place.kind)) {
        return *failure;
    }

    admin.apps_ = std::move(apps);
    admin.now_s_ = call.now_s;
    admin.ttl_s_ = call.ttl_s;
    admin.client_ = call.client;
    admin.task_ = removes ? AdminTask::remove : AdminTask::show;
    admin.what_ = answer_of(place.kind, removes);
    admin.limit_ = admin.what_ == AdminAnswer::list       ? kListed
                   : admin.what_ == AdminAnswer::exported ? kMostListed
                                                          : kUnlimited;

    // Too long an id is nobody's.
    if (place.kind == PlaceKind::one
        && !admin.filter_.id.emplace().assign(place.id))
    {
        return conversation_not_found();
    }

    Result<bool> done =
        admin.read_arguments(call.args, arguments_of(place.kind, removes));

    if (done) {
        done = admin.read_done(place.kind, call);
    }

    return done ? Result<ConversationAdmin>(std::move(admin))
                : done.failure();
}

Result<bool> ConversationAdmin::read_arguments(std::string_view args,
                                               std::string_view taken)
{
    while (!args.empty()) {
        const std::size_t end = std::min(args.find('&'), args.size());
        const std::string_view one = args.substr(0, end);
        const std::size_t equals = std::min(one.find('='), one.size());
        const std::string name = decoded(one.substr(0, equals));

        args.remove_prefix(std::min(end + 1, args.size()));

        if (!has_name(taken, name)) {
            return Failure{ Errc::bad_value,
                            taken.empty() ? "This URL takes no arguments."
                                          : "This URL takes the arguments "
                                                + std::string(taken) + ".",
                            {}, {} };
        }

        Result<bool> done = read_argument(
            name, decoded(one.substr(std::min(equals + 1, one.size()))));

        if (!done) {
            return done;
        }
    }

    return true;
}

Result<bool> ConversationAdmin::read_argument(std::string_view name,
                                              const std::string &value)
{
    if (name == "user") {
        user_ = backend_user(value);
        filter_.user = ConversationOwner::of(user_, Digest{}).user;
        return value.empty() ? Result<bool>(bad_argument(name, "a user's id"))
                             : true;
    }

    if (name == "model") {
        return read_model(value);
    }

    if (name == "older_than") {
        const auto age = parse_age(value);
        if (age) {
            filter_.used_until_s = *age == 0 ? kMost : before(now_s_, *age);
        }

        return age ? Result<bool>(true)
                   : bad_argument(name, "a time such as 3600 or 30d");
    }

    if (name == "client") {
        client_ = value;
        return true;
    }

    if (name == "dify") {
        task_ = AdminTask::remove_at_backend;
        return value == "true" ? Result<bool>(true)
                               : bad_argument(name, "true, or left out");
    }

    return read_page(name, value);
}

Result<bool> ConversationAdmin::read_model(const std::string &name)
{
    const auto app =
        std::find_if(apps_.begin(), apps_.end(),
                     [&](const AdminApp &a) { return a.model == name; });

    if (app == apps_.end()) {
        return model_not_found(name);
    }

    app_ = app->key;
    filter_.app = ConversationOwner::of({}, app->key).app;
    return true;
}

Result<bool> ConversationAdmin::read_page(std::string_view name,
                                          std::string_view value)
{
    const auto number = parse_number(value);

    if (name == "cursor") {
        begin_ = number.value_or(0);
        return number ? Result<bool>(true)
                      : bad_argument(name, "the cursor of the page before");
    }

    limit_ = number.value_or(0);
    return limit_ > 0 && limit_ <= kMostListed
               ? Result<bool>(true)
               : bad_argument(name, "from 1 to 1000");
}

// What the arguments say together, and the body.
Result<bool> ConversationAdmin::read_done(PlaceKind kind,
                                          const AdminCall &call)
{
    if (kind == PlaceKind::cleanup) {
        return read_cleanup(call.body);
    }

    if (kind == PlaceKind::imported) {
        task_ = AdminTask::add;
        return read_file(call.body, call.free);
    }

    if (task_ == AdminTask::remove_at_backend) {
        limit_ = kMostAtBackend;
        return filter_.user ? Result<bool>(true)
                            : Failure{ Errc::missing_field,
                                       "Dify deletes what is the user's own: "
                                       "dify=true needs the argument user, as "
                                       "Dify knows it.", "user", {} };
    }

    if (task_ != AdminTask::remove || kind == PlaceKind::one) {
        return true;
    }

    if (begin_ != 0) {
        return bad_argument("cursor", "left out without dify=true");
    }

    return filter_.user || filter_.app || filter_.used_until_s
               ? Result<bool>(true)
               : Failure{ Errc::missing_field,
                          "A DELETE says which: /ID, or one or more of the "
                          "arguments user, model and older_than. "
                          "older_than=0 are all.", {}, {} };
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
