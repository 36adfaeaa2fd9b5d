#include "opendify/auxiliary.hpp"

#include <algorithm>
#include <cstddef>

#include "state/normal_text.hpp"

namespace opendify {

namespace {

constexpr std::string_view kBlanks = " \t\r\n";

constexpr std::size_t npos = std::string_view::npos;

bool starts_with(std::string_view text, std::string_view with)
{
    return text.substr(0, with.size()) == with;
}

bool ends_with(std::string_view text, std::string_view with)
{
    return text.size() >= with.size()
           && text.substr(text.size() - with.size()) == with;
}

std::string_view trimmed(std::string_view text)
{
    text.remove_prefix(std::min(text.find_first_not_of(kBlanks),
                                text.size()));
    return text.substr(0, text.find_last_not_of(kBlanks) + 1);
}

bool says(std::string_view hint)
{
    return !hint.empty() && !starts_with(hint, "{{");
}

// --- requests that are known by the first words of a message ---------------

enum class Which { only_question, first_system, last_message };

struct FirstWords {
    Which            which;
    Role             role;
    bool             may_stream;
    std::string_view words;
    std::string_view end;  // and by how it ends
};

constexpr FirstWords kFirstWords[] = {
    // Open WebUI: answers merged, memory reviewed.
    { Which::only_question, Role::user, true,
      "You have been provided with a set of responses", "\"\"\"" },
    { Which::first_system, Role::system, false,
      "You are Open WebUI's private memory reviewer", "" },
    // LibreChat's title.
    { Which::only_question, Role::user, false,
      "Analyze this conversation and provide:", "" },
    // opencode's title.
    { Which::first_system, Role::system, true,
      "You are a title generator", "" },
    // NextChat's title and summary, after the whole history.
    { Which::last_message, Role::user, false,
      "Please generate a four to five word title", "" },
    { Which::last_message, Role::system, true,
      "Summarize the discussion briefly in 200 words or less", "" },
};

// What a turn is made of.
struct Shape {
    explicit Shape(const Turn &turn)
    {
        for (const Message &message : turn.messages) {
            questions += message.role == Role::user;
            files += message.files.size();
            history |= message.role == Role::assistant
                       || message.role == Role::tool;

            if (message.role == Role::user) {
                question = trimmed(message.text);
            }
        }
    }

    bool only_question() const
    {
        return questions == 1 && files == 0 && !history;
    }

    std::size_t      questions = 0;
    std::size_t      files = 0;
    bool             history = false;
    std::string_view question = {};  // the last one
};

// The message that a row speaks of, "" if there is none.
std::string_view text_of(const Turn &turn, const Shape &shape,
                         const FirstWords &row)
{
    const Message &message = row.which == Which::last_message
                                 ? turn.messages.back()
                                 : turn.messages.front();

    if (row.which == Which::only_question) {
        return shape.only_question() ? shape.question : "";
    }

    if (message.role != row.role
        || (row.which == Which::first_system && shape.history))
    {
        return {};
    }

    return trimmed(message.text);
}

bool has_first_words(const Turn &turn, const Shape &shape)
{
    for (const FirstWords &row : kFirstWords) {
        const std::string_view text = text_of(turn, shape, row);

        if ((row.may_stream || !turn.stream) && starts_with(text, row.words)
            && ends_with(text, row.end))
        {
            return true;
        }
    }

    return false;
}

// --- requests that are known by a transcript -------------------------------

// "name" and a colon.
bool has_member(std::string_view text, std::string_view quoted)
{
    for (std::size_t at = text.find(quoted); at != npos;
         at = text.find(quoted, at + 1))
    {
        const std::size_t next =
            text.find_first_not_of(kBlanks, at + quoted.size());

        if (next != npos && text[next] == ':') {
            return true;
        }
    }

    return false;
}

bool asks_for_json(std::string_view text)
{
    constexpr std::string_view kMembers[] = {
        "\"title\"",   "\"tags\"",   "\"follow_ups\"",
        "\"queries\"", "\"prompt\"", "\"text\"",
    };

    return std::any_of(
        std::begin(kMembers), std::end(kMembers),
        [text](std::string_view name) { return has_member(text, name); });
}

struct Transcript {
    explicit Transcript(std::string_view text)
    {
        bool fenced = false;

        while (!text.empty()) {
            const std::size_t      end = std::min(text.find('\n'),
                                                  text.size() - 1);
            const std::string_view line = text.substr(0, end + 1);

            text.remove_prefix(line.size());
            fenced = fenced != (!any() && starts_with(line, "```"));

            if (!fenced) {
                read(line);
            }
        }
    }

    void read(std::string_view line)
    {
        user |= starts_with(line, "USER: ");
        assistant |= starts_with(line, "ASSISTANT:");
        opened |= trimmed(line) == "<chat_history>";
        at_end = opened && (ends_with(trimmed(line), "</chat_history>")
                            || (at_end && trimmed(line).empty()));
    }

    bool any() const { return user || assistant || opened; }

    bool user = false;
    bool assistant = false;
    bool opened = false;
    bool at_end = false;  // nothing follows the block
};

bool has_transcript(std::string_view text)
{
    const Transcript transcript(text);

    return (transcript.any() && asks_for_json(text)) || transcript.at_end
           || (transcript.user && transcript.assistant);
}

}  // namespace

bool is_auxiliary(const Turn &turn, const AuxiliaryHints &hints)
{
    if (says(hints.task)) {
        return true;
    }

    if (says(hints.message_id) || turn.has_tools || turn.messages.empty()) {
        return false;
    }

    const Shape shape(turn);

    return has_first_words(turn, shape)
           || (!turn.stream && shape.only_question()
               && !state::is_wrapped(shape.question)
               && has_transcript(shape.question));
}

}  // namespace opendify
