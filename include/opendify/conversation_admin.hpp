// The administration of the conversations: a request in, JSON out. Whoever
// owns the map feeds it through the filter, piece by piece.
//
//     GET, DELETE  /             all, or those of the arguments
//     GET, DELETE  /ID           one
//     GET          /export       all, as OpenDify's conversation_mappings.json
//     POST         /import       such a file
//     GET          /mappings     numbers, as OpenDify told them
//     POST         /cleanup      the old ones go, as OpenDify had it

#ifndef OPENDIFY_CONVERSATION_ADMIN_HPP
#define OPENDIFY_CONVERSATION_ADMIN_HPP

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "opendify/conversation_map.hpp"
#include "opendify/result.hpp"

namespace opendify {

namespace wire {
class JsonValue;
}

enum class PlaceKind;  // what the path names

struct AdminApp {
    std::string_view model;  // of the configuration, which outlives us
    Digest           key;    // digest of the app's key
};

struct AdminCall {
    std::string_view method;  // "GET"
    std::string_view path;    // raw, after the location's prefix
    std::string_view args;    // raw, after the question mark
    std::string_view body;    // of a POST
    std::string_view client;  // whose it would be in a chat
    std::uint32_t    now_s = 0;
    std::uint32_t    ttl_s = 0;
    std::size_t      free = 0;  // so many more fit into the map
};

// A body is no larger: it is read at one go.
inline constexpr std::size_t kMaxImportBytes = 1 << 20;

Failure import_too_large();

// "GET, HEAD, DELETE": what the path takes; "" for an unknown path.
std::string_view admin_allow(std::string_view path);

// What is to be done with what matches.
enum class AdminTask {
    show,
    remove,
    remove_at_backend,  // there first, one after the other
    add,                // nothing is searched for: bring() has what came
};

Failure conversation_not_found();

class ConversationAdmin {
public:
    // Understands the request. Wrong methods, unknown arguments, a DELETE of
    // everything without an argument that says so: a failure.
    static Result<ConversationAdmin> read(const AdminCall &call,
                                          std::vector<AdminApp> apps);

    const ConversationFilter &filter() const { return filter_; }
    AdminTask task() const { return task_; }

    // Record number to begin at.
    std::uint32_t begin() const { return begin_; }

    // How many more entries may be added; 0: it is time for the reply.
    std::size_t room() const { return limit_ - count_ - failed_.size(); }

    // One entry that matches (and is gone, if it is to be removed).
    void add(const ConversationEntry &entry);

    // Whose the entry is at the backend; "": the app is not configured.
    std::string_view model_of(const ConversationEntry &entry) const;

    // Who that is at the backend, of remove_at_backend.
    const std::string &user() const { return user_; }

    // The backend did not remove it.
    void fail(const ConversationEntry &entry, const Failure &failure);

    // What an import brings, the least recently used first: the next ones,
    // fewer than `count` at its end. And how many of them were not known.
    std::vector<ConversationEntry> bring(std::size_t count);
    void added(std::size_t count) { count_ += count; }

    // The reply when the map is at its end, or there is no room. `next` is
    // where the search stopped; `total` the size of the map.
    Result<std::string> reply(std::uint32_t next, bool at_end,
                              std::size_t total) const;

    // An export is the file alone: where the next part begins is told beside
    // it.
    bool is_export() const { return what_ == AdminAnswer::exported; }

private:
    enum class AdminAnswer { list, one, exported, numbers, removed, imported };

    struct Failed {
        ConversationId id;
        std::string    code, message;
    };

    struct Brought {
        std::string       chat;  // "": the entry is whole
        ConversationEntry entry;
    };

    ConversationAdmin() = default;
    static AdminAnswer answer_of(PlaceKind kind, bool removes);
    Result<bool> read_arguments(std::string_view args,
                                std::string_view taken);
    Result<bool> read_argument(std::string_view name,
                               const std::string &value);
    Result<bool> read_model(const std::string &name);
    Result<bool> read_page(std::string_view name, std::string_view value);
    Result<bool> read_done(PlaceKind kind, const AdminCall &call);
    Result<bool> read_cleanup(std::string_view body);
    Result<bool> read_file(std::string_view body, std::size_t free);
    Result<bool> read_entry(const wire::JsonValue &value);
    Result<bool> check_chat(std::string_view chat) const;
    void write_removed(std::string &out, std::uint32_t next,
                       bool at_end) const;
    std::string file() const;
    void write_entry(std::string &out, const ConversationEntry &entry) const;
    std::string list(std::uint32_t next, bool at_end, std::size_t total) const;
    std::string numbers() const;

    AdminAnswer                    what_ = AdminAnswer::list;
    AdminTask                      task_ = AdminTask::show;
    ConversationFilter             filter_;
    std::string                    user_;    // as the backend knows it
    std::string                    client_;  // of what is imported
    std::optional<Digest>          app_;
    bool                           at_backend_ = false;
    std::uint32_t                  now_s_ = 0;
    std::uint32_t                  ttl_s_ = 0;
    std::uint32_t                  begin_ = 0;
    std::size_t                    limit_ = 0;
    std::size_t                    count_ = 0;
    std::size_t                    too_old_ = 0;
    std::uint32_t                  oldest_s_ = 0;
    std::uint32_t                  newest_s_ = 0;
    std::vector<ConversationEntry> entries_;
    std::vector<Failed>            failed_;
    std::vector<Brought>           file_;
    std::size_t                    brought_ = 0;  // of them
    std::vector<AdminApp>          apps_;
};

}  // namespace opendify

#endif
