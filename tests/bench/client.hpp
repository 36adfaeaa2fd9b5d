// What a client of the load sends and understands, in HTTP/1.1 and HTTP/2.

#ifndef OPENDIFY_BENCH_CLIENT_HPP
#define OPENDIFY_BENCH_CLIENT_HPP

#include <algorithm>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "socket.hpp"

namespace bench {

struct Options {
    int         port = 0;
    std::string path;
    std::string body;
    int         connections = 1;
    int         requests = 1;
    bool        http2 = false;
    bool        tls = false;
    bool        hold = false;
    int         ramp_ms = 0;
    int         stall_ms = 0;
    int         limit_s = 60;
    bool        lag = false;
};

enum class Place { head, size, data, data_end, trailer, frame };

struct Client {
    Socket        socket;
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
    int           digits = -1;     // seen of a time of the upstream's
    std::int64_t  stamp = 0;
};

inline Options       options;
inline std::uint64_t body_bytes;
inline std::uint64_t event_count;
inline std::vector<std::int64_t> lags;  // of texts that say when they were sent

[[noreturn]] inline void refuse(const char *why, std::string_view shown = {})
{
    std::fprintf(stderr, "load: %s: %.*s\n", why,
                 static_cast<int>(std::min<std::size_t>(shown.size(), 600)),
                 shown.data());
    std::exit(1);
}

inline void note_lags(Client &c, std::string_view piece)
{
    std::int64_t now = now_us();

    for (char byte : piece) {
        if (byte == '@') {
            c.digits = 0;
            c.stamp = 0;

        } else if (c.digits >= 0) {
            c.stamp = c.stamp * 10 + (byte - '0');

            if (++c.digits == kStampDigits) {
                lags.push_back(now - c.stamp);
                c.digits = -1;
            }
        }
    }
}

inline void on_body(Client &c, std::string_view piece)
{
    body_bytes += piece.size();

    if (options.lag) {
        note_lags(c, piece);
    }

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

inline std::string request_http1()
{
    return "POST " + options.path + " HTTP/1.1\r\nHost: 127.0.0.1\r\n"
           "Content-Type: application/json\r\n"
           "Authorization: Bearer client\r\nContent-Length: "
           + std::to_string(options.body.size()) + "\r\n\r\n" + options.body;
}

inline void on_head(Client &c)
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

inline std::size_t read_head(Client &c, std::string_view bytes)
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

inline void on_size_line(Client &c)
{
    c.left = std::strtoul(c.kept.c_str(), nullptr, 16);
    c.kept.clear();
    c.place = c.left != 0 ? Place::data : Place::trailer;
    c.line_empty = true;
}

// Returns how many bytes were understood.
inline std::size_t step_http1(Client &c, std::string_view bytes)
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

inline std::string number(std::uint32_t value, int bytes)
{
    std::string out;
    for (int i = bytes - 1; i >= 0; i--) {
        out.push_back(static_cast<char>(value >> (8 * i)));
    }
    return out;
}

inline std::string frame(int type, int flags, std::uint32_t stream,
                  const std::string &payload)
{
    return number(static_cast<std::uint32_t>(payload.size()), 3)
           + static_cast<char>(type) + static_cast<char>(flags)
           + number(stream, 4) + payload;
}

// A header field without indexing; names by their place in the static table.
inline std::string field(const std::string &name, const std::string &value)
{
    return name + static_cast<char>(value.size()) + value;
}

inline std::string request_http2(Client &c)
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

inline void on_frame(Client &c, int type, int flags, std::string_view payload)
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
            c.socket.write(ack);
        }
        break;

    case 3:
    case 7:
        refuse("the stream or the connection was given up");

    default:
        break;
    }
}

inline std::size_t step_http2(Client &c, std::string_view bytes)
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

}  // namespace bench

#endif
