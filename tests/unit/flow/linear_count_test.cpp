// Many of something take no more than that many times one of them.

#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "opendify/app_form.hpp"
#include "opendify/backend.hpp"
#include "opendify/conversation_admin.hpp"
#include "opendify/endpoint.hpp"
#include "opendify/fingerprint.hpp"
#include "opendify/pipeline.hpp"
#include "unit/work_at.hpp"

namespace opendify {
namespace {

using testing::grows_linearly;

// "one" n times, with "#" as its number, parted by commas.
std::string many(std::size_t n, std::string_view one)
{
    std::string out;

    for (std::size_t i = 0; i < n; i++) {
        out += i == 0 ? "" : ",";

        for (const char c : one) {
            if (c == '#') {
                out += std::to_string(i);

            } else {
                out += c;
            }
        }
    }

    return out;
}

constexpr std::string_view kQuestion =
    "{\"role\":\"user\",\"content\":\"q\"}";

Result<Turn> request_with(const std::string &members,
                          std::string_view messages = kQuestion)
{
    return decode_chat_request("{\"model\":\"m\",\"messages\":["
                                   + std::string(messages) + "]" + members
                                   + "}",
                               Limits{});
}

void feed(AppMode mode, const std::string &events)
{
    AnswerOptions options;
    options.footnotes = true;
    options.steps = true;

    Pipeline pipeline({"id", 1, "m", false, false}, mode, Fingerprint(),
                      Limits{}, options);

    pipeline.feed(events);
    pipeline.finish();
    pipeline.digest();
}

std::string event(const std::string &members)
{
    return "data: {\"event\":" + members + "}\n\n";
}

std::string again(std::size_t n, const std::string &text)
{
    std::string out;

    while (n-- > 0) {
        out += text;
    }

    return out;
}

TEST(LinearCount, Members)
{
    EXPECT_TRUE(grows_linearly(
        [](std::size_t n) {
            (void)request_with("," + many(n, "\"stream#\":[{\"a\":1}]"));
        },
        10000));
}

TEST(LinearCount, InputsAndMetadata)
{
    const std::string inputs = many(1000, "\"inputname#\":1");

    EXPECT_TRUE(grows_linearly(
        [&](std::size_t n) {
            (void)request_with(",\"inputs\":{" + inputs + "},\"metadata\":{"
                               + many(n, "\"inputs.inputname0\":#") + "}");
        },
        20000));
}

TEST(LinearCount, Messages)
{
    EXPECT_TRUE(grows_linearly(
        [](std::size_t n) {
            const auto turn = request_with(
                "", many(n, "{\"role\":\"assistant\",\"content\":\"a#\"},"
                            "{\"role\":\"user\",\"content\":\"q#\"}"));
            ASSERT_TRUE(turn);

            std::optional<Digest> history;
            ChatCall              call;

            turn_fingerprint(*turn, &history);
            call.turn = &*turn;
            (void)encode_chat_call(call);
        },
        1250));
}

// One that always nearly comes, and again begins anew.
TEST(LinearCount, StopSequences)
{
    for (const std::size_t each : {1, 4096}) {
        EXPECT_TRUE(grows_linearly(
            [&](std::size_t n) {
                AnswerOptions options;
                options.stop = {std::string(n, 'a') + "b",
                                std::string(n / 2, 'a') + "ab", "aac"};

                Pipeline pipeline({"id", 1, "m", true, false}, AppMode::chat,
                                  Fingerprint(), Limits{}, options);

                for (std::size_t at = 0; at < n; at += each) {
                    pipeline.feed("data: {\"event\":\"message\",\"answer\":\""
                                  + std::string(each, 'a') + "\"}\n\n");
                    pipeline.output().clear();
                }
            },
            each == 1 ? 50000 : 1000000));
    }
}

TEST(LinearCount, PartsAndFiles)
{
    EXPECT_TRUE(grows_linearly(
        [](std::size_t n) {
            const auto turn = request_with(
                "", "{\"role\":\"user\",\"content\":["
                        + many(n, "{\"type\":\"text\",\"text\":\"t#\"}")
                        + "]}");
            ASSERT_TRUE(turn);
        },
        30000));
}

// What an app takes, and what it is given.
TEST(LinearCount, Fields)
{
    const auto turn = request_with(",\"inputs\":{"
                                   + many(1000, "\"inputname#\":1") + "}");
    ASSERT_TRUE(turn);

    EXPECT_TRUE(grows_linearly(
        [&](std::size_t n) {
            const auto form = decode_parameters(
                "{\"user_input_form\":["
                + many(n, "{\"number\":{\"variable\":\"inputnam_#\","
                          "\"default\":1,\"required\":true}}")
                + "]}");
            ASSERT_TRUE(form);

            ChatCall call;
            call.turn = &*turn;
            call.mode = AppMode::workflow;
            apply_form(*form, call);
            (void)check_call(*form, call);
        },
        5000));
}

TEST(LinearCount, ExtensionsAndFiles)
{
    EXPECT_TRUE(grows_linearly(
        [&](std::size_t n) {
            const auto turn = request_with(
                "", "{\"role\":\"user\",\"content\":["
                        + many(n / 25, "{\"type\":\"image_url\","
                                       "\"image_url\":"
                                       "\"http://h/a.odt\"}")
                        + "]}");
            ASSERT_TRUE(turn);

            const auto form = decode_parameters(
                "{\"file_upload\":{\"enabled\":true,\"number_limits\":100000,"
                "\"allowed_file_types\":[" + many(n, "\"k#\"")
                + ",\"custom\"],\"allowed_file_extensions\":["
                + many(n, "\".e#\"") + ",\".odt\"]}}");
            ASSERT_TRUE(form);

            ChatCall call;
            call.turn = &*turn;
            apply_form(*form, call);
            (void)check_call(*form, call);
            (void)encode_chat_call(call);
        },
        5000));
}

TEST(LinearCount, LinesAndFieldsOfAForm)
{
    EXPECT_TRUE(grows_linearly(
        [](std::size_t n) {
            HumanForm form;
            form.token = "t";

            for (std::size_t i = 0; i < n; i++) {
                const std::string number = std::to_string(i);
                form.fields.push_back({"field" + number, ""});
                form.actions.push_back({"action" + number, "do " + number});
            }

            std::string text;
            for (std::size_t i = 0; i < n; i++) {
                text += "fielde" + std::to_string(i) + ": a\nsay it\n";
            }

            (void)encode_form_submit(form, text + "action1", "u");
        },
        2000));
}

TEST(LinearCount, BlanksAroundAFieldsName)
{
    EXPECT_TRUE(grows_linearly(
        [&](std::size_t n) {
            HumanForm form;
            form.token = "t";
            form.actions = {{"yes", "Yes"}};

            for (std::size_t i = 0; i < n; i++) {
                form.fields.push_back({"field" + std::to_string(i), ""});
            }

            (void)encode_form_submit(
                form, std::string(20 * n, ' ') + "x: 1", "u");
        },
        2000));
}

TEST(LinearCount, DefaultsOfAForm)
{
    EXPECT_TRUE(grows_linearly(
        [](std::size_t n) {
            (void)decode_form(
                "{\"form_content\":\"c\",\"inputs\":["
                + many(n, "{\"output_variable_name\":\"field_#\"}")
                + "],\"resolved_default_values\":{"
                + many(n, "\"fielde#\":1") + "}}");
        },
        5000));
}

TEST(LinearCount, ToolsOfAStep)
{
    EXPECT_TRUE(grows_linearly(
        [](std::size_t n) {
            std::string tools;

            for (std::size_t i = 0; i < n; i++) {
                tools += "t" + std::to_string(i) + ";";
            }

            feed(AppMode::agent_chat,
                 event("\"agent_thought\",\"id\":\"1\",\"tool\":\"" + tools
                       + "\",\"tool_input\":\"{" + many(n, "\\\"t#\\\":1")
                       + "}\",\"observation\":\"x\""));
        },
        5000));
}

// Nor do the repeated words of a New Agent, however many blanks it said.
TEST(LinearCount, WordsSaidAgain)
{
    for (const bool before : {true, false}) {
        EXPECT_TRUE(grows_linearly(
            [&](std::size_t n) {
                const std::string blanks(n * 10, ' ');
                const std::string said = before ? blanks + "x" : "x" + blanks;
                const std::string word =
                    event("\"message\",\"answer\":\"x\"");

                feed(AppMode::agent,
                     event("\"agent_message\",\"answer\":\"" + said + "\"")
                         + again(n, word));
            },
            5000));
    }
}

// Each tells all that was told before, and a little more.
TEST(LinearCount, GrowingSnapshots)
{
    EXPECT_TRUE(grows_linearly(
        [](std::size_t bytes) {
            std::string events;
            std::string thought;

            while (events.size() < bytes) {
                thought += "and so on it goes ";
                events += event("\"agent_thought\",\"id\":\"1\",\"position\":1,"
                                "\"thought\":\"" + thought + "\"");
            }

            feed(AppMode::agent, events);
            feed(AppMode::agent_chat, events);
        },
        1 << 20));
}

TEST(LinearCount, Events)
{
    for (const char *one : {
             "\"message\",\"answer\":\"word \"",
             "\"agent_message\",\"answer\":\" \"",
             "\"message\",\"answer\":\"[a](/f/1)\"",
             "\"ping\"",
             "\"node_started\",\"data\":{\"id\":\"1\"}",
             "\"agent_log\",\"data\":{\"id\":\"\",\"label\":\"l\"}",
             "\"message_file\",\"url\":\"http://h/1\"",
             "\"message_replace\",\"answer\":\"no\"",
         }) {
        EXPECT_TRUE(grows_linearly(
            [&](std::size_t n) { feed(AppMode::chatflow, again(n, event(one))); },
            10000))
            << one;
    }
}

TEST(LinearCount, LinesOfAnEvent)
{
    for (const char *one : {"data: x\n", "data:\n", ": c\n", "event: a\n",
                            "data: x\r", "\r\n", "x\n", "id: 1\n"})
    {
        EXPECT_TRUE(grows_linearly(
            [&](std::size_t n) { feed(AppMode::chat, again(n, one)); }, 50000))
            << one;
    }
}

// An event that comes byte by byte.
TEST(LinearCount, Bytes)
{
    EXPECT_TRUE(grows_linearly(
        [](std::size_t n) {
            Pipeline pipeline({"id", 1, "m", true, false}, AppMode::chat,
                              Fingerprint(), Limits{});
            const std::string bytes =
                event("\"message\",\"answer\":\"a\"")
                + event("\"message\",\"answer\":\"" + std::string(n, 'a')
                        + "\\n\"");

            for (const char c : bytes) {
                pipeline.feed({&c, 1});
            }
        },
        200000));
}

TEST(LinearCount, SourcesAndFiles)
{
    const std::string address(3000, '/');

    EXPECT_TRUE(grows_linearly(
        [&](std::size_t n) {
            feed(AppMode::chat,
                 event("\"message\",\"answer\":\"](" + std::string(60000, '/')
                       + "\\n\"")
                     + event("\"message_end\",\"metadata\":{"
                             "\"retriever_resources\":["
                             + many(n, "{\"document_name\":\"d#\","
                                       "\"segment_id\":\"s#\"}")
                             + "]},\"files\":["
                             + many(n / 100,
                                    "{\"transfer_method\":\"tool_file\","
                                    "\"url\":\"" + address + "#\"}")
                             + "]"));
        },
        2500));
}

TEST(LinearCount, Import)
{
    std::vector<AdminApp> apps;
    apps.push_back({"m", Digest{}});

    EXPECT_TRUE(grows_linearly(
        [&](std::size_t n) {
            const std::string body =
                "{" + many(n, "\"chat#\":\"id-#\"") + "}";
            auto admin = ConversationAdmin::read(
                {"POST", "/import", "model=m&user=u", body, "", 1000000,
                 1000, 1000000},
                apps);
            ASSERT_TRUE(admin) << admin.failure().message;

            while (!admin->bring(512).empty()) {
            }
        },
        5000));
}

TEST(LinearCount, Errors)
{
    EXPECT_TRUE(grows_linearly(
        [](std::size_t n) {
            decode_error_reply(400, "{\"message\":\"m\",\"errors\":{"
                                        + many(n, "\"e#\":\"why\"") + "}}");
        },
        10000));
}

}  // namespace
}  // namespace opendify
