// Dify's events as a 1.13 server writes them, the client's bytes they become,
// and a way to play the ones into the others.

#ifndef OPENDIFY_TESTS_PIPELINE_PLAY_HPP
#define OPENDIFY_TESTS_PIPELINE_PLAY_HPP

#include <gtest/gtest.h>

#include <functional>
#include <random>
#include <string>

#include "opendify/pipeline.hpp"

namespace opendify::pipeline_test {

inline const std::string kIds =
    R"("conversation_id":"de210520-c6ac-4a96-908f-6e4ad73ddabf",)"
    R"("message_id":"c395b5b2-23d3-4773-bead-d776687b45fe",)"
    R"("created_at":1795230868,)"
    R"("task_id":"6a1474a0-0219-4f1c-b9bd-c2115e4b311c")";
inline const std::string kPing = "event: ping\n\n";

inline std::string event(const std::string &name, const std::string &rest)
{
    return "data: {\"event\":\"" + name + "\"," + kIds + rest + "}\n\n";
}

inline std::string said(const std::string &json_text)
{
    return event("message", ",\"answer\":\"" + json_text
                                + "\",\"from_variable_selector\":null");
}

inline std::string replaced(const std::string &json_text)
{
    return event("message_replace", ",\"answer\":\"" + json_text
                                        + "\",\"reason\":\"\"");
}

inline const std::string kEnd = event("message_end",
    R"(,"metadata":{"retriever_resources":[],"usage":{"prompt_tokens":31,)"
    R"("completion_tokens":9,"total_tokens":40,"latency":0.1}},"files":null)");
inline const std::string kError = "data: {\"event\":\"error\"," + kIds
    + R"(,"code":"completion_request_error","status":400,)"
      R"("message":"[models] Error: it broke"})" + "\n\n";

inline const std::string kChunk =
    "data: {\"id\":\"chatcmpl-A1\",\"object\":\"chat.completion.chunk\","
    "\"created\":1790000000,\"model\":\"support-bot\",\"choices\":[";
inline const std::string kRole =
    kChunk + "{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":"
             "\"\"},\"finish_reason\":null}]}\n\n";
inline const std::string kUsage =
    "\"usage\":{\"prompt_tokens\":31,\"completion_tokens\":9,"
    "\"total_tokens\":40}}";
inline const std::string kDone = "data: [DONE]\n\n";

inline std::string piece(const std::string &text,
                         const std::string &member = "content")
{
    return kChunk + "{\"index\":0,\"delta\":{\"" + member + "\":\"" + text
           + "\"},\"finish_reason\":null}]}\n\n";
}

inline std::string finish(const std::string &reason)
{
    return kChunk + "{\"index\":0,\"delta\":{},\"finish_reason\":\"" + reason
           + "\"}]}\n\n" + kChunk + "]," + kUsage + "\n\n" + kDone;
}

inline std::string folded(const std::string &text, const std::string &reason,
                          const std::string &reasoning = {})
{
    return "{\"id\":\"chatcmpl-A1\",\"object\":\"chat.completion\","
           "\"created\":1790000000,\"model\":\"support-bot\",\"choices\":[{"
           "\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\""
           + text + "\","
           + (reasoning.empty()
                  ? std::string()
                  : "\"reasoning_content\":\"" + reasoning + "\",")
           + "\"refusal\":null,\"annotations\":[]},\"logprobs\":null,"
             "\"finish_reason\":\"" + reason + "\"}]," + kUsage;
}

inline Fingerprint asked()
{
    Fingerprint history;
    history.message(Role::user, "What now?");
    return history;
}

inline Digest answered(const std::string &text)
{
    Fingerprint history = asked();
    history.message(Role::assistant, text);
    return history.digest();
}

enum class Form { streamed, folded };
enum class Commit { at_once, when_started, never };

// A pipeline and what a client would have been sent by it so far.
struct Play {
    explicit Play(Form form, Commit when = Commit::when_started,
                 const Limits &limits = Limits{},
                 const AnswerOptions &options = AnswerOptions{})
        : pipeline(AnswerHead{"chatcmpl-A1", 1790000000, "support-bot",
                              form == Form::streamed, true},
                   AppMode::chat, asked(), limits, options),
          commit(when)
    {
        if (commit == Commit::at_once) {
            pipeline.commit();
        }
    }

    void feed(std::string_view bytes)
    {
        pipeline.feed(bytes);

        if (commit == Commit::when_started && pipeline.started()) {
            pipeline.commit();
        }

        take();
    }

    void finish()
    {
        pipeline.finish();
        take();
    }

    // As the glue does it: what is not committed stays where it is.
    void take()
    {
        if (pipeline.committed()) {
            sent += pipeline.output();
            pipeline.output().clear();
        }
    }

    std::string all() { return sent + pipeline.output(); }

    Pipeline    pipeline;
    Commit      commit;
    std::string sent;
};

// Plays the bytes whole, byte by byte and at random cuts.
inline void each_cut(const std::string &bytes, Form form, Commit commit,
                     const std::function<void(Play &)> &check,
                     const Limits &limits = Limits{},
                     const AnswerOptions &options = AnswerOptions{})
{
    std::mt19937 random(20);

    for (int round = 0; round < 22; round++) {
        SCOPED_TRACE("round " + std::to_string(round));
        Play        run(form, commit, limits, options);
        std::size_t at = 0;

        while (at < bytes.size()) {
            std::size_t size = round == 0   ? bytes.size()
                               : round == 1 ? 1
                                            : random() % 97;
            run.feed(std::string_view(bytes).substr(at, size));
            at += size;
        }

        run.finish();
        check(run);
    }
}

inline void expect_output(const std::string &bytes, Form form, Commit commit,
                          const std::string &expected)
{
    each_cut(bytes, form, commit, [&](Play &run) {
        EXPECT_EQ(run.all(), expected);
        EXPECT_TRUE(run.pipeline.ended());
        EXPECT_FALSE(run.pipeline.failed());
    });
}

}  // namespace opendify::pipeline_test

#endif
