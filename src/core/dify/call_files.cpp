#include "dify/call_files.hpp"

#include "dify/file_kind.hpp"
#include "dify/query_text.hpp"
#include "opendify/app_form.hpp"
#include "wire/json_writer.hpp"

namespace opendify {

namespace dify {

namespace {

void add_message(std::vector<FileAt> &out, const Turn &turn, std::size_t at,
                 bool earlier)
{
    const Role role = turn.messages[at].role;

    if (role != Role::user && role != Role::tool) {
        return;
    }

    for (std::size_t i = 0; i < turn.messages[at].files.size(); i++) {
        out.push_back({at, i, earlier});
    }
}

bool taken(const ChatCall &call, const FileAt &place)
{
    const Attachment &file =
        call.turn->messages[place.message].files[place.file];

    return call.form == nullptr || file_refusal(file, *call.form).empty();
}

void write_file(std::string &out, const Attachment &file, const AppForm *form)
{
    out += "{\"type\":\"";
    out += file_type(file, form);

    if (!file.upload_id.empty()) {
        out += R"(","transfer_method":"local_file","upload_file_id":)";
        wire::write_lossy_string(out, file.upload_id);

    } else {
        out += R"(","transfer_method":"remote_url","url":)";
        wire::write_lossy_string(out, file.url);
    }

    out += '}';
}

}  // namespace

std::vector<FileAt> files_of(const ChatCall &call)
{
    const Turn         &turn = *call.turn;
    const std::size_t   begin = new_turn_at(turn);
    std::vector<FileAt> out;

    for (std::size_t i = begin; i < turn.messages.size(); i++) {
        add_message(out, turn, i, false);
    }

    if (!call.conversation_id.empty()) {
        return out;
    }

    std::vector<FileAt> earlier;
    for (std::size_t i = begin; i > 0; i--) {
        add_message(earlier, turn, i - 1, true);
    }

    for (const FileAt &place : earlier) {
        if (out.size() < call.max_files && taken(call, place)) {
            out.push_back(place);
        }
    }

    return out;
}

void write_files(std::string &out, const ChatCall &call)
{
    bool any = false;

    for (const FileAt &place : files_of(call)) {
        const Attachment &file =
            call.turn->messages[place.message].files[place.file];
        if (file.upload_id.empty() && file.url.empty()) {
            continue;
        }

        out += any ? "," : ",\"files\":[";
        write_file(out, file, call.form);
        any = true;
    }

    out += any ? "]" : "";
}

}  // namespace dify

std::vector<Attachment *> files_to_upload(Turn &turn, const ChatCall &call)
{
    std::vector<Attachment *> out;

    for (const dify::FileAt &place : dify::files_of(call)) {
        Attachment &file = turn.messages[place.message].files[place.file];
        if (file.upload_id.empty() && file.has_data()) {
            out.push_back(&file);
        }
    }

    return out;
}

}  // namespace opendify
