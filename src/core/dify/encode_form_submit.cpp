// What a person says -> the form filled in. The grammar of a text is in
// opendify/backend.hpp.

#include <algorithm>
#include <cstddef>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "dify/error_text.hpp"
#include "wire/percent.hpp"
#include "opendify/backend.hpp"
#include "wire/json_writer.hpp"

namespace opendify {

namespace {

constexpr std::size_t kNone = static_cast<std::size_t>(-1);
constexpr std::size_t kMaxDigits = 4;

std::string_view trim(std::string_view text)
{
    constexpr std::string_view kBlanks = " \t\r\n";

    const std::size_t begin = text.find_first_not_of(kBlanks);
    if (begin == std::string_view::npos) {
        return {};
    }

    return text.substr(begin, text.find_last_not_of(kBlanks) - begin + 1);
}

char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

// What two names that are the same have in common.
std::string plain_name(std::string_view name)
{
    std::string out(trim(name));
    std::transform(out.begin(), out.end(), out.begin(), lower);

    return out;
}

// Places of names; the first one of a name counts.
class Places {
public:
    void add(std::string_view name, std::size_t place)
    {
        std::string plain = plain_name(name);

        if (!plain.empty()) {
            places_.emplace(std::move(plain), place);
        }
    }

    std::size_t find(std::string_view name) const
    {
        const auto found = places_.find(plain_name(name));

        return found == places_.end() ? kNone : found->second;
    }

private:
    std::map<std::string, std::size_t> places_;
};

bool is_mark(char c)
{
    return c == '.' || c == '!' || c == ')';
}

Failure refuse(const std::string &message)
{
    return Failure{Errc::bad_value, dify::presentable(message), "messages",
                   {}};
}

class FormFiller {
public:
    explicit FormFiller(const HumanForm &form)
        : form_(form), given_(form.fields.size(), false)
    {
        for (const HumanForm::Field &field : form.fields) {
            fields_.add(field.name, values_.size());
            values_.push_back(field.value);
        }

        for (std::size_t i = 0; i < form.actions.size(); i++) {
            actions_.add(form.actions[i].id, i);
            actions_.add(form.actions[i].title, i);
        }
    }

    void read(std::string_view text);

    // "" or what is wrong.
    std::string finish();

    std::string body(std::string_view user) const;

private:
    void on_line(std::string_view line, bool first);
    bool on_named(std::string_view line);
    bool on_action_and_rest(std::string_view line);
    void on_text(std::string_view line);
    void pick(std::size_t action);

    std::size_t action_of(std::string_view word) const;
    std::size_t numbered(std::string_view digits) const;
    std::string actions_text() const;

    const HumanForm         &form_;
    Places                   fields_;
    Places                   actions_;
    std::vector<std::string> values_;
    std::vector<bool>        given_;
    std::string              text_;  // of no field by name
    std::size_t              open_ = kNone;  // field whose value may go on
    std::size_t              action_ = kNone;
    bool                     two_actions_ = false;
    bool                     unknown_action_ = false;
};

void FormFiller::read(std::string_view text)
{
    bool first = true;

    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = std::min(text.find('\n', at), text.size());
        std::string_view  line = text.substr(at, end - at);
        if (!line.empty() && line.back() == '\r') {
            line.remove_suffix(1);
        }

        on_line(line, first);
        first = first && trim(line).empty();
        at = end + 1;
    }
}

void FormFiller::on_line(std::string_view line, bool first)
{
    if (on_named(line)) {
        return;
    }

    const std::size_t action = action_of(line);
    if (action != kNone) {
        pick(action);

    } else if (!first || !on_action_and_rest(line)) {
        on_text(line);
    }
}

// "note: ..." and, where no field has that name, "action: ...".
bool FormFiller::on_named(std::string_view line)
{
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) {
        return false;
    }

    const std::string_view name = line.substr(0, colon);
    const std::string_view value = trim(line.substr(colon + 1));

    const std::size_t field = fields_.find(name);
    if (field != kNone) {
        values_[field] = value;
        given_[field] = true;
        open_ = field;
        return true;
    }

    if (plain_name(name) != "action") {
        return false;
    }

    const std::size_t action = action_of(value);
    if (action == kNone) {
        unknown_action_ = true;

    } else {
        pick(action);
    }

    return true;
}

