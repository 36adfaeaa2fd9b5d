// What a client asks and what it gets: the whole core over the cases of
// golden/ (see golden_case.hpp).

#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "opendify/app_form.hpp"
#include "opendify/endpoint.hpp"
#include "opendify/human_form.hpp"
#include "opendify/pipeline.hpp"
#include "unit/golden_case.hpp"
#include "wire/json_writer.hpp"

namespace opendify {
namespace {

using namespace golden;

bool is_completion(const Case &one)
{
    return one.options.one("endpoint") == "completions";
}

Result<Turn> decoded(const Case &one)
{
    const std::string body = one.read("request.openai.json");

    return is_completion(one) ? decode_completion_request(body, Limits{})
                              : decode_chat_request(body, Limits{});
}

Turn turn_of(const Case &one)
{
    Result<Turn> turn = decoded(one);
    EXPECT_TRUE(turn) << one.name << ": " << turn.failure().message;

    return turn ? std::move(*turn) : Turn{};
}

std::string refusal(const Failure &failure)
{
    const ErrorHead &head = error_head(failure.errc);
    std::string      headers;

    if (head.retry_after != 0) {
        headers = "\"Retry-After\":\"" + std::to_string(head.retry_after)
                  + "\"";
    }

    if (!head.may_retry) {
        headers += headers.empty() ? "" : ",";
        headers += "\"x-should-retry\":\"false\"";
    }

    return "{\"status\":" + std::to_string(head.status) + ",\"headers\":{"
           + headers + "},\"body\":" + encode_error(failure) + "}\n";
}

// --- the question ----------------------------------------------------------

std::string shown(const BackendRequest &request)
{
    std::string out = "{\"path\":";
    wire::write_string(out, request.path);

    if (!request.args.empty()) {
        out += ",\"args\":";
        wire::write_string(out, request.args);
    }

    if (request.content_type.empty() && !request.body.empty()) {
        out += ",\"body\":" + request.body;
    }

    return out + "}\n";
}

std::string user_of(const Turn &turn)
{
    return backend_user(turn.user.empty() ? "anonymous" : turn.user);
}

// The forms of an app with this key, of whoever shows none.
FormSeal seal_of(std::string_view user)
{
    static const FormKey key = form_key("app-golden");

    return {&key, "", user};
}

// What is given outlives the call.
ChatCall call_of(const Case &one, const Turn &turn, const std::string &user)
{
    ChatCall call;
    call.turn = &turn;
    call.mode = one.mode == AppMode::unknown
                    ? app_mode_from_name(one.options.one("kind"))
                    : one.mode;
    call.user = user;
    call.conversation_id = turn.conversation_id.empty()
                               ? one.options.one("conversation")
                               : turn.conversation_id;
    call.system_input = one.options.one("system_input");
    call.query_input = one.options.one("query_input");

    if (!one.options.one("continue_text").empty()) {
        call.continue_text = one.options.one("continue_text");
    }

    for (const std::string &input : one.options.all("input")) {
        const std::size_t blank = input.find(' ');
        call.inputs.push_back(
            {input.substr(0, blank), input.substr(blank + 1)});
    }

    return call;
}

std::string form_calls(const Case &one, const HumanForm &paused,
                       const Turn &turn, const std::string &user)
{
    Result<HumanForm> form = decode_form(one.read("form.dify.json"));

    EXPECT_TRUE(form) << one.name << ": " << form.failure().message;
    if (!form) {
        return {};
    }

    form->token = paused.token;
    form->run_id = paused.run_id;

    const auto answer = encode_form_submit(*form, new_turn_text(turn), user);

    return shown(encode_form_call(paused.token))
           + shown(encode_events_call(paused.run_id, user))
           + (answer ? shown(*answer) : refusal(answer.failure()));
}

// Files get the ids "upload-1", "upload-2", ...
std::string uploads(Turn &turn, const ChatCall &call)
{
    std::string out;
    int         number = 0;

    for (Attachment *file : files_to_upload(turn, call)) {
        out += shown(encode_upload_call(*file, call.user));
        file->upload_id = "upload-" + std::to_string(++number);
    }

    return out;
}

// What the app says it takes; `form` outlives the call.
Result<bool> apply_parameters(const Case &one, AppForm &form, ChatCall &call)
{
    const std::string parameters = one.read("parameters.dify.json");

    if (parameters.empty()) {
        call.query_input =
            call.query_input.empty() ? "query" : call.query_input;
        return true;
    }

    auto read = decode_parameters(parameters);
    EXPECT_TRUE(read) << one.name << ": " << read.failure().message;
    form = read ? *read : AppForm{};
    apply_form(form, call);

    return check_call(form, call);
}

std::string calls_of(const Case &one, Turn &turn)
{
    const std::string user = user_of(turn);
    ChatCall          call = call_of(one, turn, user);
    HumanForm         paused;
    AppForm           form;

    EXPECT_NE(call.mode, AppMode::unknown) << one.name;
    if (find_form(turn, seal_of(user), paused)) {
        return form_calls(one, paused, turn, user);
    }

    auto accepted = apply_parameters(one, form, call);
    if (!accepted) {
        return refusal(accepted.failure());
    }

    const std::string before = uploads(turn, call);
    const auto        run = encode_chat_call(call);

    return before + (run ? shown(*run) : refusal(run.failure()));
}

// Or the refusal.
std::string calls_of(const Case &one)
{
    Result<Turn> turn = decoded(one);

    if (!turn) {
        return refusal(turn.failure());
    }

    return asks_something(*turn) ? calls_of(one, *turn)
                                 : refusal(nothing_asked(*turn));
}

// --- the answer ------------------------------------------------------------

// `user` outlives them.
AnswerOptions options_of(const Case &one, const Turn &turn,
                         std::string_view user)
{
    const std::string reasoning = one.options.one("reasoning");
    const std::string window = one.options.one("moderation_window");
    AnswerOptions     options;

    options.reasoning = reasoning == "off"      ? ReasoningMode::off
                        : reasoning == "inline" ? ReasoningMode::inline_
                                                : ReasoningMode::content;
    options.steps = one.options.one("steps") == "reasoning";
    options.footnotes = one.options.one("footnotes") == "on";
    options.hold_end = !one.options.all("suggested").empty();
    options.moderation_window_ms =
        window.empty() ? 0 : static_cast<std::uint32_t>(std::stoul(window));
    options.files_origin = one.options.one("files_origin");
    options.output_name = one.options.one("output");
    options.stop = turn.stop;
    options.seal = seal_of(user);

    return options;
}

Pipeline pipeline_of(const Case &one, const std::string &user, bool stream)
{
    const Turn turn = turn_of(one);
    AnswerHead head;

    head.id = is_completion(one) ? "cmpl-A1" : "chatcmpl-A1";
    head.created = 1790000000;
    head.model = turn.model;
    head.stream = stream;
    head.include_usage = turn.include_usage;
    head.completion = is_completion(one);

    return Pipeline(head, one.mode, turn_fingerprint(turn), Limits{},
                    options_of(one, turn, user));
}

// As the glue does it: the 200 of a stream goes out with its first piece.
void feed(const Case &one, Pipeline &pipeline, std::string_view bytes)
{
    pipeline.feed(bytes);

    if (pipeline.started()) {
        pipeline.commit();
    }

    if (pipeline.held()) {
        pipeline.complete(suggested_block(one.options.all("suggested")));
    }
}

std::string answer_of(Pipeline &pipeline)
{
    pipeline.finish();

    return pipeline.failed() && !pipeline.committed()
               ? refusal(pipeline.failure())
               : pipeline.output();
}

std::string streamed(const Case &one, const Cuts &cuts)
{
    const std::string user = user_of(turn_of(one));
    Pipeline pipeline = pipeline_of(one, user, true);
    feed_in_pieces(one.bytes, cuts, [&](std::string_view piece) {
        feed(one, pipeline, piece);
    });

    return answer_of(pipeline);
}

std::string folded(const Case &one, const Cuts &cuts)
{
    const std::string user = user_of(turn_of(one));
    Pipeline pipeline = pipeline_of(one, user, false);
    feed_in_pieces(one.bytes, cuts, [&](std::string_view piece) {
        feed(one, pipeline, piece);
    });

    const std::string answer = answer_of(pipeline);

    return answer.back() == '\n' ? answer : answer + "\n";
}

// A client that was told 200 before the first event came.
std::string streamed_after_ping(const Case &one)
{
    const std::string user = user_of(turn_of(one));
    Pipeline pipeline = pipeline_of(one, user, true);
    pipeline.commit();
    feed(one, pipeline, one.bytes);

    return answer_of(pipeline);
}

bool is_refusal(const std::string &answer)
{
    return answer.rfind("{\"status\":", 0) == 0;
}

// Those that Dify is asked.
std::vector<Case> asked_cases()
{
    std::vector<Case> out = cases();
    out.erase(std::remove_if(out.begin(), out.end(),
                             [](const Case &one) {
                                 return one.bytes.empty();
                             }),
              out.end());

    return out;
}

TEST(Golden, EveryCaseHasAQuestion)
{
    EXPECT_GE(asked_cases().size(), 110u);

    for (const Case &one : cases()) {
        EXPECT_FALSE(one.read("request.openai.json").empty()) << one.name;
    }
}

TEST(Golden, TheQuestionBecomesDifys)
{
    for (const Case &one : asked_cases()) {
        const std::string calls = calls_of(one);
        expect_file(one, "request.dify.json", calls);
        EXPECT_FALSE(is_refusal(calls)) << one.name;
    }
}

TEST(Golden, OrIsRefused)
{
    for (const Case &one : cases()) {
        if (one.bytes.empty()) {
            const std::string refused = calls_of(one);
            EXPECT_TRUE(is_refusal(refused)) << one.name;
            expect_file(one, "answer.openai.sse", refused);
            expect_file(one, "answer.openai.json", refused);
        }
    }
}

TEST(Golden, TheAnswerBecomesAStream)
{
    for (const Case &one : asked_cases()) {
        expect_file(one, "answer.openai.sse", streamed(one, {}));

        const std::string expected = one.read("answer.openai.sse");
        each_cut(one, [&](const Cuts &cuts) {
            EXPECT_EQ(expected, streamed(one, cuts)) << one.name;
        });
    }
}

TEST(Golden, TheAnswerBecomesOneReply)
{
    for (const Case &one : asked_cases()) {
        expect_file(one, "answer.openai.json", folded(one, {}));

        const std::string expected = one.read("answer.openai.json");
        each_cut(one, [&](const Cuts &cuts) {
            EXPECT_EQ(expected, folded(one, cuts)) << one.name;
        });
    }
}

TEST(Golden, APingBeforeTheAnswerChangesNothingButTheStatus)
{
    for (const Case &one : asked_cases()) {
        const std::string expected = one.read("answer.openai.sse");
        const std::string answer = streamed_after_ping(one);

        if (is_refusal(expected)) {
            EXPECT_EQ(answer.rfind("data: {\"error\":", 0), 0u) << one.name;

        } else {
            EXPECT_EQ(answer, expected) << one.name;
        }
    }
}

}  // namespace
}  // namespace opendify
