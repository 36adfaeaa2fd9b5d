// What both ends of a measurement share.

#ifndef OPENDIFY_BENCH_NET_HPP
#define OPENDIFY_BENCH_NET_HPP

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>

namespace bench {

constexpr int kStampDigits = 15;

[[noreturn]] inline void die(const char *what)
{
    std::perror(what);
    std::exit(1);
}

inline std::int64_t now_us()
{
    timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);

    return static_cast<std::int64_t>(t.tv_sec) * 1000000 + t.tv_nsec / 1000;
}

inline sockaddr_in loopback(int port)
{
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);

    return address;
}

inline void set(int fd, int level, int option, int value)
{
    setsockopt(fd, level, option, &value, sizeof(value));
}

inline void watch(int epoll, int fd, void *data, std::uint32_t events)
{
    epoll_event event = {};
    event.events = events;
    event.data.ptr = data;

    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0) {
        die("epoll_ctl");
    }
}

}  // namespace bench

#endif
