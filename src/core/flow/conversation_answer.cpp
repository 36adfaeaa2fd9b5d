// What the administration answers.

#include <algorithm>
#include <utility>

#include "opendify/conversation_admin.hpp"
#include "wire/json_writer.hpp"

namespace opendify {

Failure conversation_not_found()
{
    return { Errc::conversation_not_found,
             "No conversation with this id is remembered.", {}, {} };
}

void ConversationAdmin::add(const ConversationEntry &entry)
{
    oldest_s_ = count_ == 0 ? entry.used_s : std::min(oldest_s_, entry.used_s);
    newest_s_ = std::max(newest_s_, entry.used_s);
    count_++;

    if (what_ == AdminAnswer::list) {
        entries_.push_back(entry);
    }

    // Of several chats that share one, the newest is shown.
    if (what_ == AdminAnswer::one && entry.used_s == newest_s_) {
        entries_.assign(1, entry);
    }
}

Result<std::string> ConversationAdmin::reply(std::uint32_t next, bool at_end,
                                             std::size_t total) const
{
    std::string out;

    if (filter_.id && count_ == 0) {
        return conversation_not_found();
    }

    switch (what_) {
    case AdminAnswer::list:
        return list(next, at_end, total);

    case AdminAnswer::one:
        write_entry(out, entries_.front());
        break;

    case AdminAnswer::numbers:
        return numbers();

    case AdminAnswer::remove:
    case AdminAnswer::remove_one:
        out += "{\"deleted\":";
        wire::write_integer(out, static_cast<std::int64_t>(count_));
        out += "}";
    }

    return out;
}

std::string ConversationAdmin::list(std::uint32_t next, bool at_end,
                                    std::size_t total) const
{
    std::string out = "{\"object\":\"list\",\"data\":[";

    for (const ConversationEntry &entry : entries_) {
        out += &entry == entries_.data() ? "" : ",";
        write_entry(out, entry);
    }

    out += "],\"count\":";
    wire::write_integer(out, static_cast<std::int64_t>(count_));
    out += ",\"total\":";
    wire::write_integer(out, static_cast<std::int64_t>(total));
    out += ",\"next_cursor\":";
    out += at_end ? "null" : "\"" + std::to_string(next) + "\"";
    out += "}";

    return out;
}

std::string ConversationAdmin::numbers() const
{
    std::string out = "{\"mapping_count\":";
    wire::write_integer(out, static_cast<std::int64_t>(count_));

    for (const auto &[name, time] :
         { std::pair("oldest_mapping", oldest_s_),
           std::pair("newest_mapping", newest_s_) })
    {
        out += ",\"" + std::string(name) + "\":";
        out += count_ == 0 ? "null" : std::to_string(time);
    }

    return out + ",\"timestamp\":" + std::to_string(now_s_) + "}";
}

void ConversationAdmin::write_entry(std::string &out,
                                    const ConversationEntry &entry) const
{
    const auto app = std::find_if(
        apps_.begin(), apps_.end(), [&](const AdminApp &a) {
            return std::equal(entry.owner.app.begin(), entry.owner.app.end(),
                              a.key.begin());
        });

    out += "{\"conversation_id\":";
    wire::write_lossy_string(out, entry.id.view());
    out += ",\"model\":";

    if (app == apps_.end()) {
        out += "null";

    } else {
        wire::write_lossy_string(out, app->model);
    }

    out += ",\"used_at\":";
    wire::write_integer(out, entry.used_s);
    out += ",\"has_head\":";
    out += entry.has_head ? "true}" : "false}";
}

}  // namespace opendify
