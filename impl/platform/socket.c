/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Stream sockets named by a text address. Any thread; os_connect and name lookups block. */
#include "platform/os.h"
#include "base/assert.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* Takes "HOST:PORT" or "[V6]:PORT" apart. Both results are the caller's to g_free(). */
static bool split_tcp(const char *text, char **ret_host, char **ret_port)
{
    const char *colon = strrchr(text, ':');
    const char *end;

    if (!colon || colon[1] == '\0') {
        return false;
    }
    end = colon;
    if (text[0] == '[') {
        if (colon == text || colon[-1] != ']') {
            return false;
        }
        text++;
        end = colon - 1;
    } else if (memchr(text, ':', colon - text)) {
        return false;       /* a bare IPv6 address is ambiguous */
    }
    *ret_host = g_strndup(text, end - text);
    *ret_port = g_strdup(colon + 1);
    return true;
}

int os_addr_check(const char *addr)
{
    g_autofree char *host = NULL, *port = NULL;
    struct sockaddr_un un;

    if (g_str_has_prefix(addr, "unix:")) {
        size_t len = strlen(addr + 5);
        return len > 0 && len < sizeof(un.sun_path) ? 0 : -EINVAL;
    }
    if (g_str_has_prefix(addr, "tcp:")) {
        return split_tcp(addr + 4, &host, &port) ? 0 : -EINVAL;
    }
    return -EINVAL;
}

static struct sockaddr_un unix_address(const char *path)
{
    struct sockaddr_un un = { .sun_family = AF_UNIX };

    g_strlcpy(un.sun_path, path, sizeof(un.sun_path));
    return un;
}

static int unix_listen(const char *path)
{
    struct sockaddr_un un = unix_address(path);
    struct stat st;
    int fd, err;

    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return -errno;
    }
    if (lstat(path, &st) == 0 && S_ISSOCK(st.st_mode)) {
        (void)unlink(path);         /* if it stays, bind says why */
    }
    if (bind(fd, (struct sockaddr *)&un, sizeof(un)) < 0 || listen(fd, SOMAXCONN) < 0) {
        err = errno;
        os_close(fd);
        return -err;
    }
    return fd;
}

static int unix_connect(const char *path)
{
    struct sockaddr_un un = unix_address(path);
    int fd, err;

    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -errno;
    }
    if (connect(fd, (struct sockaddr *)&un, sizeof(un)) < 0) {
        err = errno;
        os_close(fd);
        return -err;
    }
    return fd;
}

static int resolve(const char *text, bool passive, struct addrinfo **ret)
{
    g_autofree char *host = NULL, *port = NULL;
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = passive ? AI_PASSIVE : 0 };
    int r;

    if (!split_tcp(text, &host, &port)) {
        return -EINVAL;
    }
    r = getaddrinfo(*host ? host : NULL, port, &hints, ret);
    if (r == EAI_SYSTEM) {
        return -errno;
    }
    return r == 0 ? 0 : r == EAI_MEMORY ? -ENOMEM : -EADDRNOTAVAIL;
}

static int tcp_try(const struct addrinfo *ai, bool passive)
{
    static const int on = 1;
    int fd, err;

    fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC | (passive ? SOCK_NONBLOCK : 0), ai->ai_protocol);
    if (fd < 0) {
        return -errno;
    }
    if (passive) {
        (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
        if (bind(fd, ai->ai_addr, ai->ai_addrlen) == 0 && listen(fd, SOMAXCONN) == 0) {
            return fd;
        }
    } else if (connect(fd, ai->ai_addr, ai->ai_addrlen) == 0) {
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        return fd;
    }
    err = errno;
    os_close(fd);
    return -err;
}

/* The first address that works; the error of the last that did not. */
static int tcp_open(const char *text, bool passive)
{
    struct addrinfo *list, *ai;
    int r = resolve(text, passive, &list);

    if (r < 0) {
        return r;
    }
    r = -EADDRNOTAVAIL;
    for (ai = list; ai && r < 0; ai = ai->ai_next) {
        r = tcp_try(ai, passive);
    }
    freeaddrinfo(list);
    return r;
}

