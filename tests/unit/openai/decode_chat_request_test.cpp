#include <gtest/gtest.h>

#include <string>

#include "opendify/endpoint.hpp"

namespace opendify {

namespace {

Result<Turn> decode(const std::string &body)
{
    return decode_chat_request(body, Limits{});
}

// A request that is complete but for `members`.
std::string with(const std::string &members)
{
    return R"({"model":"m","messages":[{"role":"user","content":"hi"}],)"
           + members + "}";
}

// A request with these messages.
std::string of(const std::string &messages)
{
    return R"({"model":"m","messages":)" + messages + "}";
}

void expect_refused(const std::string &body, Errc errc,
                    const std::string &param)
{
    auto turn = decode(body);

    ASSERT_FALSE(turn) << body;
    EXPECT_EQ(turn.failure().errc, errc) << body;
    EXPECT_EQ(turn.failure().param, param) << body;
    EXPECT_FALSE(turn.failure().message.empty()) << body;

    if (!param.empty()) {
        EXPECT_NE(turn.failure().message.find("'" + param + "'"),
                  std::string::npos)
            << turn.failure().message;
    }
}

void expect_text(const std::string &messages, Role role,
                 const std::string &text)
{
    auto turn = decode(of(messages));

    ASSERT_TRUE(turn) << messages << ": " << turn.failure().message;
    ASSERT_EQ(turn->messages.size(), 1u);
    EXPECT_EQ(turn->messages[0].role, role) << messages;
    EXPECT_EQ(turn->messages[0].text, text) << messages;
}

TEST(DecodeChatRequest, ReadsTheSmallestRequest)
{
    auto turn = decode(
        R"({"model":"support-bot",)"
        R"("messages":[{"role":"user","content":"ping"}]})");

    ASSERT_TRUE(turn);
    EXPECT_EQ(turn->model, "support-bot");
    ASSERT_EQ(turn->messages.size(), 1u);
    EXPECT_EQ(turn->messages[0].text, "ping");
    EXPECT_FALSE(turn->stream);
    EXPECT_FALSE(turn->include_usage);
    EXPECT_EQ(turn->user, "");
    EXPECT_EQ(turn->chat_id, "");
    EXPECT_EQ(turn->conversation_id, "");
    EXPECT_TRUE(turn->inputs.empty());
}

TEST(DecodeChatRequest, ReadsATypicalStreamingRequest)
{
    auto turn = decode(R"({
        "model": "support-bot",
        "stream": true,
        "stream_options": {"include_usage": true},
        "user": "u-1042",
        "metadata": {"conversation": "c-77"},
        "messages": [
            {"role": "system", "content": "Answer in French."},
            {"role": "user", "content": "What are your opening hours?"},
            {"role": "assistant", "content": "9 to 18."},
            {"role": "user", "content": [
                {"type": "text", "text": "And what is in this picture?"},
                {"type": "image_url", "image_url":
                    {"url": "data:image/png;base64,iVBORw0KGgo="}}
            ]}
        ]
    })");

