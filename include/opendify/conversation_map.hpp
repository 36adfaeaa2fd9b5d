// Which backend conversation continues which chat. Lives in memory shared by
// workers; every call is made under the caller's lock.
//
// One record per conversation, found by its own id, by its head (the digest
// of the history it has answered) and by a message id. A region is
//
//     Header | buckets[3][n] | records[m]
//
// with 32-bit record numbers for links, so that it may be mapped anywhere.
// A change happens as a whole or not at all: of a process that dies in the
// middle the next call takes back the few words that were written.

#ifndef OPENDIFY_CONVERSATION_MAP_HPP
#define OPENDIFY_CONVERSATION_MAP_HPP

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "opendify/fingerprint.hpp"

namespace opendify {

struct ConversationId {  // text as the backend wrote it, NUL-padded
    char text[40] = {};

    // False if it does not fit (then it is not remembered).
    bool assign(std::string_view id);
    std::string_view view() const;
};

// Whose a conversation is, as the beginnings of digests: enough to find all
// that belongs to somebody, too little to be a key.
struct ConversationOwner {
    std::array<std::uint8_t, 8> user = {};
    std::array<std::uint8_t, 4> app = {};

    // `user` as the backend gets it, `app` the digest of its key.
    static ConversationOwner of(std::string_view user, const Digest &app);
};

// Whose a chat is, and which one: nothing is found across scopes.
Digest conversation_scope(const Digest &app, std::string_view client,
                          std::string_view user, std::string_view chat);

// The head of a conversation of which nothing is known but its chat: whoever
// takes it has to find out first whether it is what the chat shows.
Digest imported_head(const Digest &scope);

// One record, to be kept outside and put back.
struct ConversationEntry {
    Digest         key = {};      // ConversationMap::key()
    Digest         head = {};
    Digest         message = {};
    ConversationId id;
    std::uint32_t  used_s = 0;
    bool           has_head = false;
    bool           is_taken = false;  // by a turn, and counts again if that
                                      // one never ends
    bool           has_message = false;
    ConversationOwner owner;
};

// Which conversations; what is not said does not matter.
struct ConversationFilter {
    std::optional<std::array<std::uint8_t, 8>> user;
    std::optional<std::array<std::uint8_t, 4>> app;
    std::optional<ConversationId>              id;
    std::optional<std::uint32_t>               used_until_s;

    bool matches(const ConversationOwner &whose, const ConversationId &name,
                 std::uint32_t used_s) const;
};

// The newest turn of a conversation.
struct Mapping {
    Digest                scope;
    Digest                head;     // digest of the history it has answered
    std::optional<Digest> message;  // id of its answer, if the client has any
    ConversationId        id;
    ConversationOwner     owner = {};
};

enum class Taken {
    no,
    pending,  // the backend has not stored that turn yet: ask again soon
    yes,
};

class ConversationMap {
public:
    // Lays out an empty map in `memory`; false if it is too small for one
    // record. `memory` is aligned to 8.
    static bool format(void *memory, std::size_t bytes);

    // Attaches to a region that format() made; nothing is owned.
    explicit ConversationMap(void *memory) : base_(memory) {}

    // Takes the conversation whose head is `head`, if it is there and was
    // used within ttl_s before now_s: it is no longer anybody's head, so a
    // second taker gets none and forks. `out` is what was taken: put() gives
    // it back. Digests of another scope are other digests: `scope` is only
    // written into `out`.
    //
    // If all processes die before it is put again, an entry of it has no head:
    // nobody knows what the backend has stored by then. With `returns` it has
    // the old one, for a chat whose client shows no history.
    Taken take(const Digest &scope, const Digest &head, std::uint32_t now_s,
               std::uint32_t ttl_s, Mapping &out, bool returns = false);

    // The same by the id of the head's answer.
    Taken take_message(const Digest &scope, const Digest &message,
                       std::uint32_t now_s, std::uint32_t ttl_s, Mapping &out,
                       bool returns = false);

    // Takes the conversation named by an explicit id, under its scope: its
    // head is void, whoever held it, and given to the caller. False if it is
    // unknown or has none.
    bool take_conversation(const Digest &scope, std::string_view id,
                           Mapping &out, bool returns = false);

    // Makes the record, or moves an existing one to the new head. Evicts the
    // least recently used ones when full. A different conversation with the
    // same head loses both; one with the same message loses that.
    //
    // A pending one counts when it is settled, and is waited for 4 seconds:
    // then whoever should have done so died, and it does not count unless it
    // `returns`. Until it is settled an entry of it has no head.
    void put(const Mapping &mapping, std::uint32_t now_s,
             bool pending = false, bool returns = false);

    // The backend has stored the turn that was put as pending: it is the most
    // recently used one. False, and nothing is done, if the conversation has
    // lost that head or moved on meanwhile, or is settled.
    bool settle(const Mapping &mapping);

    // The backend has not stored it: the conversation is dropped, unless it has
    // lost that head or moved on meanwhile. Whether it was.
    bool abandon(const Mapping &mapping);

    // The conversation is gone at the backend.
    void drop(const Digest &scope, std::string_view id);
    void drop(const Digest &key);

    // What a conversation is known by.
    static Digest key(const Digest &scope, std::string_view id);

    bool find(const Digest &key, ConversationEntry &out) const;

    // The one that was put last. False if the map is empty.
    bool newest(ConversationEntry &out) const;

    // Copies up to `count` entries from record number `from` on, which moves
    // behind them; 0 at the end. The order is that of memory; what changes
    // between two calls may be there in its old or its new state.
    std::size_t copy(std::uint32_t &from, ConversationEntry *out,
                     std::size_t count) const;

    // Copies up to `count` entries that match, from record number `from` on,
    // which moves behind the last record that was looked at: never more than
    // kSearched. A conversation keeps its number while it lives.
    std::size_t search(const ConversationFilter &filter, std::uint32_t &from,
                       ConversationEntry *out, std::size_t count) const;

    static constexpr std::size_t kSearched = 512;

    // There is no record from this number on.
    bool is_end(std::uint32_t from) const;

    // Makes the conversation what the entry says, as the most recently used
    // one. The head of a taken one counts again if it is nobody's.
    void restore(const ConversationEntry &entry);

    // restore(), unless the conversation, its head or its message is known:
    // then all stays as it is, and it says false.
    bool add(const ConversationEntry &entry);

    // Whether format() of this version made it.
    static bool is_ours(const void *memory);

    std::size_t size() const;
    std::size_t capacity() const;  // without the lock, too: never changes

private:
    Taken take_by(std::size_t index, const Digest &digest,
                  std::uint32_t now_s, std::uint32_t ttl_s, Mapping &out,
                  bool returns);

    void *base_;
};

}  // namespace opendify

#endif
