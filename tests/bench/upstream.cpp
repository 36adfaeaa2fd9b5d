// A Dify that costs little: one thread, epoll, answers from a template.
//
//     upstream PORT
//
// What is answered to a POST stands somewhere in its body, and so is the same
// however the request is written:
//
//     bench:KIND:EVENTS:BURST:GAP_US:TEXT_BYTES;
//
// KIND s: a stream of EVENTS events with a text of TEXT_BYTES each and one
// message_end, every BURST of them in one write, GAP_US between writes; each
// event is an HTTP chunk, as Dify sends them. KIND o: the same, left open.
// KIND t: a stream whose texts are the times at which they were sent: "@" and
// kStampDigits digits, in us of CLOCK_MONOTONIC. KIND j: one JSON reply with
// all of the text. GET: the bytes sent so far.

#include <algorithm>
#include <queue>
#include <string>
#include <string_view>
#include <vector>

#include "net.hpp"

namespace {

using bench::now_us;

constexpr std::size_t kRead = 64 * 1024;
constexpr std::string_view kStreamHead =
    "HTTP/1.1 200 OK\r\nServer: gunicorn\r\n"
    "Content-Type: text/event-stream; charset=utf-8\r\n"
    "X-Version: 1.13.0\r\nTransfer-Encoding: chunked\r\n\r\n";
constexpr std::string_view kUsage =
    "{\"annotation_reply\":null,\"retriever_resources\":[],\"usage\":{"
    "\"prompt_tokens\":10,\"prompt_unit_price\":\"0\","
    "\"prompt_price_unit\":\"0\",\"prompt_price\":\"0\","
    "\"completion_tokens\":64,\"completion_unit_price\":\"0\","
    "\"completion_price_unit\":\"0\",\"completion_price\":\"0\","
    "\"total_tokens\":74,\"total_price\":\"0\",\"currency\":\"USD\","
    "\"latency\":0.107,\"time_to_first_token\":0.05,"
    "\"time_to_generate\":0.057}}";

struct Spec {
    char kind = 0;
    int  events = 1;
    int  burst = 1;
    int  gap_us = 0;
    int  text_bytes = 6;
};

struct Connection {
    int           fd = -1;
    std::string   in;
    std::string   out;
    std::size_t   out_at = 0;
    Spec          spec;
    int           left = 0;       // events to come, message_end among them
    std::uint64_t turn = 0;       // a due time of an older turn is void
    bool          open = false;   // an answer is under way
    std::string   event;
    std::string   event_end;
    std::size_t   stamp_at = 0;   // in event; KIND t
};

struct Due {
    std::int64_t  at;
    Connection   *connection;
    std::uint64_t turn;

