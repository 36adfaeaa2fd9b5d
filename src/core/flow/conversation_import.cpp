// OpenDify's conversation_mappings.json, read and written:
//
//     {"CHAT": {"dify_conversation_id": "ID",
//               "created_at": 1722123456, "last_used": 1722987654}, ...}
//
// or, of its earlier versions, {"CHAT": "ID", ...}. The ids of chats are not
// remembered here: of what we write CHAT is the entry itself, as one word.

#include <algorithm>
#include <cstdlib>

#include "opendify/conversation_admin.hpp"
#include "opendify/conversation_journal.hpp"
#include "wire/json_reader.hpp"
#include "wire/json_writer.hpp"

namespace opendify {

namespace {

Failure missing(std::string_view name)
{
    return { Errc::missing_field,
             "The file does not say whose chats these are: the arguments "
             "model and user are needed.", std::string(name), {} };
}

Failure bad_entry(std::string_view why)
{
    return { Errc::bad_value,
             "The request body is no conversation_mappings.json: an entry "
                 + std::string(why), {}, {} };
}

// It becomes a part of paths at the backend.
bool is_id(std::string_view text)
{
    return !text.empty()
           && std::all_of(text.begin(), text.end(), [](char c) {
                  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z')
                         || (c >= 'A' && c <= 'Z') || c == '-' || c == '_';
              });
}

// Seconds; OpenDify's descendants write fractions of them too.
std::uint32_t time_of(const wire::JsonValue &value, std::uint32_t now_s)
{
    for (const char *name : { "last_used", "created_at" }) {
        const std::string number(value[name].number());

        if (!number.empty()) {
            const double at = std::strtod(number.c_str(), nullptr);
            return at >= now_s ? now_s
                   : at > 0    ? static_cast<std::uint32_t>(at)
                               : 0;
        }
    }

    return now_s;
}

}  // namespace

Failure import_too_large()
{
    return { Errc::body_too_large,
             "The file is larger than 1m: import it in parts.", {}, {} };
}

Result<bool> ConversationAdmin::read_file(std::string_view body,
                                          std::size_t free)
{
    wire::JsonDocument json;

    if (body.size() > kMaxImportBytes) {
        return import_too_large();
    }

    if (!json.parse(body, 8) || !json.root().is(wire::JsonType::object)) {
        return Failure{ Errc::bad_json,
                        "The request body is not a JSON object.", {}, {} };
    }

    for (auto value = json.root().first(); value; value = value.next()) {
        Result<bool> done = read_entry(value);

        if (!done) {
            return done;
        }
    }

    std::stable_sort(file_.begin(), file_.end(),
                     [](const Brought &a, const Brought &b) {
                         return a.entry.used_s < b.entry.used_s;
                     });

    return file_.size() <= free
               ? Result<bool>(true)
               : Failure{ Errc::bad_value,
                          "The zone has room for " + std::to_string(free)
                              + " more conversations, the file has "
                              + std::to_string(file_.size()) + ".",
                          {}, {} };
}

Result<bool> ConversationAdmin::read_entry(const wire::JsonValue &value)
{
    const auto member = value.is(wire::JsonType::string)
                            ? value
                            : value["dify_conversation_id"];
    const std::string_view id = member.string();
    Brought brought;
    ConversationEntry &entry = brought.entry;

    if (!is_id(id) || !entry.id.assign(id)) {
        return bad_entry("has no dify_conversation_id.");
    }

    if (parse_entry(value.name(), entry)) {
        if (entry.id.view() != id) {
            return bad_entry("of an export has the conversation of another.");
        }

    } else {
        Result<bool> done = check_chat(value.name());

        if (!done) {
            return done;
        }

        brought.chat = value.name();
        entry.used_s = time_of(value, now_s_);
    }

    if (now_s_ > entry.used_s && now_s_ - entry.used_s > ttl_s_) {
        too_old_++;

    } else {
        file_.push_back(std::move(brought));
    }

    return true;
}

Result<bool> ConversationAdmin::check_chat(std::string_view chat) const
{
    if (!app_) {
        return missing("model");
    }

    if (user_.empty()) {
        return missing("user");
    }

    return chat.empty() ? Result<bool>(bad_entry("has no chat.")) : true;
}

// A chat is remembered as by its first turn, but for the history.
std::vector<ConversationEntry> ConversationAdmin::bring(std::size_t count)
{
    std::vector<ConversationEntry> entries;
    const auto owner = ConversationOwner::of(user_, app_.value_or(Digest{}));

    for (; brought_ < file_.size() && entries.size() < count; brought_++) {
        auto &[chat, entry] = file_[brought_];

        if (!chat.empty()) {
            const Digest scope =
                conversation_scope(*app_, client_, user_, chat);

            entry.key = ConversationMap::key(scope, entry.id.view());
            entry.head = imported_head(scope);
            entry.has_head = true;
            entry.owner = owner;
        }

        entries.push_back(entry);
    }

    return entries;
}

std::string ConversationAdmin::file() const
{
    std::string out = "{";

    for (const ConversationEntry &entry : entries_) {
        out += &entry == entries_.data() ? "\"" : ",\"";
        out += entry_text(entry);
        out += "\":{\"dify_conversation_id\":";
        wire::write_lossy_string(out, entry.id.view());

        for (const char *name : { "created_at", "last_used" }) {
            out += ",\"" + std::string(name) + "\":";
            wire::write_integer(out, entry.used_s);
        }

        out += "}";
    }

    return out + "}";
}

}  // namespace opendify
