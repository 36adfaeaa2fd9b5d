#include "opendify/human_form.hpp"

#include <openssl/crypto.h>

#include <algorithm>
#include <string_view>

#include "state/sha256.hpp"

namespace opendify {

namespace {

constexpr std::size_t      kMaxId = 256;
constexpr std::string_view kForm = "form ";
// Of a mark, without its beginning.
constexpr std::size_t      kMaxMark = 2 * kMaxId + 64;
constexpr int              kMostMarks = 16;
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

// 128 bits of it, in hex.
std::string signature(const FormSeal &seal, std::string_view token,
                      std::string_view run_id)
{
    constexpr char        kHex[] = "0123456789abcdef";
    constexpr std::size_t kBytes = 16;
    std::string           text;
    std::string           out;

    for (const std::string_view part :
         {seal.client, seal.user, token, run_id})
    {
        text.append(std::to_string(part.size())).append(":").append(part);
    }

    const state::Mac mac = state::hmac_sha256(
        {reinterpret_cast<const char *>(seal.key->data()), seal.key->size()},
        text);

    for (std::size_t i = 0; i < kBytes; i++) {
        out += kHex[mac[i] >> 4];
        out += kHex[mac[i] & 15];
    }

    return out;
}

std::string_view take_word(std::string_view &text)
{
    const std::size_t blank = std::min(text.find(' '), text.size());
    const std::string_view word = text.substr(0, blank);

    text.remove_prefix(std::min(blank + 1, text.size()));

    return word;
}

// "TOKEN RUN_ID SIGNATURE"
bool read_form(std::string_view text, const FormSeal &seal, HumanForm &out)
{
    const std::string_view token = take_word(text);
    const std::string_view run_id = take_word(text);

    if (!is_id(token) || !is_id(run_id)) {
        return false;
    }

    const std::string ours = signature(seal, token, run_id);

    if (text.size() != ours.size()
        || CRYPTO_memcmp(text.data(), ours.data(), ours.size()) != 0)
    {
        return false;
    }

    out = HumanForm{};
    out.token = token;
    out.run_id = run_id;
    return true;
}

}  // namespace

FormKey form_key(std::string_view app_key)
{
    return state::hmac_sha256(app_key, "opendify: forms of paused runs");
}

std::string form_text(const HumanForm &form, const FormSeal &seal)
{
    std::string out;
    bool        ours = seal.key != nullptr && is_id(form.token)
                && is_id(form.run_id);

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
    block.append(form.run_id).append(" ");
    block.append(signature(seal, form.token, form.run_id));
    return block.append(")\n\n").append(out);
}

bool find_form(const Turn &turn, const FormSeal &seal, HumanForm &out)
{
    auto last = std::find_if(
        turn.messages.rbegin(), turn.messages.rend(),
        [](const Message &m) { return m.role == Role::assistant; });

    if (last == turn.messages.rend() || seal.key == nullptr) {
        return false;
    }

    std::string_view text = last->text;
    std::string      mark(kBlockMark);
    mark.append(kForm);

    // What a form shows may look like a mark, too.
    for (int marks = 0; marks < kMostMarks; marks++) {
        const std::size_t at = text.rfind(mark);

        if (at == std::string_view::npos) {
            return false;
        }

        std::string_view said = text.substr(at + mark.size(), kMaxMark);

        if ((at == 0 || text[at - 1] == '\n')
            && read_form(said.substr(0, said.find(')')), seal, out))
        {
            return true;
        }

        text = text.substr(0, at);
    }

    return false;
}

}  // namespace opendify
