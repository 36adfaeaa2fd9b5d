// Streams of real and reconstructed Dify versions: golden/<case>/ holds the
// bytes (answer.dify.sse) and what they mean (events.txt, the dump below).
// The case's first word names the kind of app; a file `output` the output of
// a workflow that is asked for.

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "dify/decode_stream.hpp"
#include "wire/sse_parser.hpp"

namespace opendify {
namespace {

namespace fs = std::filesystem;

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

AppMode mode_of(const std::string &name)
{
    if (name.rfind("agent-1.1", 0) == 0) {
        return AppMode::agent;
    }

    if (name.rfind("agent-", 0) == 0) {
        return AppMode::agent_chat;
    }

    for (const auto &[word, mode] :
         {std::pair{"chatflow-", AppMode::chatflow},
          std::pair{"completion-", AppMode::completion},
          std::pair{"workflow-", AppMode::workflow},
          std::pair{"unknown-", AppMode::unknown}}) {
        if (name.rfind(word, 0) == 0) {
            return mode;
        }
    }

    return AppMode::chat;
}

std::string read(const fs::path &path)
{
    std::ifstream      file(path, std::ios::binary);
    std::ostringstream out;
    out << file.rdbuf();

    return out.str();
}

struct Case {
    explicit Case(const fs::path &path)
        : name(path.filename()), mode(mode_of(name)),
          output(read(path / "output")),
          bytes(read(path / "answer.dify.sse")),
          events(read(path / "events.txt"))
    {
        output.erase(output.find_last_not_of('\n') + 1);
    }

    std::string name;
    AppMode     mode;
    std::string output;
    std::string bytes;
    std::string events;
};

// `cuts` are ascending positions at which the bytes are parted.
std::string events_of(const Case &one, const std::vector<std::size_t> &cuts)
{
    const Limits           limits;
    Dump                   dump;
    dify::StreamDecoder    decoder(one.mode, limits, dump, true, one.output);
    wire::SseParser        parser(limits.max_event_bytes);
    const std::string_view bytes = one.bytes;
    std::size_t            from = 0;

    for (const std::size_t cut : cuts) {
        parser.feed(bytes.substr(from, cut - from), decoder);
        from = cut;
    }

    parser.feed(bytes.substr(from), decoder);
    parser.finish(decoder);

    dump.line("task " + decoder.task_id());
    dump.line("conversation " + decoder.conversation_id());
    dump.line("message " + decoder.message_id());
    dump.line("skipped " + std::to_string(decoder.skipped()));
    if (!decoder.over()) {
        dump.line("not over");
    }

    return dump.take();
}

std::vector<fs::path> cases()
{
    std::vector<fs::path> out;
    for (const auto &entry : fs::directory_iterator(OPENDIFY_GOLDEN_DIR)) {
        if (fs::exists(entry.path() / "events.txt")) {
            out.push_back(entry.path());
        }
    }

    std::sort(out.begin(), out.end());

    return out;
}

TEST(DifyGolden, CasesAreThere)
{
    EXPECT_GE(cases().size(), 110u);
}

TEST(DifyGolden, Whole)
{
    for (const fs::path &path : cases()) {
        const Case one(path);
        EXPECT_EQ(one.events, events_of(one, {})) << one.name;
    }
}

TEST(DifyGolden, ByteByByte)
{
    for (const fs::path &path : cases()) {
        const Case one(path);

        std::vector<std::size_t> cuts;
        for (std::size_t i = 1; i < one.bytes.size(); i++) {
            cuts.push_back(i);
        }

        EXPECT_EQ(one.events, events_of(one, cuts)) << one.name;
    }
}

TEST(DifyGolden, RandomCuts)
{
    std::mt19937 random(20261);

    for (const fs::path &path : cases()) {
        const Case one(path);

        for (int round = 0; round < 20; round++) {
            std::vector<std::size_t> cuts;
            for (std::size_t n = random() % 30; n > 0; n--) {
                cuts.push_back(random() % (one.bytes.size() + 1));
            }

            std::sort(cuts.begin(), cuts.end());
            EXPECT_EQ(one.events, events_of(one, cuts)) << one.name;
        }
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
