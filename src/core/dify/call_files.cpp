#include "dify/call_files.hpp"

#include <algorithm>

#include "dify/call_inputs.hpp"
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

void write_file(std::string &out, const Attachment &file,
                const FileRules *form)
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

using Type = AppField::Type;

const Attachment &file_at(const ChatCall &call, const FileAt &place)
{
    return call.turn->messages[place.message].files[place.file];
}

bool wants_files(const AppField &field)
{
    return field.type == Type::file || field.type == Type::file_list;
}

bool is_given(const std::vector<Input> &inputs, const std::string &name)
{
    return std::any_of(inputs.begin(), inputs.end(), [&](const Input &one) {
        return one.name == name && one.json != "null";
    });
}

// The first of the places that the variable takes moves there.
bool take_one(FilePlan::Variable &to, std::vector<FileAt> &from,
              const ChatCall &call, bool earlier)
{
    const auto found =
        std::find_if(from.begin(), from.end(), [&](const FileAt &place) {
            return place.earlier == earlier
                   && file_refusal(file_at(call, place), to.field->rules)
                          .empty();
        });

    if (found == from.end()) {
        return false;
    }

    to.files.push_back(*found);
    from.erase(found);

    return true;
}

bool is_full(const FilePlan::Variable &one)
{
    const std::size_t most =
        one.field->type == Type::file ? 1 : one.field->max_length;

    return most != 0 && one.files.size() >= most;
}

// A required variable without a file takes one of the history, the newest.
void fill_from_history(FilePlan &plan, const ChatCall &call)
{
    std::vector<FileAt> earlier;

    for (std::size_t i = new_turn_at(*call.turn); i > 0; i--) {
        add_message(earlier, *call.turn, i - 1, true);
    }

    for (FilePlan::Variable &one : plan.variables) {
        if (one.field->required && one.files.empty()
            && take_one(one, earlier, call, true)) {
            const FileAt taken = one.files.back();

            plan.rest.erase(
                std::remove_if(plan.rest.begin(), plan.rest.end(),
                               [&taken](const FileAt &place) {
                                   return place.message == taken.message
                                          && place.file == taken.file;
                               }),
                plan.rest.end());
        }
    }
}

void fill(FilePlan &plan, const ChatCall &call)
{
    for (const bool required : {true, false}) {
        for (const Type type : {Type::file, Type::file_list}) {
            for (FilePlan::Variable &one : plan.variables) {
                if (one.field->type == type && one.field->required == required
                    && one.files.empty()) {
                    take_one(one, plan.rest, call, false);
                }
            }
        }
    }

    for (FilePlan::Variable &one : plan.variables) {
        while (!is_full(one) && take_one(one, plan.rest, call, false)) {
        }
    }

    fill_from_history(plan, call);
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

FilePlan plan_files(const ChatCall &call)
{
    FilePlan plan{{}, files_of(call)};

    if (call.form == nullptr
        || std::none_of(call.form->fields.begin(), call.form->fields.end(),
                        wants_files)) {
        return plan;
    }

    const std::vector<Input> given = call_inputs(call);
    for (const AppField &field : call.form->fields) {
        if (wants_files(field) && !is_given(given, field.name)) {
            plan.variables.push_back({&field, {}});
        }
    }

    fill(plan, call);

    plan.variables.erase(
        std::remove_if(plan.variables.begin(), plan.variables.end(),
                       [](const auto &one) { return one.files.empty(); }),
        plan.variables.end());

    return plan;
}

std::vector<Input> inputs_with_files(const ChatCall &call)
{
    std::vector<Input> inputs = call_inputs(call);

    for (const auto &[field, places] : plan_files(call).variables) {
        std::string json;

        for (const FileAt &place : places) {
            const Attachment &file = file_at(call, place);

            if (!file.upload_id.empty() || !file.url.empty()) {
                json += json.empty() ? "" : ",";
                write_file(json, file, &field->rules);
            }
        }

        if (json.empty()) {
            continue;
        }

        inputs.erase(std::remove_if(inputs.begin(), inputs.end(),
                                    [name = &field->name](const Input &one) {
                                        return one.name == *name;
                                    }),
                     inputs.end());
        inputs.push_back({field->name, field->type == AppField::Type::file
                                           ? json
                                           : "[" + json + "]"});
    }

    return inputs;
}

void write_files(std::string &out, const ChatCall &call)
{
    bool any = false;

    for (const FileAt &place : plan_files(call).rest) {
        const Attachment &file = file_at(call, place);
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

    auto add = [&turn, &out](const std::vector<dify::FileAt> &places) {
        for (const dify::FileAt &place : places) {
            Attachment &file = turn.messages[place.message].files[place.file];
            if (file.upload_id.empty() && file.has_data()) {
                out.push_back(&file);
            }
        }
    };

    const dify::FilePlan plan = dify::plan_files(call);
    for (const auto &variable : plan.variables) {
        add(variable.files);
    }

    add(plan.rest);

    return out;
}

}  // namespace opendify