    ASSERT_TRUE(turn);
    EXPECT_TRUE(turn->stream);
    EXPECT_TRUE(turn->include_usage);
    EXPECT_EQ(turn->user, "u-1042");
    ASSERT_EQ(turn->messages.size(), 4u);
    EXPECT_EQ(turn->messages[0].role, Role::system);
    EXPECT_EQ(turn->messages[2].role, Role::assistant);
    EXPECT_EQ(turn->messages[3].text, "And what is in this picture?");
    ASSERT_EQ(turn->messages[3].files.size(), 1u);
    EXPECT_EQ(turn->messages[3].files[0].bytes, "\x89PNG\r\n\x1a\n");
    EXPECT_EQ(turn->messages[3].files[0].name, "image.png");
}

TEST(DecodeChatRequest, RefusesWhatIsNotAJsonObject)
{
    expect_refused("", Errc::bad_json, "");
    expect_refused("{", Errc::bad_json, "");
    expect_refused("[]", Errc::bad_json, "");
    expect_refused("null", Errc::bad_json, "");
    expect_refused(with(R"("x":1)") + "x", Errc::bad_json, "");
    expect_refused(with("\"x\":\"\xff\""), Errc::bad_json, "");
}

TEST(DecodeChatRequest, KeepsToTheLimits)
{
    Limits limits;
    limits.max_messages = 2;
    limits.max_json_depth = 4;

    std::string message = R"({"role":"user","content":"a"})";
    std::string two = "[" + message + "," + message + "]";
    std::string three = "[" + message + "," + message + "," + message + "]";

    EXPECT_TRUE(decode_chat_request(of(two), limits));

    auto many = decode_chat_request(of(three), limits);
    ASSERT_FALSE(many);
    EXPECT_EQ(many.failure().errc, Errc::bad_value);
    EXPECT_EQ(many.failure().param, "messages");

    auto deep = decode_chat_request(with(R"("x":[[[[[]]]]])"), limits);
    ASSERT_FALSE(deep);
    EXPECT_EQ(deep.failure().errc, Errc::bad_json);
}

TEST(DecodeChatRequest, DemandsAModel)
{
    std::string rest = R"("messages":[{"role":"user","content":"a"}]})";

    expect_refused("{" + rest, Errc::missing_field, "model");
    expect_refused(R"({"model":null,)" + rest, Errc::missing_field, "model");
    expect_refused(R"({"model":"",)" + rest, Errc::bad_value, "model");
    expect_refused(R"({"model":7,)" + rest, Errc::bad_value, "model");
}

TEST(DecodeChatRequest, DemandsMessages)
{
    expect_refused(R"({"model":"m"})", Errc::missing_field, "messages");
    expect_refused(of("null"), Errc::missing_field, "messages");
    expect_refused(of("[]"), Errc::bad_value, "messages");
    expect_refused(of(R"("hi")"), Errc::bad_value, "messages");
    expect_refused(of(R"({"role":"user"})"), Errc::bad_value, "messages");
    expect_refused(of(R"(["hi"])"), Errc::bad_value, "messages[0]");
    expect_refused(of(R"([{"role":"user","content":"a"},null])"),
                   Errc::bad_value, "messages[1]");
}

TEST(DecodeChatRequest, KnowsTheRoles)
{
    expect_text(R"([{"role":"system","content":"a"}])", Role::system, "a");
    expect_text(R"([{"role":"developer","content":"a"}])", Role::system, "a");
    expect_text(R"([{"role":"user","content":"a"}])", Role::user, "a");
    expect_text(R"([{"role":"assistant","content":"a"}])", Role::assistant,
                "a");
    expect_text(R"([{"role":"tool","content":"a"}])", Role::tool, "a");
    expect_text(R"([{"role":"function","content":"a"}])", Role::tool, "a");

    expect_refused(of(R"([{"content":"a"}])"), Errc::missing_field,
                   "messages[0].role");
    expect_refused(of(R"([{"role":"robot","content":"a"}])"),
                   Errc::bad_value, "messages[0].role");
    expect_refused(of(R"([{"role":1,"content":"a"}])"), Errc::bad_value,
                   "messages[0].role");
}

TEST(DecodeChatRequest, OnlyWhoMayCallToolsMayHaveNoContent)
{
    expect_text(R"([{"role":"assistant","tool_calls":[]}])", Role::assistant,
                "");
    expect_text(R"([{"role":"assistant","content":null}])", Role::assistant,
                "");
    expect_text(R"([{"role":"function","content":null}])", Role::tool, "");
    expect_text(R"([{"role":"user","content":""}])", Role::user, "");
    expect_text(R"([{"role":"user","content":[]}])", Role::user, "");

    for (std::string role : {"system", "developer", "user", "tool"}) {
        expect_refused(of(R"([{"role":")" + role + R"("}])"),
                       Errc::missing_field, "messages[0].content");
        expect_refused(of(R"([{"role":")" + role + R"(","content":null}])"),
                       Errc::missing_field, "messages[0].content");
    }

    expect_refused(of(R"([{"role":"user","content":7}])"), Errc::bad_value,
                   "messages[0].content");
    expect_refused(of(R"([{"role":"user","content":{}}])"), Errc::bad_value,
                   "messages[0].content");
    expect_refused(of(R"([{"role":"user","content":{"type":"text"}}])"),
                   Errc::missing_field, "messages[0].content.text");
}

TEST(DecodeChatRequest, JoinsTextParts)
{
    expect_text(R"([{"role":"user","content":[
                    {"type":"text","text":" a "},
                    "bare",
                    {"type":"input_text","text":"c"},
                    {"type":"document","source":{"type":"text","data":"d"}},
                    {"type":"text","text":""},
                    {"type":"tool_result","content":"e"},
                    {"type":"tool_result","content":[
                        {"type":"text","text":"f"}]},
                    {"type":"text","text":{"value":"b"}}]}])",
                Role::user, " a \nbare\nc\nd\n\ne\nf\nb");
    expect_text(R"([{"role":"user","content":{"type":"text","text":"a"}}])",
                Role::user, "a");
    expect_text(R"([{"role":"assistant","content":[
                    {"type":"thinking","thinking":"hm"},
                    {"type":"output_text","text":"a"},
                    {"type":"tool_use","id":"1","name":"f","input":{}},
                    {"type":"redacted_thinking","data":"x"},
                    {"type":"refusal","refusal":"no"}]}])",
                Role::assistant, "a\nno");
}

