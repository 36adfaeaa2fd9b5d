// A client's end of a connection, plain or TLS. One read or write is one call
// of recv or send, or of OpenSSL.

#ifndef OPENDIFY_BENCH_SOCKET_HPP
#define OPENDIFY_BENCH_SOCKET_HPP

#include <fcntl.h>
#include <openssl/ssl.h>

#include <string_view>

#include "net.hpp"

namespace bench {

struct Socket {
    int  fd = -1;
    SSL *tls = nullptr;

    // The handshake is over when it returns; it is not what is measured.
    void open(int port, bool secure)
    {
        auto address = loopback(port);

        fd = socket(AF_INET, SOCK_STREAM, 0);

        if (fd < 0
            || connect(fd, reinterpret_cast<sockaddr *>(&address),
                       sizeof(address)) != 0)
        {
            die("connect");
        }

        set(fd, IPPROTO_TCP, TCP_NODELAY, 1);

        if (secure) {
            static SSL_CTX *context = SSL_CTX_new(TLS_client_method());

            tls = SSL_new(context);
            SSL_set_fd(tls, fd);

            if (SSL_connect(tls) != 1) {
                die("TLS handshake");
            }
        }

        fcntl(fd, F_SETFL, O_NONBLOCK);
    }

    bool write(std::string_view bytes)
    {
        const auto size = static_cast<int>(bytes.size());

        return (tls != nullptr
                    ? SSL_write(tls, bytes.data(), size)
                    : send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL))
               == size;
    }

    // How many bytes; 0: none are there yet; less: closed or broken.
    int read(char *to, std::size_t size)
    {
        if (tls == nullptr) {
            auto n = static_cast<int>(recv(fd, to, size, 0));

            return n > 0 ? n : n < 0 && errno == EAGAIN ? 0 : -1;
        }

        int n = SSL_read(tls, to, static_cast<int>(size));

        return n > 0                                            ? n
               : SSL_get_error(tls, n) == SSL_ERROR_WANT_READ ? 0
                                                                : -1;
    }

    // There may be bytes that epoll does not know of.
    bool keeps_bytes() const { return tls != nullptr; }
};

}  // namespace bench

#endif