// "Send: ...", "1. ...", "1 ...".
bool FormFiller::on_action_and_rest(std::string_view line)
{
    line = trim(line);

    const std::size_t digits = std::min(line.find_first_not_of("0123456789"),
                                        line.size());
    std::size_t       end = line.find_first_of(":.,!;)");
    if (digits > 0 && digits < line.size() && line[digits] == ' ') {
        end = digits;
    }

    if (end == std::string_view::npos) {
        return false;
    }

    const std::size_t action = action_of(line.substr(0, end));
    if (action == kNone) {
        return false;
    }

    pick(action);
    if (!trim(line.substr(end + 1)).empty()) {
        on_text(trim(line.substr(end + 1)));
    }

    return true;
}

void FormFiller::on_text(std::string_view line)
{
    std::string &out = open_ == kNone ? text_ : values_[open_];

    out += out.empty() ? "" : "\n";
    out += line;
}

void FormFiller::pick(std::size_t action)
{
    two_actions_ |= action_ != kNone && action_ != action;
    action_ = action;
    open_ = kNone;
}

std::size_t FormFiller::action_of(std::string_view word) const
{
    // "Send." and "1)" are no other words.
    std::string_view bare = trim(word);
    while (!bare.empty() && is_mark(bare.back())) {
        bare.remove_suffix(1);
    }

    const std::size_t action = std::min(actions_.find(word),
                                        actions_.find(bare));

    return action != kNone ? action : numbered(bare);
}

// Where there is no choice and a field, a number is the field's.
std::size_t FormFiller::numbered(std::string_view digits) const
{
    if (digits.empty() || digits.size() > kMaxDigits
        || digits.find_first_not_of("0123456789") != std::string_view::npos
        || (form_.actions.size() == 1 && !form_.fields.empty())) {
        return kNone;
    }

    std::size_t number = 0;
    for (const char c : digits) {
        number = number * 10 + static_cast<std::size_t>(c - '0');
    }

    return number >= 1 && number <= form_.actions.size() ? number - 1 : kNone;
}

std::string FormFiller::actions_text() const
{
    std::string out;

    for (std::size_t i = 0; i < form_.actions.size(); i++) {
        const HumanForm::Action &action = form_.actions[i];
        out += (i == 0 ? "" : ", ") + std::to_string(i + 1) + ". ";
        out += action.title.empty() ? action.id : action.title;
    }

    return out;
}

std::string FormFiller::finish()
{
    const std::string text(trim(text_));

    if (action_ == kNone && !unknown_action_ && form_.actions.size() == 1) {
        action_ = 0;
    }

    if (action_ == kNone || two_actions_ || unknown_action_) {
        return "The app waits for one of these: " + actions_text()
               + ". Please answer with one of them.";
    }

    if (text.empty() || form_.fields.empty()) {
        return {};
    }

    if (form_.fields.size() == 1 && !given_[0]) {
        values_[0] = text;
        return {};
    }

    std::string names;
    for (const HumanForm::Field &field : form_.fields) {
        names += (names.empty() ? "'" : ", '") + field.name + ": ...'";
    }

    return "The app waits for values; please give each on a line of its own: "
           + names + ".";
}

std::string FormFiller::body(std::string_view user) const
{
    std::string out = "{\"inputs\":{";

    for (std::size_t i = 0; i < form_.fields.size(); i++) {
        out += i == 0 ? "" : ",";
        wire::write_lossy_string(out, form_.fields[i].name);
        out += ':';
        wire::write_lossy_string(out, trim(values_[i]));
    }

    out += "},\"action\":";
    wire::write_lossy_string(out, form_.actions[action_].id);
    out += ",\"user\":";
    wire::write_lossy_string(out, user);
    out += '}';

    return out;
}

}  // namespace

Result<BackendRequest> encode_form_submit(const HumanForm &form,
                                          std::string_view text,
                                          std::string_view user)
{
    if (form.token.empty() || form.actions.empty()) {
        return refuse("The app waits for a person to answer a form that "
                      "cannot be answered here.");
    }

    if (trim(text).empty()) {
        return refuse("The app waits for an answer to its form.");
    }

    FormFiller filler(form);
    filler.read(text);

    const std::string wrong = filler.finish();
    if (!wrong.empty()) {
        return refuse(wrong);
    }

    BackendRequest request;
    request.post = true;
    request.path =
        "/form/human_input/" + wire::percent_encoded(form.token);
    request.body = filler.body(user);

    return request;
}

}  // namespace opendify