    bool operator<(const Due &other) const { return at > other.at; }
};

std::priority_queue<Due>  due;
std::vector<Connection *> all;  // by descriptor, used again, never freed
std::uint64_t             turns;
std::uint64_t             sent;

std::string uuid(std::uint64_t number)
{
    char text[40];
    std::snprintf(text, sizeof(text), "8f4e21aa-5a0b-4c1d-9d55-%012llx",
                  static_cast<unsigned long long>(number));
    return text;
}

std::string chunk(const std::string &data)
{
    char size[24];
    std::snprintf(size, sizeof(size), "%zx\r\n", data.size());
    return size + data + "\r\n";
}

std::string text_of(int bytes)
{
    std::string text(static_cast<std::size_t>(bytes), 'a');
    text[0] = ' ';
    return text;
}

void make_events(Connection *c)
{
    std::string conversation = uuid(++turns);
    std::string message = uuid(turns + (1ull << 40));
    std::string envelope = "\",\"conversation_id\":\"" + conversation
                           + "\",\"message_id\":\"" + message
                           + "\",\"created_at\":1700000000,\"task_id\":\""
                           + uuid(turns + (2ull << 40)) + "\",\"id\":\""
                           + message;

    std::string text = c->spec.kind == 't'
                           ? "@" + std::string(bench::kStampDigits, '0')
                           : text_of(c->spec.text_bytes);

    c->event = chunk("data: {\"event\":\"message" + envelope
                     + "\",\"answer\":\"" + text + "\",\"from_variable_selector\":null}\n\n");
    c->stamp_at = c->event.find('@') + 1;
    c->event_end = chunk("data: {\"event\":\"message_end" + envelope
                         + "\",\"metadata\":" + std::string(kUsage)
                         + ",\"files\":null}\n\n");
}

void reply(Connection *c, const std::string &body)
{
    c->out.append("HTTP/1.1 200 OK\r\nServer: gunicorn\r\n"
                  "Content-Type: application/json\r\nContent-Length: ")
        .append(std::to_string(body.size()))
        .append("\r\n\r\n")
        .append(body);
}

void reply_turn(Connection *c)
{
    std::string id = uuid(++turns);

    reply(c, "{\"event\":\"message\",\"task_id\":\"" + id + "\",\"id\":\"" + id
                 + "\",\"message_id\":\"" + id + "\",\"conversation_id\":\""
                 + id + "\",\"mode\":\"chat\",\"answer\":\""
                 + text_of(c->spec.text_bytes * c->spec.events)
                 + "\",\"metadata\":" + std::string(kUsage)
                 + ",\"created_at\":1700000000}");
}

void add_event(Connection *c)
{
    std::size_t begin = c->out.size();

    c->out.append(c->event);

    if (c->spec.kind == 't') {
        char stamp[24];
        std::snprintf(stamp, sizeof(stamp), "%0*lld", bench::kStampDigits,
                      static_cast<long long>(now_us()));
        c->out.replace(begin + c->stamp_at, bench::kStampDigits, stamp);
    }
}

void add_burst(Connection *c)
{
    for (int i = 0; i < c->spec.burst && c->left > 0; i++) {
        c->left--;

        if (c->left > 0) {
            add_event(c);

        } else if (c->spec.kind != 'o') {
            c->out.append(c->event_end).append("0\r\n\r\n");
        }
    }
}

void close_it(Connection *c)
{
    close(c->fd);
    *c = Connection();
}

// False if the peer takes no more for now, or is gone.
bool flush(Connection *c)
{
    while (c->out_at < c->out.size()) {
        ssize_t n = send(c->fd, c->out.data() + c->out_at,
                         c->out.size() - c->out_at, MSG_NOSIGNAL);
        if (n <= 0) {
            if (n < 0 && errno != EAGAIN) {
                close_it(c);
            }
            return false;
        }

        sent += static_cast<std::uint64_t>(n);
        c->out_at += static_cast<std::size_t>(n);
    }

    c->out.clear();
    c->out_at = 0;

    return true;
}

// Writes, and without a gap goes on as long as the peer takes it.
void go_on(Connection *c)
{
    constexpr int kBurstsAtOnce = 64;

    for (int i = 0;; i++) {
        if (!flush(c)) {
            return;
        }

        if (c->left == 0) {
            c->open = c->open && c->spec.kind == 'o';
            return;
        }

        if (c->spec.gap_us > 0 || i == kBurstsAtOnce) {
            break;
        }

        add_burst(c);
    }

    due.push({now_us() + c->spec.gap_us, c, c->turn});
}

bool read_spec(std::string_view body, Spec &spec)
{
    std::size_t at = body.find("bench:");

    return at != body.npos
           && std::sscanf(body.data() + at, "bench:%c:%d:%d:%d:%d;",
                          &spec.kind, &spec.events, &spec.burst, &spec.gap_us,
                          &spec.text_bytes) == 5
           && spec.events > 0 && spec.burst > 0 && spec.text_bytes > 0;
}

void answer(Connection *c, std::string_view head, std::string_view body)
{
    c->spec = Spec();
    c->turn = turns + 1;

    if (head.substr(0, 4) == "GET ") {
        reply(c, "{\"sent\":" + std::to_string(sent) + "}");

    } else if (!read_spec(body, c->spec)) {
        reply(c, "{\"result\":\"success\"}");

    } else if (c->spec.kind == 'j') {
        reply_turn(c);

    } else {
        make_events(c);
        c->left = c->spec.events + 1;
        c->open = true;
        c->out.append(kStreamHead);
        add_burst(c);
    }

    go_on(c);
}

std::size_t body_size(std::string_view head)
{
    constexpr std::string_view kName = "content-length:";

    auto same = [](char a, char b) { return (a | 0x20) == (b | 0x20); };
    auto at = std::search(head.begin(), head.end(), kName.begin(),
                          kName.end(), same);

    return at == head.end()
               ? 0
               : std::strtoul(&*at + kName.size(), nullptr, 10);
}

void read_requests(Connection *c)
{
    static char buffer[kRead];

    for (;;) {
        ssize_t n = recv(c->fd, buffer, sizeof(buffer), 0);
        if (n <= 0) {
            if (n == 0 || errno != EAGAIN) {
                close_it(c);
                return;
            }
            break;
        }

        c->in.append(buffer, static_cast<std::size_t>(n));
        if (static_cast<std::size_t>(n) < sizeof(buffer)) {
            break;
        }
    }

    std::size_t end = c->in.find("\r\n\r\n");
    if (end == std::string::npos || c->open) {
        return;
    }

    std::string_view head = std::string_view(c->in).substr(0, end + 2);
    std::size_t      size = end + 4 + body_size(head);

    if (c->in.size() >= size) {
        std::string request = c->in.substr(0, size);
        c->in.erase(0, size);
        answer(c, std::string_view(request).substr(0, end),
               std::string_view(request).substr(end));
    }
}

void accept_all(int listener, int epoll)
{
    int fd;

    while ((fd = accept4(listener, nullptr, nullptr,
                         SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0)
    {
        auto index = static_cast<std::size_t>(fd);
        if (all.size() <= index) {
            all.resize(index + 1);
        }

        if (all[index] == nullptr) {
            all[index] = new Connection();
        }

        all[index]->fd = fd;
        bench::set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
        bench::watch(epoll, fd, all[index], EPOLLIN | EPOLLOUT | EPOLLET);
    }
}

// Returns how long nothing is due, -1 for ever.
std::int64_t run_due()
{
    const std::int64_t now = now_us();

    while (!due.empty() && due.top().at < now) {
        Due next = due.top();
        auto *c = next.connection;

        due.pop();
        if (c->fd >= 0 && c->turn == next.turn && c->out.empty()) {
            add_burst(c);
            go_on(c);
        }
    }

    return due.empty() ? -1
                       : std::max<std::int64_t>(due.top().at - now_us(), 0);
}

int listen_at(int port)
{
    int  listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    auto address = bench::loopback(port);

    bench::set(listener, SOL_SOCKET, SO_REUSEADDR, 1);
    if (bind(listener, reinterpret_cast<sockaddr *>(&address),
             sizeof(address)) != 0
        || listen(listener, 4096) != 0)
    {
        bench::die("listen");
    }

    return listener;
}

}  // namespace

int main(int argc, char **argv)
{
    if (argc != 2) {
        std::fprintf(stderr, "usage: upstream PORT\n");
        return 2;
    }

    int listener = listen_at(std::atoi(argv[1]));
    int epoll = epoll_create1(0);

    bench::watch(epoll, listener, nullptr, EPOLLIN);

    for (;;) {
        auto        wait_us = run_due();
        timespec    wait = {wait_us / 1000000, wait_us % 1000000 * 1000};
        epoll_event events[256];
        int         n = epoll_pwait2(epoll, events, 256,
                                     wait_us < 0 ? nullptr : &wait, nullptr);

        for (int i = 0; i < n; i++) {
            auto *c = static_cast<Connection *>(events[i].data.ptr);

            if (c == nullptr) {
                accept_all(listener, epoll);
                continue;
            }

            if (c->fd >= 0 && (events[i].events & EPOLLOUT)
                && !c->out.empty())
            {
                go_on(c);
            }

            if (c->fd >= 0 && (events[i].events & ~EPOLLOUT)) {
                read_requests(c);
            }
        }
    }
}
