// What chat clients really sent, turn after turn, in words of our own
// (sequences.json): which requests find the conversation of which answer, with
// the map that the module uses.
//
//     new         no history: a new conversation
//     continue N  the conversation that request N had to itself so far
//     fork N      the history ends with the answer to N, but its conversation
//                 has moved on, or it is another chat's: a new conversation
//     replay      a history that no conversation had: a new conversation
//     auxiliary   a request of the client's own
//
// "off" is what it finds where the client forwards neither user nor chat, if
// that differs. "composed" ones, after the facts whose numbers they have, and
// what else a request tells ("ends", "id", "parent", "user") are for
// t/test_sequences.py.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <map>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "opendify/auxiliary.hpp"
#include "opendify/conversation_map.hpp"
#include "opendify/endpoint.hpp"
#include "opendify/fingerprint.hpp"
#include "opendify/limits.hpp"
#include "wire/json_reader.hpp"
#include "unit/history_digest.hpp"

namespace opendify {
namespace {

using wire::JsonDocument;
using wire::JsonValue;

const char *const kFile = OPENDIFY_GOLDEN_DIR "/../unit/state/sequences.json";

constexpr std::uint32_t kNow = 1000;
constexpr std::uint32_t kTtl = 100;

// What became of the requests of one sequence.
class Replay {
public:
    explicit Replay(unsigned seed, bool forwards = true)
        : random_(seed), forwards_(forwards), memory_(1 << 14),
          map_(memory_.data())
    {
        ConversationMap::format(memory_.data(),
                                memory_.size() * sizeof(memory_[0]));
    }

    std::string next(JsonValue request)
    {
        std::string body;
        request["body"].write(body);

        Result<Turn> turn = decode_chat_request(body, Limits{});
        if (!turn) {
            return "refused";
        }

        count_++;

        if (is_auxiliary(*turn, { request["task"].string(),
                                  request["message_id"].string() }))
        {
            return "auxiliary";
        }

        scope_ = digest_of(
            { turn->model, forwards_ ? request["chat"].string() : "" });
        app_ = turn->model;
        return ask(*turn, request["reply"]);
    }

private:
    std::string ask(const Turn &turn, JsonValue reply)
    {
        Digest history;
        Mapping taken = {};
        std::string outcome = "new";

        if (history_digest(turn, history)) {
            outcome = "replay";

            if (map_.take(scope_, scoped(history), kNow, kTtl, taken)
                == Taken::yes)
            {
                outcome = "continue " + newest_[std::string(taken.id.view())];

            } else if (answers_.count({ app_, history }) > 0) {
                outcome = "fork " + answers_[{ app_, history }];
            }
        }

        if (reply) {
            answer(turn, reply.string(), taken.id);

        } else if (!taken.id.view().empty()) {
            map_.put(taken, kNow);
        }

        return outcome;
    }

    void answer(const Turn &turn, std::string_view reply, ConversationId id)
    {
        const std::string number = std::to_string(count_);
        Fingerprint fingerprint = turn_fingerprint(turn);

        fingerprint.begin(Role::assistant);
        while (!reply.empty()) {
            const std::size_t size =
                std::min<std::size_t>(random_() % 9 + 1, reply.size());
            fingerprint.add(reply.substr(0, size));
            reply.remove_prefix(size);
        }

        if (id.view().empty()) {
            ASSERT_TRUE(id.assign("conversation " + number));
        }

        map_.put({ scope_, scoped(fingerprint.digest()), {}, id }, kNow);
        newest_[std::string(id.view())] = number;
        answers_[{ app_, fingerprint.digest() }] = number;
    }

    Digest scoped(const Digest &head) const
    {
        return digest_of({ bytes(scope_), bytes(head) });
    }

    static std::string_view bytes(const Digest &digest)
    {
        return { reinterpret_cast<const char *>(digest.data()),
                 digest.size() };
    }

    std::mt19937 random_;
    bool forwards_;
    std::vector<std::uint64_t> memory_;
    ConversationMap map_;
    Digest scope_ = {};
    std::string app_;
    int count_ = 0;
    std::map<std::string, std::string> newest_;  // conversation -> request
    std::map<std::pair<std::string, Digest>, std::string> answers_;
};

std::map<std::string, int> replay_all(JsonValue sequences, unsigned seed,
                                      bool forwards = true)
{
    std::map<std::string, int> outcomes;

    for (JsonValue one = sequences.first(); one; one = one.next()) {
        Replay replay(seed, forwards);
        int number = 0;

        for (JsonValue request = one.first(); request;
             request = request.next())
        {
            const std::string outcome = replay.next(request);

            number++;

            EXPECT_EQ(outcome, !forwards && request["off"]
                                   ? request["off"].string()
                                   : request["is"].string())
                << one.name() << ", request " << number;
            outcomes[outcome.substr(0, outcome.find(' '))]++;
        }
    }

    return outcomes;
}

class Sequences : public testing::Test {
protected:
    void SetUp() override
    {
        std::ifstream in(kFile, std::ios::binary);
        const std::string text{ std::istreambuf_iterator<char>(in), {} };
        ASSERT_TRUE(document_.parse(text, 64)) << kFile;
    }

    JsonDocument document_;
};

TEST_F(Sequences, OfOpenWebUi)
{
    for (unsigned seed = 0; seed < 20; seed++) {
        auto outcomes = replay_all(document_.root()["open-webui-0.12.4"],
                                   seed, seed % 2 == 0);

        EXPECT_EQ(outcomes["new"], 59);
        EXPECT_EQ(outcomes["continue"] + outcomes["fork"], 54);
        EXPECT_EQ(outcomes["replay"], 6);
        EXPECT_EQ(outcomes["auxiliary"], 26);
    }
}

TEST_F(Sequences, OfOthers)
{
    auto outcomes = replay_all(document_.root()["others"], 1);

    EXPECT_EQ(outcomes["continue"], 8);
}

}  // namespace
}  // namespace opendify