/* For the day on which there is no other descriptor: see refuse_one(). -1: there is none. */
static int spare_fd = -1;

static void put_spare(void)
{
    int fd, none = -1;

    if (__atomic_load_n(&spare_fd, __ATOMIC_RELAXED) >= 0) {
        return;
    }
    fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (fd >= 0 && !__atomic_compare_exchange_n(&spare_fd, &none, fd, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
        os_close(fd);
    }
}

/*
 * A connection that cannot be taken leaves its listener readable, and the loop that polls it spins. So it is taken
 * in the place of the spare descriptor, and closed: its peer learns at once, and the next one waits its turn.
 */
static void refuse_one(int listener)
{
    int fd = __atomic_exchange_n(&spare_fd, -1, __ATOMIC_RELAXED);

    if (fd >= 0) {
        os_close(fd);
        fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        if (fd >= 0) {
            os_close(fd);
        }
    }
    put_spare();
}

int os_listen(const char *addr)
{
    if (os_addr_check(addr) < 0) {
        return -EINVAL;
    }
    put_spare();
    return addr[0] == 'u' ? unix_listen(addr + strlen("unix:")) : tcp_open(addr + strlen("tcp:"), true);
}

int os_connect(const char *addr)
{
    if (os_addr_check(addr) < 0) {
        return -EINVAL;
    }
    return addr[0] == 'u' ? unix_connect(addr + strlen("unix:")) : tcp_open(addr + strlen("tcp:"), false);
}

int os_accept(int listener)
{
    static const int on = 1;
    int fd, err;

    do {
        fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    } while (fd < 0 && (errno == EINTR || errno == ECONNABORTED));
    if (fd < 0) {
        err = errno;
        if (err == EMFILE || err == ENFILE) {
            refuse_one(listener);
        }
        return -err;
    }
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));     /* fails on a unix socket */
    return fd;
}

char *os_bound_address(int fd)
{
    union {
        struct sockaddr sa;
        struct sockaddr_un un;
        struct sockaddr_storage any;
    } a;
    socklen_t len = sizeof(a);
    char host[NI_MAXHOST], port[NI_MAXSERV];

    memset(&a, 0, sizeof(a));
    if (getsockname(fd, &a.sa, &len) < 0) {
        return NULL;
    }
    if (a.sa.sa_family == AF_UNIX) {
        return a.un.sun_path[0] ? g_strdup_printf("unix:%s", a.un.sun_path) : NULL;
    }
    if (getnameinfo(&a.sa, len, host, sizeof(host), port, sizeof(port), NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
        return NULL;
    }
    return g_strdup_printf(a.sa.sa_family == AF_INET6 ? "tcp:[%s]:%s" : "tcp:%s:%s", host, port);
}

static unsigned take_fds(struct msghdr *msg, int *fds, unsigned room)
{
    unsigned n = 0;

    for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) {
            continue;
        }
        for (size_t i = 0; i < (c->cmsg_len - CMSG_LEN(0)) / sizeof(int); i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
            if (n < room) {
                fds[n++] = fd;
            } else {
                os_close(fd);
            }
        }
    }
    return n;
}

ssize_t os_recv_fds(int fd, void *buf, size_t len, int *fds, unsigned *nfds)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(16 * sizeof(int))];
    } control;
    struct iovec iov = { .iov_base = buf, .iov_len = len };
    struct msghdr msg = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control),
    };
    ssize_t n;

    do {
        n = recvmsg(fd, &msg, MSG_CMSG_CLOEXEC);
    } while (n < 0 && errno == EINTR);
    if (n < 0 && errno == ENOTSOCK) {
        *nfds = 0;
        return os_read(fd, buf, len);
    }
    if (n < 0) {
        *nfds = 0;
        return -errno;
    }
    *nfds = take_fds(&msg, fds, *nfds);
    return n;
}

int os_shutdown(int fd)
{
    return shutdown(fd, SHUT_RDWR) < 0 && errno != ENOTSOCK && errno != ENOTCONN ? -errno : 0;
}
