/* What the kernel alone needs: a server without any thought, which writes the same frame to every socket with send().
 * Its clients are those of the other servers, so it speaks as much of their protocol as makes them begin to listen. */
#define _GNU_SOURCE
#include "load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define MOST_CLIENTS 65536

struct member {
    struct watch watch;
    int group;
};

static struct watch listener;
static int first_of[MOST_CLIENTS], next_of[MOST_CLIENTS]; /* the first member of each group, and who comes after whom */
static struct member *members[MOST_CLIENTS];
static int count;

static void say(int fd, const char *text) {
    if (send(fd, text, strlen(text), MSG_NOSIGNAL) < 0) return;
}

static size_t make_frame(char *frame, const char *packet, size_t bytes) {
    size_t at = 2;
    frame[0] = (char)0x81;
    if (bytes < 126) {
        frame[1] = (char)bytes;
    } else {
        frame[1] = 126, frame[2] = (char)(bytes >> 8), frame[3] = (char)bytes;
        at = 4;
    }
    memcpy(frame + at, packet, bytes);
    return at + bytes;
}

static void send_whole(int fd, const char *frame, size_t bytes) {
    for (size_t sent = 0; sent < bytes;) {
        ssize_t took = send(fd, frame + sent, bytes - sent, MSG_NOSIGNAL);
        if (took >= 0) sent += (size_t)took;
        else if (errno != EAGAIN) return;
        else poll(&(struct pollfd){.fd = fd, .events = POLLOUT}, 1, 1000);
    }
}

/* POST /emit with `first= events= groups= ` and the packet: the nth goes to group n modulo groups. */
static void emit(const char *order) {
    long first = number_of(order, "first", 0), events = number_of(order, "events", 0), groups = number_of(order, "groups", 1);
    const char *packet = strstr(order, "42[");
    static char frame[65536 + 4];
    if (!packet || strlen(packet) > 65535 || groups < 1 || groups > MOST_CLIENTS) return;
    memset(first_of, -1, (size_t)groups * sizeof *first_of);
    for (int i = count - 1; i >= 0; i--) {
        int group = members[i]->watch.fd >= 0 ? members[i]->group : -1;
        if (group >= 0 && group < groups) next_of[i] = first_of[group], first_of[group] = i;
    }
    size_t bytes = make_frame(frame, packet, strlen(packet));
    char *marker = memmem(frame, bytes, MARKER, MARKER_BYTES);
    for (long n = 0; n < events; n++) {
        if (marker) {
            put_hex(marker + MARKER_TIME, now_ns(), 16);
            put_hex(marker + MARKER_NUMBER, (uint64_t)(first + n), 8);
        }
        for (int i = first_of[n % groups]; i >= 0; i = next_of[i]) send_whole(members[i]->watch.fd, frame, bytes);
    }
}

/* The body of the request of which so many bytes are there: the rest comes at once. */
static const char *hear_body(int fd, size_t bytes) {
    for (;;) {
        const char *length = strcasestr(space, "\r\ncontent-length:"), *head = strstr(space, "\r\n\r\n");
        if (length && head && bytes >= (size_t)(head + 4 - space) + strtoul(length + 17, NULL, 10)) return head + 3;
        poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, 1000);
        ssize_t got = recv(fd, space + bytes, SPACE_BYTES - 1 - bytes, 0);
        if (got <= 0) return "";
        bytes += (size_t)got;
        space[bytes] = 0;
    }
}

static void member_ready(struct watch *watch, uint32_t events) {
    struct member *self = (struct member *)watch;
    (void)events;
    ssize_t got = recv(watch->fd, space, SPACE_BYTES - 1, 0);
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) {
        close(watch->fd);
        watch->fd = -1;
        return;
    }
    space[got] = 0;
    if (!strncmp(space, "GET ", 4)) {
        say(watch->fd, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n\x81\x0f" "0{\"sid\":\"bare\"}");
    } else if (!strncmp(space, "POST /emit ", 11)) {
        emit(hear_body(watch->fd, (size_t)got));
        say(watch->fd, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    } else if (got > 8 && self->group < 0) {
        /* A CONNECT, masked with zeros: 40{"room":"7",… */
        char *room = memmem(space, (size_t)got, "\"room\":\"", 8);
        self->group = room ? atoi(room + 8) : 0;
        say(watch->fd, "\x81\x10" "40{\"sid\":\"bare\"}");
    }
}

static void accept_all(struct watch *self, uint32_t events) {
    int fd;
    (void)events;
    while ((fd = accept4(self->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        int on = 1, at = 0;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        while (at < count && members[at]->watch.fd >= 0) at++;
        if (at == MOST_CLIENTS) {
            close(fd);
            continue;
        }
        if (at == count) members[count++] = calloc(1, sizeof **members);
        *members[at] = (struct member){.watch = {.fd = fd, .ready = member_ready}, .group = -1};
        watch_start(&members[at]->watch, EPOLLIN);
    }
}

int bare_serve(int port) {
    int on = 1;
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    listener = (struct watch){.fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), .ready = accept_all};
    setsockopt(listener.fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(listener.fd, (struct sockaddr *)&at, sizeof at) < 0 || listen(listener.fd, 4096) < 0) fail("listen");
    watch_start(&listener, EPOLLIN);
    for (;;) loop_once(0);
}
