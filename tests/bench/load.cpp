// Clients that cost little: one thread, epoll, HTTP/1.1 or HTTP/2.
//
//     load PORT PATH BODY CONNECTIONS REQUESTS [http2] [tls] [hold]
//          [ramp=MS] [stall=MS] [limit=S] [lag]
//
// Each connection has one request under way at a time. Prints what was seen
// as one JSON object; any answer but a whole 200 is the end. hold: says "open"
// when every connection has got something, and stays until stdin is closed.
// ramp: over which time the first requests are spread. stall: nothing is read
// for so long. lag: texts are times of KIND t, and their age is noted.

#include <algorithm>
#include <string_view>
#include <vector>

#include "client.hpp"

namespace {

using namespace bench;

constexpr std::size_t kRead = 64 * 1024;

std::vector<Client>       clients;
std::vector<std::int64_t> firsts;
std::vector<std::int64_t> gaps;
int                       started;
int                       done;

void start_request(Client &c)
{
    std::string request = options.http2 ? request_http2(c) : request_http1();

    c.place = options.http2 ? Place::frame : Place::head;
    c.busy = true;
    c.ended = c.after_lf = false;
    c.read_at = 0;
    c.sent_at = now_us();
    started++;

    if (!c.socket.write(request)) {
        refuse("a request could not be sent");
    }
}

void open_client(Client &c)
{
    c.socket.open(options.port, options.tls);
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

// False: there is nothing to be read.
bool read_some(Client &c)
{
    static char buffer[kRead];

    int n = c.socket.read(buffer, sizeof(buffer));
    if (n == 0) {
        return false;
    }

    if (n < 0 || !c.busy) {
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

    return true;
}

void on_readable(Client &c)
{
    while (read_some(c) && c.socket.keeps_bytes()) {
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
                "\"events\":%llu,\"pieces\":%zu,"
                "\"first_p50\":%lld,\"first_p99\":%lld,"
                "\"gap_p50\":%lld,\"gap_p99\":%lld,"
                "\"texts\":%zu,\"lag_p50\":%lld,\"lag_max\":%lld}\n",
                done, static_cast<double>(took_us) / 1e6,
                static_cast<unsigned long long>(body_bytes),
                static_cast<unsigned long long>(event_count),
                firsts.size() + gaps.size(),
                static_cast<long long>(percentile(firsts, 50)),
                static_cast<long long>(percentile(firsts, 99)),
                static_cast<long long>(percentile(gaps, 50)),
                static_cast<long long>(percentile(gaps, 99)), lags.size(),
                static_cast<long long>(percentile(lags, 50)),
                static_cast<long long>(percentile(lags, 100)));
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

    if (word == "tls") {
        return options.tls = true;
    }

    if (word == "lag") {
        return options.lag = true;
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

        bench::watch(epoll, c.socket.fd, &c, EPOLLIN);
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
        refuse("load PORT PATH BODY CONNECTIONS REQUESTS [http2] [tls] "
               "[hold] [ramp=MS] [stall=MS] [limit=S] "
               "[lag]");
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
