// Prints what the decoder makes of a folder of recorded answers, one line per
// case: `case | outcome`. A case is a directory with `body.raw`; the first
// word of its name tells the kind of app. Bodies that are no stream are left
// out.

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

#include "dify/decode_stream.hpp"
#include "dify/short_text.hpp"
#include "opendify/endpoint.hpp"
#include "wire/sse_parser.hpp"

namespace {

namespace fs = std::filesystem;
using namespace opendify;

constexpr std::size_t kShownChars = 48;

// Counts what came and keeps the beginning of it.
struct Outcome : TurnSink {
    void on_event(const TurnEvent &event) override
    {
        switch (event.kind) {
        case TurnEvent::Kind::text:
            text += event.text;
            break;

        case TurnEvent::Kind::reasoning:
            reasoning += event.text.size();
            break;

        case TurnEvent::Kind::reasoning_end:
            break;

        case TurnEvent::Kind::replace:
            text = event.text;
            replaced = true;
            break;

        case TurnEvent::Kind::step:
            steps++;
            break;

        case TurnEvent::Kind::citation:
            citations++;
            break;

        case TurnEvent::Kind::file:
            files++;
            break;

        case TurnEvent::Kind::form:
            form = true;
            break;

        case TurnEvent::Kind::usage:
            usage = std::to_string(event.usage->prompt_tokens) + "+"
                    + std::to_string(event.usage->completion_tokens);
            break;

        case TurnEvent::Kind::error:
            last = "error " + code_of(*event.failure) + " \""
                   + dify::one_line(event.failure->message, kShownChars)
                   + "\"";
            break;

        case TurnEvent::Kind::end:
            last = event.finish == FinishReason::stop ? "end"
                   : event.finish == FinishReason::length
                       ? "end by length"
                       : "end by content_filter";
            break;
        }
    }

    std::string line(std::size_t skipped) const
    {
        std::ostringstream out;
        out << "text " << text.size();
        if (!text.empty()) {
            out << " \"" << dify::one_line(text, kShownChars) << "\"";
        }

        out << (replaced ? ", replaced" : "");
        count(out, "reasoning", reasoning);
        count(out, "steps", steps);
        count(out, "citations", citations);
        count(out, "files", files);
        out << (form ? ", form" : "");
        out << (usage.empty() ? "" : ", usage " + usage);
        count(out, "skipped", skipped);
        out << ", " << last;

        return out.str();
    }

    static std::string code_of(const Failure &failure)
    {
        const ErrorHead head = error_head(failure.errc);

        return failure.code.empty() ? std::string(head.code) : failure.code;
    }

    static void count(std::ostream &out, const char *what, std::size_t n)
    {
        if (n > 0) {
            out << ", " << what << " " << n;
        }
    }

    std::string text, usage;
    std::string last = "no end";
    std::size_t reasoning = 0, steps = 0, citations = 0, files = 0;
    bool        replaced = false, form = false;
};

AppMode mode_of(const std::string &name)
{
    const std::string kind = name.substr(0, name.find('-'));

    return kind == "agent"      ? AppMode::agent_chat
           : kind == "newagent" ? AppMode::agent
           : kind == "chatflow" ? AppMode::chatflow
                                : app_mode_from_name(kind);
}

std::string read(const fs::path &path)
{
    std::ifstream      file(path, std::ios::binary);
    std::ostringstream out;
    out << file.rdbuf();

    return out.str();
}

void show(const fs::path &path)
{
    const std::string bytes = read(path / "body.raw");
    if (bytes.rfind("data:", 0) != 0 && bytes.rfind("event:", 0) != 0) {
        return;
    }

    const std::string   name = path.filename();
    const Limits        limits;
    Outcome             outcome;
    dify::StreamDecoder decoder(mode_of(name), limits, outcome, true);
    wire::SseParser     parser(limits.max_event_bytes);

    parser.feed(bytes, decoder);
    decoder.close();
    parser.finish(decoder);
    decoder.finish();
    std::cout << name << " | " << outcome.line(decoder.skipped()) << "\n";
}

}  // namespace

int main(int argc, char **argv)
{
    if (argc != 2) {
        std::cerr << "usage: recordings_outcome DIRECTORY\n";
        return 2;
    }

    std::vector<fs::path> cases;
    for (const auto &entry : fs::directory_iterator(argv[1])) {
        cases.push_back(entry.path());
    }

    std::sort(cases.begin(), cases.end());
    for (const fs::path &path : cases) {
        show(path);
    }
}
