// Clients that cost little: one thread, epoll, HTTP/1.1 or HTTP/2.
//
//     load PORT PATH BODY CONNECTIONS REQUESTS [http2] [hold]
//          [ramp=MS] [stall=MS] [limit=S]
//
// Each connection has one request under way at a time. Prints what was seen
// as one JSON object; any answer but a whole 200 is the end. hold: says "open"
// when every connection has got something, and stays until stdin is closed.
// ramp: over which time the first requests are spread. stall: nothing is read
// for so long.

#include <algorithm>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "net.hpp"

namespace {

using bench::now_us;

constexpr std::size_t kRead = 64 * 1024;

struct Options {
    int         port = 0;
    std::string path;
    std::string body;
    int         connections = 1;
    int         requests = 1;
    bool        http2 = false;
    bool        hold = false;
    int         ramp_ms = 0;
    int         stall_ms = 0;
    int         limit_s = 60;
};

enum class Place { head, size, data, data_end, trailer, frame };

struct Client {
    int           fd = -1;
    bool          busy = false;
    Place         place = Place::head;
    std::string   kept;            // a head or frame that is not whole
    std::size_t   left = 0;        // of the chunk or the body
    bool          chunked = false;
    bool          after_lf = false;
    bool          line_empty = true;
    bool          ended = false;
    std::uint32_t stream = 0;
    std::int64_t  sent_at = 0;
    std::int64_t  read_at = 0;     // of the last piece of the body, or 0
};

Options                   options;
std::vector<Client>       clients;
std::vector<std::int64_t> firsts;
std::vector<std::int64_t> gaps;
std::uint64_t             body_bytes;
std::uint64_t             event_count;
int                       started;
int                       done;

[[noreturn]] void refuse(const char *why, std::string_view shown = {})
{
    std::fprintf(stderr, "load: %s: %.*s\n", why,
                 static_cast<int>(std::min<std::size_t>(shown.size(), 600)),
                 shown.data());
    std::exit(1);
}

void on_body(Client &c, std::string_view piece)
{
    body_bytes += piece.size();

    // Ends of events: an empty line.
    for (std::size_t at = 0; at < piece.size(); at++) {
        const void *lf = std::memchr(piece.data() + at, '\n',
                                     piece.size() - at);
        if (lf == nullptr) {
            c.after_lf = false;
            return;
        }

        auto to = static_cast<std::size_t>(static_cast<const char *>(lf)
                                           - piece.data());
        bool again = c.after_lf && to == at;
        event_count += again;
        c.after_lf = !again;
        at = to;
    }
}

// --- HTTP/1.1 ----------------------------------------------------------------

std::string request_http1()
{
    return "POST " + options.path + " HTTP/1.1\r\nHost: 127.0.0.1\r\n"
           "Content-Type: application/json\r\n"
           "Authorization: Bearer client\r\nContent-Length: "
           + std::to_string(options.body.size()) + "\r\n\r\n" + options.body;
}

void on_head(Client &c)
{
    constexpr std::string_view kLength = "\r\nContent-Length: ";

    if (c.kept.compare(0, 13, "HTTP/1.1 200 ") != 0) {
        refuse("unexpected answer", c.kept);
    }

    std::size_t at = c.kept.find(kLength);
    c.chunked = at == std::string::npos;

    if (c.chunked) {
        c.place = Place::size;

    } else {
        c.left = std::strtoul(c.kept.data() + at + kLength.size(), nullptr,
                              10);
        c.place = Place::data;
        c.ended = c.left == 0;
    }

    c.kept.clear();
}

std::size_t read_head(Client &c, std::string_view bytes)
{
    std::size_t before = c.kept.size();
    std::size_t from = before < 3 ? 0 : before - 3;

    c.kept.append(bytes);
    std::size_t end = c.kept.find("\r\n\r\n", from);

    if (end == std::string::npos) {
        return bytes.size();
    }

    c.kept.resize(end + 4);
    on_head(c);

    return end + 4 - before;
}

void on_size_line(Client &c)
{
    c.left = std::strtoul(c.kept.c_str(), nullptr, 16);
    c.kept.clear();
    c.place = c.left != 0 ? Place::data : Place::trailer;
    c.line_empty = true;
}

// Returns how many bytes were understood.
std::size_t step_http1(Client &c, std::string_view bytes)
{
    std::size_t n = 1;

    switch (c.place) {
    case Place::head:
        return read_head(c, bytes);

    case Place::size:
        if (bytes[0] == '\n') {
            on_size_line(c);

        } else {
            c.kept.push_back(bytes[0]);
        }
        break;

    case Place::data:
        n = std::min(c.left, bytes.size());
        on_body(c, bytes.substr(0, n));
        c.left -= n;
        if (c.left == 0) {
            c.place = Place::data_end;
            c.ended = !c.chunked;
        }
        break;

    case Place::data_end:
        if (bytes[0] == '\n') {
            c.place = Place::size;
        }
        break;

    case Place::trailer:
        if (bytes[0] == '\n') {
            c.ended = c.line_empty;
            c.line_empty = true;

        } else if (bytes[0] != '\r') {
            c.line_empty = false;
        }
        break;

    case Place::frame:
        break;
    }

    return n;
}

// --- HTTP/2 ------------------------------------------------------------------

constexpr std::size_t kFrameHead = 9;

std::string number(std::uint32_t value, int bytes)
{
    std::string out;
    for (int i = bytes - 1; i >= 0; i--) {
        out.push_back(static_cast<char>(value >> (8 * i)));
    }
    return out;
}

std::string frame(int type, int flags, std::uint32_t stream,
                  const std::string &payload)
{
    return number(static_cast<std::uint32_t>(payload.size()), 3)
           + static_cast<char>(type) + static_cast<char>(flags)
           + number(stream, 4) + payload;
}

// A header field without indexing; names by their place in the static table.
std::string field(const std::string &name, const std::string &value)
{
    return name + static_cast<char>(value.size()) + value;
}

std::string request_http2(Client &c)
{
    constexpr std::uint32_t kWindow = 0x7fffffff;
    std::string             out;

    if (c.stream == 0) {
        out = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
              + frame(4, 0, 0, number(4, 2) + number(kWindow, 4))
              + frame(8, 0, 0, number(kWindow - 65535, 4));
        c.stream = 1;

    } else {
        c.stream += 2;
    }

    std::string fields = "\x83\x86" + field("\x04", options.path)
                         + field("\x01", "127.0.0.1")
                         + field("\x0f\x10", "application/json")
                         + field("\x0f\x0d",
                                 std::to_string(options.body.size()));

    return out + frame(1, 4, c.stream, fields)
           + frame(0, 1, c.stream, options.body);
}

void on_frame(Client &c, int type, int flags, std::string_view payload)
{
    constexpr char kStatus200 = '\x88';

    switch (type) {
    case 0:
        on_body(c, payload);
        c.ended = (flags & 1) != 0;
        break;

    case 1:
        if (payload.substr(0, 2).find(kStatus200) == payload.npos) {
            refuse("unexpected status");
        }
        break;

    case 4:
        if ((flags & 1) == 0) {
            std::string ack = frame(4, 1, 0, "");
            send(c.fd, ack.data(), ack.size(), MSG_NOSIGNAL);
        }
        break;

    case 3:
    case 7:
        refuse("the stream or the connection was given up");

    default:
        break;
    }
}

std::size_t step_http2(Client &c, std::string_view bytes)
{
    c.kept.append(bytes);
    std::size_t at = 0;

    while (c.kept.size() - at >= kFrameHead) {
        auto  *head = reinterpret_cast<unsigned char *>(c.kept.data()) + at;
        size_t size = static_cast<std::size_t>(head[0]) << 16 | head[1] << 8
                      | head[2];

        if (c.kept.size() - at < kFrameHead + size) {
            break;
        }

        on_frame(c, head[3], head[4],
                 std::string_view(c.kept).substr(at + kFrameHead, size));
        at += kFrameHead + size;
    }

    c.kept.erase(0, at);

    return bytes.size();
}

// --- both --------------------------------------------------------------------

void start_request(Client &c)
{
    std::string request = options.http2 ? request_http2(c) : request_http1();

    c.place = options.http2 ? Place::frame : Place::head;
    c.busy = true;
    c.ended = c.after_lf = false;
    c.read_at = 0;
    c.sent_at = now_us();
    started++;

    if (send(c.fd, request.data(), request.size(), MSG_NOSIGNAL)
        != static_cast<ssize_t>(request.size()))
    {
        refuse("a request could not be sent");
    }
}

void open_client(Client &c)
{
    auto address = bench::loopback(options.port);

    c.fd = socket(AF_INET, SOCK_STREAM, 0);

    if (c.fd < 0
        || connect(c.fd, reinterpret_cast<sockaddr *>(&address),
                   sizeof(address)) != 0)
    {
        bench::die("connect");
    }

    bench::set(c.fd, IPPROTO_TCP, TCP_NODELAY, 1);
}

void note_time(Client &c)
{
    std::int64_t now = now_us();

    if (c.read_at == 0) {
        firsts.push_back(now - c.sent_at);

    } else {
        gaps.push_back(now - c.read_at);
    }

    c.read_at = now;
}

void on_readable(Client &c)
{
    static char buffer[kRead];

    ssize_t n = recv(c.fd, buffer, sizeof(buffer), MSG_DONTWAIT);
    if (n < 0 && errno == EAGAIN) {
        return;
    }

    if (n <= 0 || !c.busy) {
        refuse("the connection was closed, or has more than the answer");
    }

    std::string_view bytes(buffer, static_cast<std::size_t>(n));
    std::uint64_t    before = body_bytes;

    while (!bytes.empty()) {
        if (c.ended) {
            refuse("there is more than the answer");
        }

        bytes.remove_prefix(options.http2 ? step_http2(c, bytes)
                                          : step_http1(c, bytes));
    }

    if (body_bytes != before) {
        note_time(c);
    }

    if (c.ended) {
        c.busy = false;
        done++;
        if (started < options.requests) {
            start_request(c);
        }
    }
}

std::int64_t percentile(std::vector<std::int64_t> &values, int percent)
{
    if (values.empty()) {
        return 0;
    }

    auto at = values.begin()
              + static_cast<std::ptrdiff_t>((values.size() - 1)
                                            * static_cast<std::size_t>(percent)
                                            / 100);
    std::nth_element(values.begin(), at, values.end());

    return *at;
}

void print_result(std::int64_t took_us)
{
    std::printf("{\"requests\":%d,\"seconds\":%.6f,\"bytes\":%llu,"
                "\"events\":%llu,\"pieces\":%zu,\"first_p50\":%lld,\"first_p99\":%lld,"
                "\"gap_p50\":%lld,\"gap_p99\":%lld}\n",
                done, static_cast<double>(took_us) / 1e6,
                static_cast<unsigned long long>(body_bytes),
                static_cast<unsigned long long>(event_count),
                firsts.size() + gaps.size(),
                static_cast<long long>(percentile(firsts, 50)),
                static_cast<long long>(percentile(firsts, 99)),
                static_cast<long long>(percentile(gaps, 50)),
                static_cast<long long>(percentile(gaps, 99)));
}

bool take_word(std::string_view word)
{
    auto value = [&](std::string_view name, int &out) {
        bool same = word.substr(0, name.size()) == name;
        if (same) {
            out = std::atoi(word.data() + name.size());
        }
        return same;
    };

    if (word == "http2") {
        return options.http2 = true;
    }

    if (word == "hold") {
        return options.hold = true;
    }

    return value("ramp=", options.ramp_ms) || value("stall=", options.stall_ms)
           || value("limit=", options.limit_s);
}

bool take_arguments(int argc, char **argv)
{
    if (argc < 6) {
        return false;
    }

    options.port = std::atoi(argv[1]);
    options.path = argv[2];
    options.body = argv[3];
    options.connections = std::atoi(argv[4]);
    options.requests = std::max(std::atoi(argv[5]), options.connections);

    return options.connections > 0
           && std::all_of(argv + 6, argv + argc, take_word);
}

// Starts the clients whose time has come; returns ms to the next.
int start_due(int epoll, std::int64_t begin, std::size_t &next)
{
    constexpr int kIdle = 1000;

    for (; next < clients.size(); next++) {
        auto         index = static_cast<std::int64_t>(next);
        std::int64_t at = begin
                          + index * options.ramp_ms * 1000
                                / options.connections;
        std::int64_t wait = at - now_us();

        if (wait > 0) {
            return static_cast<int>(wait / 1000) + 1;
        }

        auto &c = clients[next];
        start_request(c);

        if (options.stall_ms > 0) {
            usleep(static_cast<useconds_t>(options.stall_ms) * 1000);
        }

        bench::watch(epoll, c.fd, &c, EPOLLIN);
    }

    return kIdle;
}

// True when it is over.
bool is_over(bool &said)
{
    if (!options.hold) {
        return done == options.requests;
    }

    if (!said && firsts.size() == clients.size()) {
        std::puts("open");
        std::fflush(stdout);
        said = true;
    }

    return false;
}

}  // namespace

int main(int argc, char **argv)
{
    if (!take_arguments(argc, argv)) {
        refuse("load PORT PATH BODY CONNECTIONS REQUESTS [http2] [hold] "
               "[ramp=MS] [stall=MS] [limit=S]");
    }

    int         epoll = epoll_create1(0);
    std::size_t next = 0;
    bool        said = false;

    clients.resize(static_cast<std::size_t>(options.connections));
    std::for_each(clients.begin(), clients.end(), open_client);

    if (options.hold) {
        bench::watch(epoll, 0, nullptr, EPOLLIN);
    }

    std::int64_t begin = now_us();

    while (!is_over(said)) {
        epoll_event events[256];
        int wait = start_due(epoll, begin, next);
        int n = epoll_wait(epoll, events, 256, wait);

        for (int i = 0; i < n; i++) {
            if (events[i].data.ptr == nullptr) {
                return 0;
            }

            on_readable(*static_cast<Client *>(events[i].data.ptr));
        }

        if (now_us() - begin > options.limit_s * 1000000ll) {
            refuse("out of time");
        }
    }

    print_result(now_us() - begin);
}
