#include "opendify/human_form.hpp"

#include <algorithm>
#include <string_view>

namespace opendify {

namespace {

constexpr std::size_t      kMaxId = 256;
constexpr std::string_view kForm = "form ";
// A client may have trimmed the answer that is a form only.
constexpr std::string_view kBlockMark =
    kOurBlock.substr(kOurBlock.find_first_not_of("\n"));

bool is_id(std::string_view id)
{
    constexpr std::string_view kChars =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

    return !id.empty() && id.size() <= kMaxId
           && id.find_first_not_of(kChars) == std::string_view::npos;
}

// One line of it.
void append_line(std::string &out, std::string_view text)
{
    for (char c : text) {
        out.push_back(c == '\n' || c == '\r' ? ' ' : c);
    }
}

void append_paragraph_end(std::string &out)
{
    std::size_t last = out.find_last_not_of('\n');
    out.resize(last == std::string::npos ? 0 : last + 1);

    if (!out.empty()) {
        out.append("\n\n");
    }
}

void append_fields(std::string &out, const HumanForm &form)
{
    for (const HumanForm::Field &field : form.fields) {
        out.append("- ");
        append_line(out, field.name);
        out.append(": ");
        append_line(out, field.value);
        out.push_back('\n');
    }

    append_paragraph_end(out);

    std::size_t number = 1;

    for (const HumanForm::Action &action : form.actions) {
        out.append(std::to_string(number++)).append(". ");
        append_line(out, action.title.empty() ? action.id : action.title);
        out.push_back('\n');
    }

    append_paragraph_end(out);
}

}  // namespace

std::string form_text(const HumanForm &form)
{
    std::string out;
    bool        ours = is_id(form.token) && is_id(form.run_id);

    if (!form.title.empty()) {
        out.append("**");
        append_line(out, form.title);
        out.append("**\n\n");
    }

    out.append(form.content);
    append_paragraph_end(out);

    if (!ours) {
        return out.append("The form was delivered elsewhere; it has to be "
                          "answered there.");
    }

    append_fields(out, form);
    out.append("Answer with the number or name of an action; `name: value` "
               "lines fill the fields.");

    std::string block(kOurBlock);
    block.append(kForm).append(form.token).append(" ");
    return block.append(form.run_id).append(")\n\n").append(out);
}

bool find_form(const Turn &turn, HumanForm &out)
{
    auto last = std::find_if(
        turn.messages.rbegin(), turn.messages.rend(),
        [](const Message &m) { return m.role == Role::assistant; });

    if (last == turn.messages.rend()) {
        return false;
    }

    std::string_view text = last->text;
    std::string      mark(kBlockMark);
    std::size_t      at = text.rfind(mark.append(kForm));

    if (at == std::string_view::npos || (at > 0 && text[at - 1] != '\n')) {
        return false;
    }

    text.remove_prefix(at + mark.size());
    text = text.substr(0, text.find(')'));

    std::size_t blank = std::min(text.find(' '), text.size());
    std::string_view token = text.substr(0, blank);
    std::string_view run_id = text.substr(std::min(blank + 1, text.size()));

    if (!is_id(token) || !is_id(run_id)) {
        return false;
    }

    out = HumanForm{};
    out.token = token;
    out.run_id = run_id;
    return true;
}

}  // namespace opendify