TEST(DecodeChatRequest, NamesPartsThatNobodyKnows)
{
    for (std::string role :
         {"system", "developer", "user", "assistant", "tool", "function"})
    {
        for (std::string type : {"canary", "image_generation_call", "x.y-z"}) {
            const std::string body =
                of(R"([{"role":"user","content":"q"},{"role":")" + role
                   + R"(","content":[{"type":"text","text":"a"},{"type":")"
                   + type + R"("}]}])");
            const auto turn = decode(body);

            ASSERT_FALSE(turn) << body;
            EXPECT_EQ(turn.failure().errc, Errc::unsupported_value);
            EXPECT_EQ(turn.failure().param, "messages[1].content[1]");
            EXPECT_NE(turn.failure().message.find("'" + type + "'"),
                      std::string::npos);
        }
    }

    for (std::string part :
         {R"({"type":"refusal","refusal":"not mine"})",
          R"({"type":"thinking","thinking":"not mine"})",
          R"({"type":"tool_use"})", R"({"type":"a \n b"})"})
    {
        expect_refused(of(R"([{"role":"user","content":[)" + part + "]}]"),
                       Errc::unsupported_value, "messages[0].content[0]");
    }
}

TEST(DecodeChatRequest, DocumentsAndResultsMayBeTexts)
{
    for (std::string part : {
             R"({"type":"document","source":{"type":"content",)"
             R"("content":[{"type":"text","text":"a"}]}})",
             R"({"type":"document","source":{"type":"content","content":"a"}})",
             R"({"type":"file","source_type":"text","text":"a"})",
             R"({"type":"text-plain","text":"a"})",
             R"({"type":"tool_result","content":[{"type":"text","text":"a"}]})",
             R"({"type":"tool-result","output":{"type":"text","value":"a"}})",
             R"({"type":"tool-result","result":"a"})",
         })
    {
        expect_text(R"([{"role":"user","content":[)" + part + "]}]",
                    Role::user, "a");
    }
}

TEST(DecodeChatRequest, NobodySaidWhatAnAssistantThoughtOrCalled)
{
    for (std::string type : {"reasoning_text", "reasoning_content",
                             "server_tool_use", "function_call"})
    {
        const std::string parts = R"("content":["a",{"type":")" + type
                                  + R"(","text":"b"}]}])";

        expect_text(R"([{"role":"assistant",)" + parts, Role::assistant, "a");
        expect_refused(of(R"([{"role":"user",)" + parts),
                       Errc::unsupported_value, "messages[0].content[1]");
    }
}

