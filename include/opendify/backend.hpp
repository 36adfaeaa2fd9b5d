// What the glue asks of a backend: requests to send and the meaning of the
// replies that are not streams. Dify's shapes: spec dify-api.md.

#ifndef OPENDIFY_BACKEND_HPP
#define OPENDIFY_BACKEND_HPP

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "opendify/result.hpp"
#include "opendify/turn.hpp"

namespace opendify {

// The values are kept in shared memory: do not renumber.
enum class AppMode : std::uint8_t {
    unknown = 0,
    chat = 1,
    agent_chat = 2,
    chatflow = 3,
    agent = 4,       // New Agent, Dify 1.15 and newer
    completion = 5,
    workflow = 6,
};

// "chat", "agent-chat", "advanced-chat", "agent", "completion", "workflow",
// as Dify's /info names them; unknown for anything else.
AppMode app_mode_from_name(std::string_view name);
std::string_view app_mode_name(AppMode mode);

// Completion and workflow apps do not: each of their runs stands alone.
bool has_conversations(AppMode mode);

// A call to make. `path` is relative to the backend's base and begins with a
// slash; `body` is empty for GET.
struct BackendRequest {
    bool        post = false;
    bool        removes = false;  // DELETE, with a body like a POST's
    std::string path;
    std::string args;  // without the question mark, already escaped
    std::string body;
    std::string payload;    // goes behind it; or what the caller calls so
    std::size_t spool = 0;  // (Attachment::spool), of
    std::size_t spooled = 0;  // so many bytes
    std::string tail;         // goes behind that
    std::string content_type;  // of the body, "": application/json
};

struct AppForm;  // opendify/app_form.hpp

// What it views outlives it.
struct ChatCall {
    const Turn        *turn = nullptr;
    AppMode            mode = AppMode::chat;
    std::string_view   user;             // as Dify gets it
    std::string_view   conversation_id;  // empty: a new conversation
    std::vector<Input> inputs;           // win over the turn's own
    std::string_view   system_input;     // input that takes the system text,
                                         // "": it goes into the query
    std::string_view   query_input;      // completion, workflow: the input
                                         // that takes the text
    std::string_view   continue_text = "Continue.";  // the new turn of a
                                         // request that ends with an answer
    const AppForm     *form = nullptr;   // what the app takes, if it is known
    std::size_t        max_files = 0;    // with files of earlier messages:
                                         // see below
};

// Always streaming. With a conversation only the new turn is sent (everything
// after the last assistant message, joined with a blank line); without one
// the earlier messages are replayed in the query:
//
//     [system text]
//
//     Conversation so far:
//     User: ...
//     Assistant: ...
//
//     User: <new turn>
//
// A request without history and system text is sent as it is. With a
// system_input the system text goes there, with every call, and stays out of
// the query unless it is all there is. A completion or workflow app gets the
// text in query_input; a completion app without one as its query, a workflow
// without one not at all.
//
// The files of the new turn go along, all of them; without a conversation
// also those of earlier messages, newest first, as long as there are no more
// than max_files in all. Files by address or with an upload_id: one whose
// bytes were not uploaded is left out.
//
// Errc::empty_query when there is nothing to ask.
Result<BackendRequest> encode_chat_call(const ChatCall &call);

// The text of the new turn alone, "" if there is none. Without a word of the
// user's it is the instructions after the last answer ("Summarize ...").
std::string new_turn_text(const Turn &turn);

// Whether there is anything to ask: a new turn that is not blank or brings a
// file, a request to continue (it ends with an assistant message), or
// instructions alone. If not, nothing_asked() says so.
bool asks_something(const Turn &turn);
Failure nothing_asked(const Turn &turn);

// Whether the backend may have given that id: letters, digits, '-' and '_', 64
// of them at most.
bool is_backend_id(std::string_view text);

BackendRequest encode_stop_call(AppMode mode, std::string_view task_id,
                                std::string_view user);

// The files that the call would send and that are bytes without an upload_id,
// in the order they would be sent. `call` is about `turn`.
std::vector<Attachment *> files_to_upload(Turn &turn, const ChatCall &call);

// What counts of a reply's head; "" where it is missing.
struct ReplyHead {
    std::string_view content_type = {};
    std::string_view content_encoding = {};
    std::string_view location = {};
    std::string_view retry_after = {};
    // Where that is a date: how far it is ahead, less than 0 if it is over.
    std::optional<std::int64_t> retry_date_in_s = {};
};

// A file goes to the backend first, as the same user (spec dify-api §8.1).
// Its bytes are moved into the call.
BackendRequest encode_upload_call(Attachment &file, std::string_view user);
// The id, or why not: bad_value if it is about the file (the caller knows its
// `param`).
Result<std::string> decode_upload_reply(int status, std::string_view body,
                                        const ReplyHead &head = {});

// Questions that suggest themselves after an answer; empty if the reply is
// anything else.
BackendRequest encode_suggested_call(std::string_view message_id,
                                     std::string_view user);
std::vector<std::string> decode_suggested(std::string_view body);

// A paused run: its form, what the person says, and the stream that goes on
// (spec dify-api §6.6, §7, §10).
BackendRequest encode_form_call(std::string_view token);
Result<HumanForm> decode_form(std::string_view body);
// The text of a turn as an answer to the form. Case and blanks around a name
// do not count. Line by line:
//
//     Send | yes | 1          an action by title, id or number
//     1. looks good           the same on the first line, with a text behind
//     Send: looks good        it ("." ":" "," "!" ";" may part them)
//     action: Send            the same on any line
//     note: looks good        a field, and the lines that follow it
//     anything else           text of the only field
//
// A form with one action takes that one, whatever is said, and needs no word
// for it; every field that nobody fills gets its default. bad_value if the
// text names no action, two of them, or says what no field takes.
Result<BackendRequest> encode_form_submit(const HumanForm &form,
                                          std::string_view text,
                                          std::string_view user);
// Open this first, and submit the form when its first event (a ping) is there:
// it tells what happens from then on, until the run ends or pauses anew. A
// snapshot would repeat the text before the pause and, until the run goes on,
// the pause itself.
BackendRequest encode_events_call(std::string_view run_id,
                                  std::string_view user);

// The record of a run, and the last event of a stream that it stands for; ""
// while the run goes on.
BackendRequest encode_run_call(std::string_view run_id);
std::string encode_run_frame(std::string_view record);

// It waits for a person, or has not gone on since.
bool is_paused_run(std::string_view record);

BackendRequest encode_info_call();
// Asks whether a conversation exists: 404 means it does not.
BackendRequest encode_conversation_probe(std::string_view conversation_id,
                                         std::string_view user);

// Whether the last turn of the history (question and answer, their files
// aside) is the last one of the conversation that the probe was about.
// `messages` is its reply.
bool shows_last_turn(const Turn &turn, std::string_view messages);

// Deletes it, as its user (spec dify-api §10).
BackendRequest encode_conversation_delete(std::string_view conversation_id,
                                          std::string_view user);
// True if it is gone, also if it was before.
Result<bool> decode_conversation_delete(int status, std::string_view body);

// Asks a server older than 1.4, whose /info has no mode, whether the app is
// chat-like (200) or not (400 not_chat_app).
BackendRequest encode_mode_probe();

// Mode from an /info body; unknown when the body has none (Dify before 1.4),
// a Failure when it is not such a body.
Result<AppMode> decode_info(std::string_view body);

// A body is an event stream whatever its type says.
bool begins_event_stream(std::string_view body);

// The meaning of a reply that is not a stream: an HTTP error, or a 200 of
// another type than asked for. `body` may be cut, HTML or empty.
// "Conversation Not Exists." becomes conversation_not_found; "Too many
// requests" in a 400 becomes backend_rate_limited; 401 becomes
// backend_credentials (spec dify-api §1.1, §1.2).
// Errors that pass have the Retry-After of the head.
Failure decode_error_reply(int status, std::string_view body,
                           const ReplyHead &head = {});

// Dify's 255 characters for a user id: longer ones are replaced by the hex
// of their SHA-256. Everywhere the same way, or Dify finds nothing again.
std::string backend_user(std::string_view user);
// Whether that is `user` itself.
bool is_backend_user(std::string_view user);

}  // namespace opendify

#endif
