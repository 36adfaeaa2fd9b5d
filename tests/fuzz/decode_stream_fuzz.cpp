// The first three bytes choose the kind of app, the limit and the cuts, the
// rest is the stream: however it is cut, and whether or not the frequent event
// is known again, the events are the same; all text is UTF-8; nothing follows
// an end or an error.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <iterator>
#include <random>
#include <string>
#include <string_view>

#include "dify/decode_stream.hpp"
#include "wire/sse_parser.hpp"
#include "wire/utf8.hpp"

namespace {

using opendify::AppMode;
using opendify::TurnEvent;

constexpr AppMode kModes[] = {
    AppMode::chat,  AppMode::agent_chat, AppMode::chatflow,
    AppMode::agent, AppMode::completion, AppMode::workflow,
    AppMode::unknown,
};

void require(bool held)
{
    if (!held) {
        std::abort();
    }
}

struct Transcript : opendify::TurnSink {
    void on_event(const TurnEvent &event) override
    {
        require(!over);
        text.push_back(static_cast<char>('A' + static_cast<int>(event.kind)));
        add(event.text);
        over = event.kind == TurnEvent::Kind::end
               || event.kind == TurnEvent::Kind::error;

        if (event.citation != nullptr) {
            require(!event.citation->url.empty()
                    && !event.citation->title.empty());
            add(event.citation->url);
            add(event.citation->title);
            add(event.citation->content);
        }

        if (event.file != nullptr) {
            require(!event.file->url.empty());
            add(event.file->url);
            add(event.file->name);
        }

        if (event.form != nullptr) {
            add(event.form->title);
            add(event.form->content);
            add(event.form->token);
            add(event.form->run_id);
            for (const auto &field : event.form->fields) {
                add(field.name);
                add(field.value);
            }

            for (const auto &action : event.form->actions) {
                add(action.id);
                add(action.title);
            }
        }

        if (event.usage != nullptr) {
            require(event.usage->total_tokens >= 0);
            add(std::to_string(event.usage->total_tokens));
        }

        if (event.failure != nullptr) {
            add(event.failure->message);
            add(event.failure->code);
        }

        if (event.kind == TurnEvent::Kind::step) {
            require(event.text.find('\n') == std::string_view::npos);
        }
    }

    void add(std::string_view part)
    {
        require(opendify::wire::is_utf8(part));
        text.append(std::to_string(part.size())).append(part);
    }

    std::string text;
    bool        over = false;
};

// Reads every event as a document: no two in a row begin with as many blanks.
struct General : opendify::wire::SseSink {
    explicit General(opendify::dify::StreamDecoder &to) : decoder(to) {}

    bool on_sse_event(const opendify::wire::SseEvent &event) override
    {
        if (event.cut) {
            return decoder.on_sse_event(event);
        }

        odd = !odd;
        data.assign(odd ? 1 : 0, ' ').append(event.data);

        return decoder.on_sse_event({event.type, data, false});
    }

    opendify::dify::StreamDecoder &decoder;
    std::string                    data;
    bool                           odd = false;
};

template <class Cut>
std::string transcript(std::string_view bytes, std::uint8_t kind,
                       std::size_t limit, Cut &&cut, bool general = false)
{
    const AppMode mode = kModes[kind % std::size(kModes)];
    Transcript    sink;

    opendify::Limits limits;
    limits.max_event_bytes = limit;

    opendify::dify::StreamDecoder decoder(mode, limits, sink, kind >= 128,
                                          kind % 2 == 0 ? "b" : "");
    opendify::wire::SseParser     parser(limit);
    General                       documents(decoder);
    opendify::wire::SseSink      &events =
        general ? static_cast<opendify::wire::SseSink &>(documents) : decoder;

    while (!bytes.empty()) {
        const std::size_t size = std::min<std::size_t>(cut(), bytes.size());
        const std::string copy(bytes.substr(0, size));
        parser.feed(copy, events);
        bytes.remove_prefix(size);
    }

    decoder.close();
    parser.finish(events);
    decoder.finish();
    require(decoder.over() == sink.over);

    return sink.text.append(decoder.task_id())
        .append(decoder.conversation_id())
        .append(decoder.message_id())
        .append(std::to_string(decoder.skipped()))
        .append(std::to_string(decoder.glued()))
        .append(std::to_string(decoder.broken()));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data,
                                      std::size_t size)
{
    if (size < 3) {
        return 0;
    }

    const std::uint8_t     kind = data[0];
    const std::size_t      limit = data[1] < 200 ? 1 << 20 : data[1];
    const std::string_view bytes(reinterpret_cast<const char *>(data + 3),
                                 size - 3);
    std::minstd_rand       random(data[2] + 1u);

    const std::string whole =
        transcript(bytes, kind, limit, [&] { return bytes.size(); });

    require(transcript(bytes, kind, limit, [&] { return random() % 99 + 1; })
            == whole);
    require(transcript(bytes, kind, limit, [&] { return bytes.size(); }, true)
            == whole);

    return 0;
}