TEST(DecodeChatRequest, RefusesBrokenParts)
{
    auto parts = [](const std::string &list) {
        return of(R"([{"role":"user","content":)" + list + "}]");
    };

    expect_refused(parts("[7]"), Errc::bad_value, "messages[0].content[0]");
    expect_refused(parts("[null]"), Errc::bad_value,
                   "messages[0].content[0]");
    expect_refused(parts(R"([{"text":"a"}])"), Errc::bad_value,
                   "messages[0].content[0]");
    expect_refused(parts(R"([{"type":"text","text":"a"},{"type":"text"}])"),
                   Errc::missing_field, "messages[0].content[1].text");
    expect_refused(parts(R"([{"type":"text","text":[]}])"), Errc::bad_value,
                   "messages[0].content[0].text");
}

TEST(DecodeChatRequest, KeepsEveryCharacter)
{
    auto turn = decode(
        of(R"([{"role":"user","content":"a\u0000b\n\ud83d\ude00 "}])"));

    ASSERT_TRUE(turn);
    EXPECT_EQ(turn->messages[0].text,
              std::string("a\0b\n\xf0\x9f\x98\x80 ", 9));
}

TEST(DecodeChatRequest, StreamIsTrueOrFalse)
{
    EXPECT_TRUE(decode(with(R"("stream":true)"))->stream);
    EXPECT_FALSE(decode(with(R"("stream":false)"))->stream);
    EXPECT_FALSE(decode(with(R"("stream":null)"))->stream);
    expect_refused(with(R"("stream":"true")"), Errc::bad_value, "stream");
    expect_refused(with(R"("stream":1)"), Errc::bad_value, "stream");
}

TEST(DecodeChatRequest, UsageIsForStreams)
{
    std::string usage = R"("stream_options":{"include_usage":true})";

    EXPECT_TRUE(decode(with(R"("stream":true,)" + usage))->include_usage);
    EXPECT_FALSE(decode(with(usage))->include_usage);
    EXPECT_FALSE(decode(with(R"("stream":true,"stream_options":null)"))
                     ->include_usage);
    EXPECT_FALSE(decode(with(R"("stream":true,"stream_options":)"
                             R"({"include_usage":null})"))->include_usage);
    expect_refused(with(R"("stream_options":[])"), Errc::bad_value,
                   "stream_options");
    expect_refused(with(R"("stream_options":{"include_usage":"yes"})"),
                   Errc::bad_value, "stream_options.include_usage");
}

TEST(DecodeChatRequest, RefusesWhatChangesTheAnswersShape)
{
    const Errc no = Errc::unsupported_value;

    expect_refused(with(R"("n":2)"), no, "n");
    expect_refused(with(R"("logprobs":true)"), no, "logprobs");
    expect_refused(with(R"("top_logprobs":1)"), no, "top_logprobs");
    expect_refused(with(R"("tool_choice":"required")"), no, "tool_choice");
    expect_refused(with(R"("tool_choice":{"type":"function"})"), no,
                   "tool_choice");
    expect_refused(with(R"("function_call":{"name":"f"})"), no,
                   "function_call");

    expect_refused(with(R"("n":0)"), Errc::bad_value, "n");
    expect_refused(with(R"("n":1.5)"), Errc::bad_value, "n");
    expect_refused(with(R"("n":"2")"), Errc::bad_value, "n");
}

TEST(DecodeChatRequest, AToolIsForcedOrNot)
{
    for (std::string choice : {
             R"("auto")", R"("none")", R"("")", R"({"type":"auto"})",
             R"({"type":"none"})",
             R"({"type":"allowed_tools","mode":"auto","tools":[]})",
             R"({"type":"allowed_tools","allowed_tools":{"mode":"auto"}})",
         })
    {
        EXPECT_TRUE(decode(with("\"tool_choice\":" + choice))) << choice;
    }

    for (std::string choice : {
             R"("required")", R"("any")", R"({})", R"({"type":"any"})",
             R"({"type":"required"})", R"({"type":"tool","name":"f"})",
             R"({"type":"function","function":{"name":"f"}})",
             R"({"type":"custom","custom":{"name":"f"}})",
             R"({"type":"file_search"})",
             R"({"type":"allowed_tools","mode":"required","tools":[]})",
             R"({"type":"allowed_tools","allowed_tools":{"mode":"required"}})",
         })
    {
        expect_refused(with("\"tool_choice\":" + choice),
                       Errc::unsupported_value, "tool_choice");
    }
}

