// Streams of real and reconstructed Dify versions: what their bytes mean
// (events.txt, the dump below).

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "dify/decode_stream.hpp"
#include "unit/golden_case.hpp"
#include "wire/sse_parser.hpp"

namespace opendify {
namespace {

using namespace golden;

std::string shown(std::string_view text)
{
    std::string out = "\"";
    for (const char c : text) {
        if (c == '\n') {
            out += "\\n";

        } else if (c == '"' || c == '\\') {
            out += '\\';
            out += c;

        } else {
            out += c;
        }
    }

    return out + "\"";
}

const char *name_of(Errc errc)
{
    switch (errc) {
    case Errc::run_failed:
        return "run_failed";
    case Errc::model_rate_limited:
        return "model_rate_limited";
    case Errc::backend_failed:
        return "backend_failed";
    case Errc::backend_rejected:
        return "backend_rejected";
    case Errc::backend_misconfigured:
        return "backend_misconfigured";
    case Errc::conversation_not_found:
        return "conversation_not_found";
    case Errc::event_too_large:
        return "event_too_large";
    default:
        return "another errc";
    }
}

// One line per event; neighbouring pieces of one kind stand on one line.
class Dump : public TurnSink {
public:
    void on_event(const TurnEvent &event) override
    {
        switch (event.kind) {
        case TurnEvent::Kind::text:
            piece("text", event.text);
            return;

        case TurnEvent::Kind::reasoning:
            piece("reasoning", event.text);
            return;

        case TurnEvent::Kind::reasoning_end:
            line("reasoning_end");
            return;

        case TurnEvent::Kind::step:
            line("step " + shown(event.text));
            return;

        case TurnEvent::Kind::citation:
            line("citation " + shown(event.citation->url) + " "
                 + shown(event.citation->title) + " "
                 + std::to_string(event.citation->content.size()));
            return;

        case TurnEvent::Kind::file:
            line(std::string(event.file->image ? "image " : "file ")
                 + shown(event.file->name) + " " + shown(event.file->url));
            return;

        case TurnEvent::Kind::form:
            line("form " + shown(event.form->title) + " "
                 + shown(event.form->content) + " "
                 + std::to_string(event.form->fields.size()) + " "
                 + std::to_string(event.form->actions.size()) + " "
                 + event.form->token + " " + event.form->run_id);
            return;

        case TurnEvent::Kind::replace:
            line("replace " + shown(event.text));
            return;

        case TurnEvent::Kind::usage:
            line("usage " + std::to_string(event.usage->prompt_tokens) + " "
                 + std::to_string(event.usage->completion_tokens) + " "
                 + std::to_string(event.usage->total_tokens));
            return;

        case TurnEvent::Kind::error:
            line(std::string("error ") + name_of(event.failure->errc) + " "
                 + (event.failure->code.empty() ? "-" : event.failure->code)
                 + " " + shown(event.failure->message));
            return;

        case TurnEvent::Kind::end:
            line(event.finish == FinishReason::stop ? "end" : "end otherwise");
            return;
        }
    }

    void line(const std::string &text)
    {
        flush();
        out_ += text + "\n";
    }

    std::string take()
    {
        flush();
        return std::move(out_);
    }

private:
    void piece(const std::string &kind, std::string_view text)
    {
        EXPECT_FALSE(text.empty());
        if (kind != open_) {
            flush();
            open_ = kind;
        }

        pieces_ += " " + shown(text);
    }

    void flush()
    {
        if (!open_.empty()) {
            out_ += open_ + pieces_ + "\n";
            open_.clear();
            pieces_.clear();
        }
    }

    std::string open_, pieces_, out_;
};

std::string events_of(const Case &one, const Cuts &cuts)
{
    const Limits        limits;
    Dump                dump;
    dify::StreamDecoder decoder(one.mode, limits, dump, true,
                                one.options.one("output"));
    wire::SseParser     parser(limits.max_event_bytes);

    feed_in_pieces(one.bytes, cuts, [&](std::string_view piece) {
        parser.feed(piece, decoder);
    });
    decoder.close();
    parser.finish(decoder);
    decoder.finish();

    dump.line("task " + decoder.task_id());
    dump.line("conversation " + decoder.conversation_id());
    dump.line("message " + decoder.message_id());
    dump.line("skipped " + std::to_string(decoder.skipped()));
    if (!decoder.over()) {
        dump.line("not over");
    }

    return dump.take();
}

TEST(DifyGolden, CasesAreThere)
{
    EXPECT_GE(cases().size(), 110u);
}

TEST(DifyGolden, EventsAreTheSameHoweverTheyAreCut)
{
    for (const Case &one : cases()) {
        if (one.bytes.empty()) {
            continue;
        }

        expect_file(one, "events.txt", events_of(one, {}));

        const std::string events = one.read("events.txt");
        each_cut(one, [&](const Cuts &cuts) {
            EXPECT_EQ(events, events_of(one, cuts)) << one.name;
        });
    }
}

// A body that breaks off anywhere before its end event must not look ended.
TEST(DifyGolden, NoEndBeforeTheEnd)
{
    for (const auto &[name, last] :
         {std::pair{"chatflow-plain", "{\"event\":\"message_end\""},
          std::pair{"workflow-plain", "{\"event\":\"workflow_finished\""}}) {
        Case one(fs::path(OPENDIFY_GOLDEN_DIR) / name);

        const std::string bytes = one.bytes;
        const std::size_t end = bytes.find(last);
        ASSERT_NE(end, std::string::npos) << name;

        for (std::size_t size = 0; size <= end; size += 7) {
            one.bytes = bytes.substr(0, size);
            const std::string events = events_of(one, {});
            EXPECT_NE(events.find("not over\n"), std::string::npos) << size;
            EXPECT_EQ(events.find("\nend\n"), std::string::npos) << size;
        }
    }
}

}  // namespace
}  // namespace opendify
