// The administration of the conversations: a request in, JSON out. Whoever
// owns the map feeds it through the filter, piece by piece.
//
//     GET, DELETE  /             all, or those of the arguments
//     GET, DELETE  /ID           one
//     GET          /mappings     numbers, as OpenDify told them
//     POST         /cleanup      the old ones go, as OpenDify had it

#ifndef OPENDIFY_CONVERSATION_ADMIN_HPP
#define OPENDIFY_CONVERSATION_ADMIN_HPP

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "opendify/conversation_map.hpp"
#include "opendify/result.hpp"

namespace opendify {

struct AdminApp {
    std::string_view model;  // of the configuration, which outlives us
    Digest           key;    // digest of the app's key
};

struct AdminCall {
    std::string_view method;  // "GET"
    std::string_view path;    // raw, after the location's prefix
    std::string_view args;    // raw, after the question mark
    std::string_view body;    // of a POST
    std::uint32_t    now_s = 0;
};

// "GET, HEAD, DELETE": what the path takes; "" for an unknown path.
std::string_view admin_allow(std::string_view path);

enum class AdminAnswer { list, one, numbers, remove, remove_one };

Failure conversation_not_found();

class ConversationAdmin {
public:
    // Understands the request. Wrong methods, unknown arguments, a DELETE of
    // everything without an argument that says so: a failure.
    static Result<ConversationAdmin> read(const AdminCall &call,
                                          std::vector<AdminApp> apps);

    const ConversationFilter &filter() const { return filter_; }

    // What matches is to be dropped.
    bool removes() const { return removes_; }

    // Record number to begin at.
    std::uint32_t begin() const { return begin_; }

    // How many more entries may be added; 0: it is time for the reply.
    std::size_t room() const { return limit_ - count_; }

    // One entry that matches (and that is dropped, if it removes).
    void add(const ConversationEntry &entry);

    std::size_t count() const { return count_; }

    // The reply when the map is at its end, or there is no room. `next` is
    // where the search stopped; `total` the size of the map.
    Result<std::string> reply(std::uint32_t next, bool at_end,
                              std::size_t total) const;

private:
    ConversationAdmin() = default;
    Result<bool> read_arguments(std::string_view args);
    Result<bool> read_argument(std::string_view name, std::string value);
    Result<bool> read_cleanup(std::string_view body);
    void write_entry(std::string &out, const ConversationEntry &entry) const;
    std::string list(std::uint32_t next, bool at_end, std::size_t total) const;
    std::string numbers() const;

    AdminAnswer                    what_ = AdminAnswer::list;
    bool                           removes_ = false;
    ConversationFilter             filter_;
    std::uint32_t                  now_s_ = 0;
    std::uint32_t                  begin_ = 0;
    std::size_t                    limit_ = 0;
    std::size_t                    count_ = 0;
    std::uint32_t                  oldest_s_ = 0;
    std::uint32_t                  newest_s_ = 0;
    std::vector<ConversationEntry> entries_;
    std::vector<AdminApp>          apps_;
};

}  // namespace opendify

#endif