TEST(DecodeChatRequest, IsDeafToTheRest)
{
    EXPECT_TRUE(decode(with(R"("n":1,"logprobs":false,"top_logprobs":0,
        "tool_choice":"auto","function_call":"none","tools":[{"type":"x"}],
        "temperature":0.2,"stop":["a"],"max_tokens":5,"keep_alive":"5m",
        "metadata":"odd","response_format":{"type":"json_object"})")));
    EXPECT_TRUE(decode(with(R"("n":null,"logprobs":null,"top_logprobs":null,
        "tool_choice":null,"function_call":null,"tools":null,"user":null,
        "metadata":null,"inputs":null)")));

    for (std::string member : {
             R"("response_format":{"type":"text"})", R"("tools":[])",
             R"("functions":[])", R"("parallel_tool_calls":false)",
             R"("store":true)", R"("stream_options":null)",
             R"("stream_options":{})", R"("modalities":["text"])",
             R"("stop":[])", R"("n":1.0)", R"("audio":null)",
         })
    {
        EXPECT_TRUE(decode(with(member))) << member;
    }
}

TEST(DecodeChatRequest, FindsTheUser)
{
    auto user = [](const std::string &members) {
        return decode(with(members))->user;
    };
    std::string others = R"(,"safety_identifier":"s",)"
                         R"("metadata":{"user_id":"d"})";

    EXPECT_EQ(user(R"("user":"u")" + others), "u");
    EXPECT_EQ(user(R"("user":12)" + others), "12");
    EXPECT_EQ(user(R"("user":{"name":"N","id":"i"})" + others), "i");
    EXPECT_EQ(user(R"("user":{"name":"N"})" + others), "s");
    EXPECT_EQ(user(R"("user":"")" + others), "s");
    EXPECT_EQ(user(R"("user":null)" + others), "s");
    EXPECT_EQ(user(R"("user":true)" + others), "s");
    EXPECT_EQ(user(R"("metadata":{"user_id":"d"})"), "d");
}

TEST(DecodeChatRequest, FindsChatAndConversation)
{
    auto turn = decode(with(
        R"("prompt_cache_key":"p","metadata":{"chat_id":"c",)"
        R"("conversation_id":"mc"},"conversation_id":"bc")"));
    ASSERT_TRUE(turn);
    EXPECT_EQ(turn->chat_id, "c");
    EXPECT_EQ(turn->conversation_id, "bc");

    turn = decode(with(
        R"("prompt_cache_key":"p","metadata":{"conversation_id":"mc"})"));
    ASSERT_TRUE(turn);
    EXPECT_EQ(turn->chat_id, "p");
    EXPECT_EQ(turn->conversation_id, "mc");
}

TEST(DecodeChatRequest, ReadsStopSequences)
{
    using Words = std::vector<std::string>;

    const std::pair<const char *, Words> kTaken[] = {
        { R"("stop":"END")", {"END"} },
        { R"("stop":["a","\n\nUser:","\u00e9"])",
          {"a", "\n\nUser:", "\xc3\xa9"} },
        { R"("stop":["a","b","c","d"])", {"a", "b", "c", "d"} },
        { R"("stop":["","b",""])", {"b"} },
        { R"("stop":null)", {} },
        { R"("stop":[])", {} },
        { R"("stop":"")", {} },
        { R"("n":1)", {} },
    };

    for (const auto &[members, expected] : kTaken) {
        auto turn = decode(with(members));

        ASSERT_TRUE(turn) << members << ": " << turn.failure().message;
        EXPECT_EQ(turn->stop, expected) << members;
    }

    for (const char *members : {
             R"("stop":5)", R"("stop":true)", R"("stop":{"a":"b"})",
             R"("stop":[1])", R"("stop":["a",null])", R"("stop":[["a"]])",
             R"("stop":["a","b","c","d","e"])", R"("stop":["","","","",""])" })
    {
        expect_refused(with(members), Errc::bad_value, "stop");
    }
}

TEST(DecodeChatRequest, StopSequencesCountAsText)
{
    Limits limits;
    limits.max_text_bytes = 12;

    EXPECT_TRUE(decode_chat_request(with(R"("stop":["12345","12345"])"),
                                    limits));
    auto turn = decode_chat_request(with(R"("stop":["12345","123456"])"),
                                    limits);
    ASSERT_FALSE(turn);
    EXPECT_EQ(turn.failure().errc, Errc::body_too_large);
    EXPECT_EQ(turn.failure().param, "stop");
}

TEST(DecodeChatRequest, KeepsInputsAsJson)
{
    auto turn = decode(with(R"("inputs":{"city":"Ly\u006fn","n":1.50,)"
                            R"("list":[1, {"a":null}],"none":null})"));

    ASSERT_TRUE(turn);
    ASSERT_EQ(turn->inputs.size(), 4u);
    EXPECT_EQ(turn->inputs[0].name, "city");
    EXPECT_EQ(turn->inputs[0].json, R"("Lyon")");
    EXPECT_EQ(turn->inputs[1].json, "1.50");
    EXPECT_EQ(turn->inputs[2].json, R"([1,{"a":null}])");
    EXPECT_EQ(turn->inputs[3].json, "null");

    expect_refused(with(R"("inputs":[])"), Errc::bad_value, "inputs");
    expect_refused(with(R"("inputs":"x")"), Errc::bad_value, "inputs");
}

TEST(DecodeChatRequest, FindsInputsInTheMetadata)
{
    auto turn = decode(with(
        R"("metadata":{"inputs.city":"Lyon","inputs.":"x","inputs":"y",)"
        R"("inputs.n":"a\"b","inputs.tone":"kind","inputs.none":null},)"
        R"("inputs":{"tone":"rude"})"));

    ASSERT_TRUE(turn);
    ASSERT_EQ(turn->inputs.size(), 3u);
    EXPECT_EQ(turn->inputs[0].name, "city");
    EXPECT_EQ(turn->inputs[0].json, R"("Lyon")");
    EXPECT_EQ(turn->inputs[1].name, "n");
    EXPECT_EQ(turn->inputs[1].json, R"("a\"b")");
    EXPECT_EQ(turn->inputs[2].name, "tone");
    EXPECT_EQ(turn->inputs[2].json, R"("rude")");
    EXPECT_TRUE(decode(with(R"("metadata":["inputs.a"])"))->inputs.empty());
}

TEST(DecodeChatRequest, BoundsTheInputs)
{
    Limits limits;
    limits.max_inputs = 2;

    auto param = [&](const std::string &members) {
        auto turn = decode_chat_request(with(members), limits);
        return turn ? "" : turn.failure().param;
    };

    EXPECT_EQ(param(R"("inputs":{"a":1,"b":2})"), "");
    EXPECT_EQ(param(R"("inputs":{"a":1,"b":2,"c":3})"), "inputs");
    EXPECT_EQ(param(R"("inputs":{"a":1},"metadata":{"inputs.b":""})"), "");
    EXPECT_EQ(param(R"("inputs":{"a":1},)"
                    R"("metadata":{"inputs.b":"","inputs.c":""})"),
              "metadata");
}

TEST(DecodeChatRequest, TheLastMessageMayBeAnyones)
{
    auto turn = decode(of(R"([{"role":"user","content":"a"},
                              {"role":"assistant","content":"b"}])"));

    ASSERT_TRUE(turn);
    EXPECT_EQ(turn->messages.back().role, Role::assistant);
}

}  // namespace

}  // namespace opendify
