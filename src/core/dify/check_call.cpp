// A call against its app's form, with Dify's own rules (spec dify-api §8.2,
// §9): what they refuse, a streaming chatflow or workflow answers with 200
// and five minutes of silence.

#include <algorithm>
#include <map>
#include <string>

#include "dify/call_files.hpp"
#include "dify/call_inputs.hpp"
#include "dify/error_text.hpp"
#include "dify/file_kind.hpp"
#include "opendify/app_form.hpp"
#include "opendify/limits.hpp"
#include "wire/json_reader.hpp"

namespace opendify {

namespace {

using wire::JsonType;
using wire::JsonValue;
using Type = AppField::Type;

constexpr std::size_t kShownOptions = 20;

bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

std::string_view trim(std::string_view text)
{
    constexpr std::string_view kBlanks = " \t\r\n\f\v";

    const std::size_t begin = text.find_first_not_of(kBlanks);
    if (begin == std::string_view::npos) {
        return {};
    }

    return text.substr(begin, text.find_last_not_of(kBlanks) - begin + 1);
}

std::size_t characters(std::string_view utf8)
{
    return static_cast<std::size_t>(
        std::count_if(utf8.begin(), utf8.end(), [](char c) {
            return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
        }));
}

std::size_t skip_digits(std::string_view text, std::size_t at)
{
    while (at < text.size() && is_digit(text[at])) {
        at++;
    }

    return at;
}

// What Python's int() takes, or float() if there is a dot. Blank is null.
bool is_numeric(std::string_view text)
{
    text = trim(text);
    if (text.empty()) {
        return true;
    }

    std::size_t at = text[0] == '-' || text[0] == '+' ? 1 : 0;
    std::size_t end = skip_digits(text, at);
    std::size_t digits = end - at;

    if (end < text.size() && text[end] == '.') {
        at = end + 1;
        end = skip_digits(text, at);
        digits += end - at;

        if (digits > 0 && end < text.size()
            && (text[end] == 'e' || text[end] == 'E')) {
            at = end + 1;
            at += at < text.size() && (text[at] == '-' || text[at] == '+');
            end = skip_digits(text, at);
            digits = end - at;
        }
    }

    return digits > 0 && end == text.size();
}

bool is_checkbox(JsonValue value)
{
    if (value.is(JsonType::boolean)) {
        return true;
    }

    if (value.is(JsonType::number)) {
        const std::int64_t number = value.integer(-1);
        return number == 0 || number == 1;
    }

    std::string word(trim(value.string()));
    std::transform(word.begin(), word.end(), word.begin(), [](char c) {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    });

    constexpr std::string_view kWords[] = {"true", "false", "yes", "no",
                                           "on",   "off",   "1",   "0"};

    return std::find(std::begin(kWords), std::end(kWords), word)
           != std::end(kWords);
}

bool is_file_list(const AppField &field, JsonValue value)
{
    if (!value.is(JsonType::array)
        || (field.max_length != 0 && value.size() > field.max_length)) {
        return false;
    }

    for (JsonValue item = value.first(); item; item = item.next()) {
        if (!item.is(JsonType::object)) {
            return false;
        }
    }

    return true;
}

bool fits(const AppField &field, JsonValue value)
{
    switch (field.type) {
    case Type::text:
    case Type::paragraph:
        return value.is(JsonType::string)
               && (field.max_length == 0
                   || characters(value.string()) <= field.max_length);

    case Type::select:
        return value.is(JsonType::string)
               && (field.options.empty()
                   || std::find(field.options.begin(), field.options.end(),
                                value.string())
                          != field.options.end());

    case Type::number:
        return value.is(JsonType::number)
               || (value.is(JsonType::string) && is_numeric(value.string()));

    case Type::checkbox:
        return is_checkbox(value);

    case Type::file:
    case Type::json:
        return value.is(JsonType::object);

    case Type::file_list:
        return is_file_list(field, value);

    case Type::unknown:
        break;
    }

    return true;
}

std::string options_text(const AppField &field)
{
    std::string out = "one of ";

    for (std::size_t i = 0; i < field.options.size(); i++) {
        out += i == 0 ? "" : ", ";
        if (i == kShownOptions) {
            return out + "...";
        }

        out += "'" + field.options[i] + "'";
    }

    return field.options.empty() ? "a text" : out;
}

std::string at_most(const AppField &field, const char *what)
{
    return field.max_length == 0 ? ""
                                 : " of at most "
                                       + std::to_string(field.max_length)
                                       + what;
}

std::string accepted(const AppField &field)
{
    switch (field.type) {
    case Type::text:
    case Type::paragraph:
        return "a text" + at_most(field, " characters");
    case Type::select:
        return options_text(field);
    case Type::number:
        return "a number";
    case Type::checkbox:
        return "true or false";
    case Type::file:
        return "a file object as the backend has it";
    case Type::file_list:
        return "a list" + at_most(field, " file objects")
               + (field.max_length == 0 ? " of file objects" : "");
    case Type::json:
        return "an object";
    case Type::unknown:
        break;
    }

    return "a value";
}

Failure bad_value(const std::string &message, std::string param)
{
    return Failure{Errc::bad_value, dify::presentable(message),
                   std::move(param), {}};
}

Failure bad_input(const AppField &field, const std::string &what)
{
    return bad_value("The input '" + field.name + "' " + what + " "
                         + accepted(field) + ".",
                     "inputs." + field.name);
}

// By name.
class GivenInputs {
public:
    explicit GivenInputs(const ChatCall &call) : all_(dify::call_inputs(call))
    {
        for (const Input &input : all_) {
            by_name_.emplace(input.name, &input);
        }
    }

