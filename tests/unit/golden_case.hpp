// A directory of golden/: one question and its answer, on both sides.
//
//     request.openai.json  what the client sends
//     request.dify.json    the calls that it becomes, a line each
//     answer.dify.sse      what Dify answers
//     events.txt           what that means
//     answer.openai.sse    what the client of a stream gets
//     answer.openai.json   what a client gets that asked for no stream
//     parameters.dify.json what the app says it takes, if it was asked
//     form.dify.json       the form that the question answers
//     options              the server's and the test's, a line each, below
//
// An answer that is no 200 is a line {"status":...,"headers":...,"body":...}
// in both files. A question that Dify is not asked has no files of Dify's. The
// case's first word names the kind of app.

#ifndef OPENDIFY_TESTS_GOLDEN_CASE_HPP
#define OPENDIFY_TESTS_GOLDEN_CASE_HPP

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <random>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "opendify/backend.hpp"

namespace opendify::golden {

namespace fs = std::filesystem;

using Cuts = std::vector<std::size_t>;

inline std::string read_file(const fs::path &path)
{
    std::ifstream      file(path, std::ios::binary);
    std::ostringstream out;
    out << file.rdbuf();

    return out.str();
}

inline AppMode mode_of(const std::string &name)
{
    if (name.rfind("agent-1.1", 0) == 0) {
        return AppMode::agent;
    }

    for (const auto &[word, mode] :
         {std::pair{"agent-", AppMode::agent_chat},
          std::pair{"chatflow-", AppMode::chatflow},
          std::pair{"completion-", AppMode::completion},
          std::pair{"workflow-", AppMode::workflow},
          std::pair{"unknown-", AppMode::unknown}}) {
        if (name.rfind(word, 0) == 0) {
            return mode;
        }
    }

    return AppMode::chat;
}

// Lines of a word and its value. As directives and parameters of the server:
//
//     reasoning, steps, footnotes, moderation_window (ms), files_origin,
//     system_input, query_input, output, input (several: name, JSON),
//     continue_text
//
// and as facts of the test:
//
//     endpoint completions  the question came to /v1/completions
//     kind NAME             of the app, where the case has the decoder guess
//     conversation ID       the one that the history belongs to
//     suggested TEXT        a question that Dify suggests (several)
struct Options {
    explicit Options(const std::string &text)
    {
        std::istringstream in(text);

        for (std::string line; std::getline(in, line);) {
            const std::size_t blank = std::min(line.find(' '), line.size());
            lines.emplace_back(line.substr(0, blank),
                               line.substr(std::min(blank + 1, line.size())));
        }
    }

    std::vector<std::string> all(const std::string &word) const
    {
        std::vector<std::string> out;

        for (const auto &[name, value] : lines) {
            if (name == word) {
                out.push_back(value);
            }
        }

        return out;
    }

    const std::string &one(const std::string &word) const
    {
        static const std::string none;

        for (const auto &[name, value] : lines) {
            if (name == word) {
                return value;
            }
        }

        return none;
    }

    std::vector<std::pair<std::string, std::string>> lines;
};

struct Case {
    explicit Case(const fs::path &path)
        : dir(path), name(path.filename()), mode(mode_of(name)),
          options(read("options")), bytes(read("answer.dify.sse"))
    {
    }

    std::string read(const char *file) const { return read_file(dir / file); }

    fs::path    dir;
    std::string name;
    AppMode     mode;
    Options     options;
    std::string bytes;
};

inline std::vector<Case> cases()
{
    std::vector<Case> out;

    for (const auto &entry : fs::directory_iterator(OPENDIFY_GOLDEN_DIR)) {
        if (fs::is_directory(entry)) {
            out.emplace_back(entry.path());
        }
    }

    std::sort(out.begin(), out.end(),
              [](const Case &a, const Case &b) { return a.name < b.name; });

    return out;
}

// Whole, byte by byte and at random cuts: ascending positions.
inline void each_cut(const Case &one,
                     const std::function<void(const Cuts &)> &check)
{
    std::mt19937 random(20261);
    Cuts         bytes;

    for (std::size_t i = 1; i < one.bytes.size(); i++) {
        bytes.push_back(i);
    }

    check({});
    check(bytes);

    // One difference is enough to read.
    for (int round = 0; round < 20 && !testing::Test::HasFailure(); round++)
    {
        Cuts cuts;

        for (std::size_t n = random() % 30; n > 0; n--) {
            cuts.push_back(random() % (one.bytes.size() + 1));
        }

        std::sort(cuts.begin(), cuts.end());
        check(cuts);
    }
}

template <class Feed>
void feed_in_pieces(std::string_view bytes, const Cuts &cuts, Feed &&feed)
{
    std::size_t from = 0;

    for (const std::size_t cut : cuts) {
        feed(bytes.substr(from, cut - from));
        from = cut;
    }

    feed(bytes.substr(from));
}

// OPENDIFY_GOLDEN_UPDATE=1 writes what is, to be read before it is committed.
inline void expect_file(const Case &one, const char *file,
                        const std::string &actual)
{
    const char *update = std::getenv("OPENDIFY_GOLDEN_UPDATE");

    if (update != nullptr && std::string(update) == "1" && !actual.empty()) {
        std::ofstream(one.dir / file, std::ios::binary) << actual;
    }

    EXPECT_EQ(one.read(file), actual) << one.name << "/" << file;
}

}  // namespace opendify::golden

#endif
