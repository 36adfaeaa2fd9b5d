#include "dify/error_text.hpp"

#include <cstddef>
#include <utility>

#include "opendify/limits.hpp"
#include "wire/json_reader.hpp"

namespace opendify::dify {

namespace {

using wire::JsonDocument;
using wire::JsonType;
using wire::JsonValue;

constexpr std::size_t      kMaxMessage = 1024;
constexpr std::size_t      kMinKeyTail = 8;
constexpr int              kMaxWrappings = 4;
constexpr std::string_view kBlanks = " \t\r\n";

bool starts_with(std::string_view text, std::string_view prefix)
{
    return text.substr(0, prefix.size()) == prefix;
}

bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

bool is_alnum(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

std::string lower(std::string_view text)
{
    std::string out(text);
    for (char &c : out) {
        c = lower(c);
    }

    return out;
}

std::string_view trim(std::string_view text)
{
    const std::size_t from = text.find_first_not_of(kBlanks);
    if (from == std::string_view::npos) {
        return {};
    }

    return text.substr(from, text.find_last_not_of(kBlanks) - from + 1);
}

// "... (agent_run_id=...)", as a New Agent ends its errors.
std::string_view without_run_id(std::string_view text)
{
    constexpr std::string_view kTail = "(agent_run_id=";

    const std::size_t at = text.rfind(kTail);
    const bool ends = at != std::string_view::npos
                      && text.find(')', at) == text.size() - 1;

    return ends ? trim(text.substr(0, at)) : text;
}

std::string_view without_wrapping(std::string_view text, bool &from_plugin)
{
    constexpr std::string_view kRun = "Run failed: ";
    constexpr std::string_view kId = "req_id: ";
    constexpr std::string_view kPlugin = "PluginInvokeError: ";

    text = without_run_id(trim(text));

    // Whoever passes an error on puts its own wrapping around it.
    for (std::size_t size = 0; size != text.size();) {
        size = text.size();

        if (starts_with(text, kRun)) {
            text = trim(text.substr(kRun.size()));
        }

        if (starts_with(text, kId)) {
            const std::size_t end = text.find(' ', kId.size());
            if (end != std::string_view::npos) {
                text = trim(text.substr(end));
            }
        }

        if (starts_with(text, kPlugin)) {
            from_plugin = true;
            text = trim(text.substr(kPlugin.size()));
        }
    }

    return text;
}

// "[provider] Something": how the typed errors of a model plugin begin.
bool names_provider(std::string_view text)
{
    if (text.empty() || text.front() != '[') {
        return false;
    }

    const std::size_t end = text.find_first_of("]\n\"'{");
    return end != std::string_view::npos && end > 1 && text[end] == ']'
           && starts_with(text.substr(end), "] ");
}

// The sentence in the JSON of an untyped plugin error; empty if it is none.
std::string plugin_sentence(std::string_view text)
{
    JsonDocument doc;
    if (text.empty() || text.front() != '{'
        || !doc.parse_python(text, Limits{}.max_json_depth)
        || !doc.root()["error_type"].is(JsonType::string)) {
        return {};
    }

    const auto inner = doc.root()["args"]["description"].string();
    return std::string(trim(inner).empty() ? doc.root()["message"].string()
                                           : inner);
}

// "... status code 500: {provider's body}" with the body's own sentence in
// its place, where it has one.
std::string with_body_opened(std::string text)
{
    const std::size_t at = text.find('{');
    if (at == std::string::npos) {
        return text;
    }

    JsonDocument doc;
    if (!doc.parse_python(trim(std::string_view(text).substr(at)),
                   Limits{}.max_json_depth)) {
        return text;
    }

    JsonValue value = doc.root()["error"];
    if (value.is(JsonType::object)) {
        value = value["message"];
    }

    if (trim(value.string()).empty()) {
        value = doc.root()["message"];
    }

    if (!trim(value.string()).empty()) {
        text.replace(at, std::string::npos, value.string());
    }

    return text;
}

int status_after(std::string_view text, std::string_view phrase)
{
    for (std::size_t at = text.find(phrase); at != std::string_view::npos;
         at = text.find(phrase, at + 1)) {
        std::size_t i = at + phrase.size();
        while (i < text.size() && (text[i] == ' ' || text[i] == ':')) {
            i++;
        }

        if (i + 3 > text.size() || (text[i] != '4' && text[i] != '5')
            || !is_digit(text[i + 1]) || !is_digit(text[i + 2])
            || (i + 3 < text.size() && is_alnum(text[i + 3]))) {
            continue;
        }

        return (text[i] - '0') * 100 + (text[i + 1] - '0') * 10
               + (text[i + 2] - '0');
    }

    return 0;
}

// Length of the key that begins here, 0 if none does.
std::size_t key_at(std::string_view text, std::size_t at)
{
    constexpr std::string_view kPrefixes[] = {"app-", "sk-", "dataset-",
                                              "ds-"};

    if (at > 0 && is_alnum(text[at - 1])) {
        return 0;
    }

    for (const std::string_view prefix : kPrefixes) {
        if (!starts_with(text.substr(at), prefix)) {
            continue;
        }

        std::size_t end = at + prefix.size();
        while (end < text.size()
               && (is_alnum(text[end]) || text[end] == '-' || text[end] == '_'
                   || text[end] == '*')) {
            end++;
        }

        if (end - at - prefix.size() >= kMinKeyTail) {
            return end - at;
        }
    }

    return 0;
}

std::string with_keys_masked(std::string_view text)
{
    std::string out;
    out.reserve(text.size());

    for (std::size_t i = 0; i < text.size();) {
        const std::size_t length = key_at(text, i);
        if (length == 0) {
            out += text[i++];
            continue;
        }

        out.append(text.substr(i, text.substr(i).find('-') + 1));
        out += "***";
        i += length;
    }

    return out;
}

}  // namespace

ErrorText read_error_text(std::string_view raw)
{
    ErrorText result;
    bool      from_plugin = false;

    std::string said(without_wrapping(raw, from_plugin));

    for (int i = 0; i < kMaxWrappings; i++) {
        const std::string sentence = plugin_sentence(said);
        if (sentence.empty()) {
            break;
        }

        from_plugin = true;
        said = without_wrapping(sentence, from_plugin);
    }

    result.from_model = from_plugin || names_provider(said);
    if (result.from_model) {
        result.model_status = model_status_in(said);
    }

    result.said = with_body_opened(std::move(said));

    return result;
}

int model_status_in(std::string_view text)
{
    const std::string small = lower(text);

    for (const std::string_view phrase : {"status code", "error code"}) {
        const int status = status_after(small, phrase);
        if (status != 0) {
            return status;
        }
    }

    for (const std::string_view phrase :
         {"rate limit reached", "rate limit error", "rate_limit_error",
          "rate_limit_exceeded"}) {
        if (small.find(phrase) != std::string::npos) {
            return 429;
        }
    }

    return 0;
}

std::string presentable(std::string_view text)
{
    // Masked before the cut: half a key is one too.
    std::string out = with_keys_masked(trim(text));

    if (out.size() > kMaxMessage) {
        std::size_t end = kMaxMessage;
        while (end > 0
               && (static_cast<unsigned char>(out[end]) & 0xc0) == 0x80) {
            end--;
        }

        out.resize(end);
    }

    return out;
}

}  // namespace opendify::dify