    const Input *find(std::string_view name) const
    {
        const auto found = by_name_.find(name);

        return found == by_name_.end() ? nullptr : found->second;
    }

private:
    std::vector<Input>                        all_;
    std::map<std::string_view, const Input *> by_name_;
};

Result<bool> check_field(const AppField &field, const Input *input)
{
    wire::JsonDocument doc;
    const bool         given =
        input != nullptr && doc.parse(input->json, Limits{}.max_json_depth)
        && !doc.root().is_null_or_missing();

    if (!given) {
        if (field.required) {
            return bad_input(field, "is missing: this model needs");
        }

        return true;
    }

    if (!fits(field, doc.root())) {
        return bad_input(field, "must be");
    }

    return true;
}

// A workflow and a New Agent take files whatever the switch says.
bool ignores_files(const AppForm &form, AppMode mode)
{
    return !form.files_enabled && mode != AppMode::workflow
           && mode != AppMode::agent;
}

// Of the new turn; those of earlier messages are chosen to fit.
Result<bool> check_files(const AppForm &form, const ChatCall &call,
                         const dify::FilePlan &plan)
{
    std::size_t count = 0;

    for (const dify::FileAt &place : plan.rest) {
        if (place.earlier) {
            break;
        }

        const Attachment &file =
            call.turn->messages[place.message].files[place.file];
        if (ignores_files(form, call.mode)) {
            return bad_value("This model takes no files.", file.param);
        }

        if (!form.files_enabled) {
            continue;
        }

        if (form.max_files != 0 && ++count > form.max_files) {
            return bad_value("This model takes at most "
                                 + std::to_string(form.max_files)
                                 + " files at a time.",
                             file.param);
        }

        const std::string refusal = dify::file_refusal(file, form);
        if (!refusal.empty()) {
            return bad_value(refusal, file.param);
        }
    }

    return true;
}

}  // namespace

void apply_form(const AppForm &form, ChatCall &call)
{
    call.form = &form;
    call.max_files = form.files_enabled ? form.max_files : 0;

    if (!has_conversations(call.mode)) {
        call.query_input = text_input_of(form, call.query_input);
    }

    const GivenInputs given(call);
    for (const AppField &field : form.fields) {
        if (field.required && !field.default_json.empty()
            && given.find(field.name) == nullptr) {
            call.inputs.push_back({field.name, field.default_json});
        }
    }
}

Result<bool> check_call(const AppForm &form, const ChatCall &call)
{
    const GivenInputs    given(call);
    const dify::FilePlan plan = dify::plan_files(call);

    for (const AppField &field : form.fields) {
        if (std::any_of(plan.variables.begin(), plan.variables.end(),
                        [&field](const auto &one) {
                            return one.field->name == field.name;
                        })) {
            continue;
        }

        Result<bool> fit = check_field(field, given.find(field.name));
        if (!fit) {
            return fit;
        }
    }

    return check_files(form, call, plan);
}

}  // namespace opendify
