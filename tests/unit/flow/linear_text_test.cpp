// No text takes more than its length: pairs of the pieces that somebody here
// looks for, repeated, behind what opens something.

#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "opendify/auxiliary.hpp"
#include "opendify/backend.hpp"
#include "opendify/endpoint.hpp"
#include "opendify/fingerprint.hpp"
#include "opendify/human_form.hpp"
#include "opendify/pipeline.hpp"
#include "wire/json_writer.hpp"
#include "unit/work_at.hpp"

namespace opendify {
namespace {

using testing::grows_linearly;
using testing::seconds_of;
using testing::shown;

// A text that takes long per byte is looked at closer, and closer still if it
// takes longer per byte the longer it is.
constexpr double      kSlowPerByte = 60e-9;
constexpr std::size_t kFirstLook = 1024;
constexpr std::size_t kSecondLook = 8 * kFirstLook;
constexpr std::size_t kCloserLook = 16 * 1024;

const std::vector<std::string> &atoms()
{
    static const std::vector<std::string> all = {
        "a", " ", "\n", "\r", "\t", "\r\n", "<", ">", "[", "]", "(", "\"",
        ":", ";", "{", "}", "\\", "&", "*", "#", "-", "`", "```", "~~~", ".",
        "<think>", "</think>", "<think", "</think", "<think>\n",
        "<details>", "<details type=\"reasoning\">", "</details>",
        "<details", "</details", "<summary>", "<summary>Thinking",
        "</summary>", "<!--dify-deepseek-reasoning-->", "&lt;", "&amp",
        "> ", "> \xf0\x9f\x92\xad ", "\n> ",
        "<context>", "</context>", "\n<context>\n", "\n</context>\n",
        "<source", "\n<source id=\"", "</source>", "</source>\n", "</x>",
        "\n</x>\n", "<attached_files>", "</attached_files>", "<user_query>",
        "</user_query>", "<chat_history>", "\n<chat_history>\n",
        "\n</chat_history>\n", "USER: ", "\nUSER: ", "\nASSISTANT: ",
        "\"title\"", "\xc2\xa0", "\xe3\x80\x80", "\xc2", "\xe3\x80",
        "\xe2\x80\xa6", "\xf0\x9f\x91\xa8\xe2\x80\x8d", "e\xcc\x81",
        "\xcc\x81", "\n\n[//]: # (opendify:",
        "\n\n[//]: # (opendify:form a b)", "](", "![](/f", "/files/x?sign=",
        "status code", "error code 5", "sk-", "req_id: ", "{{#$output.",
        "#}}",
    };

    return all;
}

const std::vector<std::string> &openings()
{
    static const std::vector<std::string> all = {
        "", "<think>a", "<details type=\"reasoning\">a",
        "> \xf0\x9f\x92\xad a\n", "# \n<context>\n", "<source id=\"1\"\n",
        "<think><!--dify-deepseek-reasoning-->",
    };

    return all;
}

std::string made_of(const std::string &opening, const std::string &unit,
                    std::size_t size)
{
    std::string text = opening;
    text.reserve(size + unit.size() + 1);

    while (text.size() < size) {
        text += unit;
    }

    return text += 'q';
}

std::string as_json(std::string_view text)
{
    std::string out;
    wire::write_lossy_string(out, text);

    return out;
}

FormSeal seal()
{
    static const FormKey key = form_key("app-key");

    return {&key, "c", "u"};
}

void read_request(const std::string &messages)
{
    const auto turn = decode_chat_request(
        "{\"model\":\"m\",\"messages\":[" + messages + "]}", Limits{});
    ASSERT_TRUE(turn);

    std::optional<Digest> history;
    HumanForm             form;
    ChatCall              call;

    is_auxiliary(*turn, {"", ""});
    turn_fingerprint(*turn, &history);
    find_form(*turn, seal(), form);
    call.turn = &*turn;
    call.user = "u";
    (void)encode_chat_call(call);
}

void ask(const std::string &text)
{
    read_request("{\"role\":\"user\",\"content\":" + as_json(text) + "}");
}

void instruct(const std::string &text)
{
    read_request("{\"role\":\"system\",\"content\":" + as_json(text)
                 + "},{\"role\":\"user\",\"content\":\"q\"}");
}

void have_answered(const std::string &text)
{
    read_request("{\"role\":\"user\",\"content\":\"q\"},"
                 "{\"role\":\"assistant\",\"content\":" + as_json(text)
                 + "},{\"role\":\"user\",\"content\":\"q\"}");
}

void play(const std::string &events, AppMode mode, bool stream)
{
    AnswerOptions options;
    options.footnotes = true;
    options.steps = true;

    Pipeline pipeline({"id", 1, "m", stream, false}, mode, Fingerprint(),
                      Limits{}, options);

    pipeline.feed(events);
    pipeline.commit();
    pipeline.output().clear();
    pipeline.feed("data: {\"event\":\"message_end\"}\n\n");
    pipeline.digest();
}

// In one piece, or in pieces that cut everything.
void answer(const std::string &text, bool stream, std::size_t piece)
{
    std::string events;

    for (std::size_t at = 0; at < text.size(); at += piece) {
        events += "data: {\"event\":\"message\",\"task_id\":\"t\",\"answer\":"
                  + as_json(std::string_view(text).substr(at, piece))
                  + "}\n\n";
    }

    play(events, AppMode::chat, stream);
}

void stream(const std::string &text)
{
    answer(text, true, 500000);
}

void fold(const std::string &text)
{
    answer(text, false, 500000);
}

void stream_bits(const std::string &text)
{
    answer(text, true, 31);
}

void finish_node(const std::string &text)
{
    const std::string said = as_json(text);

    play("data: {\"event\":\"node_finished\",\"data\":{\"id\":\"1\","
         "\"status\":\"failed\",\"node_type\":\"llm\",\"title\":" + said
             + ",\"error\":" + said + ",\"outputs\":{\"text\":" + said
             + "}}}\n\n"
               "data: {\"event\":\"workflow_finished\",\"data\":{\"status\":"
               "\"succeeded\",\"outputs\":{\"a\":" + said + ",\"b\":" + said
             + "}}}\n\n",
         AppMode::workflow, true);
}

void think(const std::string &text)
{
    const std::string said = as_json(text);

    play("data: {\"event\":\"agent_thought\",\"id\":\"1\",\"thought\":" + said
             + ",\"tool\":\"t\",\"tool_input\":" + said + ",\"observation\":"
             + said + "}\n\n"
               "data: {\"event\":\"agent_log\",\"data\":{\"id\":\"1\","
               "\"label\":" + said + ",\"status\":\"error\",\"error\":" + said
             + "}}\n\n",
         AppMode::agent_chat, true);
}

void refuse(const std::string &text)
{
    decode_error_reply(400, "{\"code\":\"x\",\"message\":" + as_json(text)
                                + ",\"errors\":{\"a\":" + as_json(text)
                                + "}}");
    decode_error_reply(500, text);
}

void fill_form(const std::string &text)
{
    HumanForm form;
    form.token = form.run_id = "t";
    form.content = form.title = text;
    form.fields = {{"note", "a"}, {"name", "b"}};
    form.actions = {{"yes", "Yes"}, {"no", "No"}};

    (void)encode_form_submit(form, text, "u");
    form_text(form, seal());
    (void)decode_form("{\"form_content\":" + as_json(text) + "}");
}

struct Reader {
    const char *name;
    void (*read)(const std::string &text);
    bool opened;  // by openings() too
};

constexpr Reader kReaders[] = {
    {"question", ask, true},
    {"instructions", instruct, false},
    {"earlier answer", have_answered, true},
    {"streamed answer", stream, true},
    {"folded answer", fold, false},
    {"answer in bits", stream_bits, false},
    {"node", finish_node, false},
    {"agent's step", think, false},
    {"error", refuse, false},
    {"form", fill_form, false},
};

void look_at(const Reader &reader, const std::string &opening,
             const std::string &unit)
{
    const auto read = [&](std::size_t size) {
        reader.read(made_of(opening, unit, size));
    };
    const double first = seconds_of([&] { read(kFirstLook); });

    if (first < kSlowPerByte * kFirstLook
        || seconds_of([&] { read(kSecondLook); })
               < 2 * first * kSecondLook / kFirstLook)
    {
        return;
    }

    EXPECT_TRUE(grows_linearly(read, kCloserLook))
        << reader.name << " of \"" << shown(opening) << "\" and \""
        << shown(unit) << "\"";
}

// Repeated, a pair is the same in either order.
TEST(LinearText, Pairs)
{
    for (const Reader &reader : kReaders) {
        for (std::size_t a = 0; a < atoms().size(); a++) {
            for (std::size_t b = 0; b <= a; b++) {
                look_at(reader, "", atoms()[a] + atoms()[b]);
            }
        }
    }
}

TEST(LinearText, RunsBehindWhatOpens)
{
    for (const Reader &reader : kReaders) {
        for (const std::string &opening : openings()) {
            for (const std::string &atom : atoms()) {
                look_at(reader, opening, atom + "\n\n\n");
                look_at(reader, opening, std::string(300, '\n') + atom);
                look_at(reader, opening, atom + std::string(700, ' '));
            }

            if (!reader.opened) {
                break;
            }
        }
    }
}

TEST(LinearText, PairsBehindWhatOpens)
{
    for (const Reader &reader : kReaders) {
        for (std::size_t i = 1; reader.opened && i < openings().size(); i++) {
            for (const std::string &a : atoms()) {
                for (const std::string &b : {std::string("\n"),
                                             std::string("<"),
                                             std::string(" ")})
                {
                    look_at(reader, openings()[i], a + b);
                    
                }
            }
        }
    }
}

}  // namespace
}  // namespace opendify
