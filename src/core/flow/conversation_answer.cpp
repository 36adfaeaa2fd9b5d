// What the administration answers.

#include <algorithm>
#include <utility>

#include "opendify/conversation_admin.hpp"
#include "opendify/endpoint.hpp"
#include "wire/json_writer.hpp"

namespace opendify {

namespace {

void write_count(std::string &out, std::string_view before, std::size_t count)
{
    out += before;
    wire::write_integer(out, static_cast<std::int64_t>(count));
}

void write_cursor(std::string &out, std::uint32_t next, bool at_end)
{
    out += at_end ? "null" : "\"" + std::to_string(next) + "\"";
}

}  // namespace

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

    if (what_ == AdminAnswer::list || what_ == AdminAnswer::exported) {
        entries_.push_back(entry);
    }

    // Of several chats that share one, the newest is shown.
    if (what_ == AdminAnswer::one && entry.used_s == newest_s_) {
        entries_.assign(1, entry);
    }
}

void ConversationAdmin::fail(const ConversationEntry &entry,
                             const Failure &failure)
{
    failed_.push_back({ entry.id, std::string(error_code_name(failure)),
                        failure.message });
}

Result<std::string> ConversationAdmin::reply(std::uint32_t next, bool at_end,
                                             std::size_t total) const
{
    std::string out;

    if (filter_.id && count_ == 0 && failed_.empty()) {
        return conversation_not_found();
    }

    switch (what_) {
    case AdminAnswer::list:
        return list(next, at_end, total);

    case AdminAnswer::exported:
        return file();

    case AdminAnswer::one:
        write_entry(out, entries_.front());
        break;

    case AdminAnswer::numbers:
        return numbers();

    case AdminAnswer::removed:
        write_removed(out, next, at_end);
        break;

    case AdminAnswer::imported:
        write_count(out, "{\"imported\":", count_);
        write_count(out, ",\"known\":", file_.size() - count_);
        write_count(out, ",\"too_old\":", too_old_);
        out += "}";
    }

    return out;
}

void ConversationAdmin::write_removed(std::string &out, std::uint32_t next,
                                      bool at_end) const
{
    write_count(out, "{\"deleted\":", count_);

    if (task_ == AdminTask::remove_at_backend) {
        out += ",\"failed\":[";

        for (const Failed &failed : failed_) {
            out += &failed == failed_.data() ? "" : ",";
            out += "{\"conversation_id\":";
            wire::write_lossy_string(out, failed.id.view());
            out += ",\"code\":";
            wire::write_lossy_string(out, failed.code);
            out += ",\"message\":";
            wire::write_lossy_string(out, failed.message);
            out += "}";
        }

        out += "],\"next_cursor\":";
        write_cursor(out, next, at_end);
    }

    out += "}";
}

std::string ConversationAdmin::list(std::uint32_t next, bool at_end,
                                    std::size_t total) const
{
    std::string out = "{\"object\":\"list\",\"data\":[";

    for (const ConversationEntry &entry : entries_) {
        out += &entry == entries_.data() ? "" : ",";
        write_entry(out, entry);
    }

    write_count(out, "],\"count\":", count_);
    write_count(out, ",\"total\":", total);
    out += ",\"next_cursor\":";
    write_cursor(out, next, at_end);
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

std::string_view
ConversationAdmin::model_of(const ConversationEntry &entry) const
{
    const auto app = std::find_if(
        apps_.begin(), apps_.end(), [&](const AdminApp &a) {
            return std::equal(entry.owner.app.begin(), entry.owner.app.end(),
                              a.key.begin());
        });

    return app == apps_.end() ? std::string_view() : app->model;
}

void ConversationAdmin::write_entry(std::string &out,
                                    const ConversationEntry &entry) const
{
    const std::string_view model = model_of(entry);

    out += "{\"conversation_id\":";
    wire::write_lossy_string(out, entry.id.view());
    out += ",\"model\":";

    if (model.empty()) {
        out += "null";

    } else {
        wire::write_lossy_string(out, model);
    }

    out += ",\"used_at\":";
    wire::write_integer(out, entry.used_s);
    out += ",\"has_head\":";
    out += entry.has_head ? "true}" : "false}";
}

}  // namespace opendify
