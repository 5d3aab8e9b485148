/* Sockets that speak just enough HTTP, WebSocket (RFC 6455) and Engine.IO 4 to sign in and to listen. */
#define _GNU_SOURCE
#include "load.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum state { CLOSED, CONNECTING, UPGRADING, OPENING, SIGNING_IN, OPEN };

struct client {
    struct watch watch;
    int index, group, port;
    enum state state;
    const char *frame; /* a masked CONNECT */
    size_t frame_bytes;
    char *rest; /* the beginning of what has not wholly arrived */
    size_t rest_bytes;
};

static struct client **clients;
static int count, groups;
static int *of_group;
/* What the command under way waits for. */
static int in_flight, settled, connected, refused, failed;
static char refusal[160];
static double slowest;
static uint64_t *asked_at;
/* Who was not let in and tries again, in order, after `pause` ns (0: nobody does). */
static struct { struct client *client; uint64_t at; } *again;
static int again_first, again_end, again_room;
static uint64_t pause_ns;

int sockets_count(void) { return count; }
int groups_count(void) { return groups; }
int sockets_group(int socket) { return clients[socket]->group; }
int sockets_in_group(int group) { return group >= 0 && group < groups ? of_group[group] : 0; }

/* An unmasked text as a client's whole frame, masked with zeros: the bytes stay as they are. */
static char *make_frame(const char *text, size_t bytes, size_t *frame_bytes) {
    char *frame = malloc(bytes + 8);
    size_t at = 2;
    if (!frame || bytes > 65535) fail("a CONNECT");
    frame[0] = (char)0x81;
    if (bytes < 126) {
        frame[1] = (char)(0x80 | bytes);
    } else {
        frame[1] = (char)(0x80 | 126);
        frame[2] = (char)(bytes >> 8), frame[3] = (char)bytes;
        at = 4;
    }
    memset(frame + at, 0, 4);
    memcpy(frame + at + 4, text, bytes);
    *frame_bytes = at + 4 + bytes;
    return frame;
}

static void hang_up(struct client *self) {
    if (self->watch.fd >= 0) close(self->watch.fd);
    self->watch.fd = -1;
    self->state = CLOSED;
    free(self->rest);
    self->rest = NULL;
    self->rest_bytes = 0;
}

static void settle(struct client *self, int *as, const char *why, size_t bytes) {
    bool was_open = self->state == OPEN;
    if (as != &connected) {
        if (!refusal[0]) snprintf(refusal, sizeof refusal, "%.*s", (int)bytes, why);
        hang_up(self);
    }
    if (was_open) {
        window_socket_lost();
        return;
    }
    (*as)++;
    in_flight--;
    if (as != &connected && pause_ns) {
        again[again_end].client = self, again[again_end].at = now_ns() + pause_ns;
        again_end = (again_end + 1) % again_room;
        return;
    }
    settled++;
    double waited = (double)(now_ns() - asked_at[self->index]) / 1e9;
    if (waited > slowest) slowest = waited;
}

static void broken(struct client *self, const char *why) { settle(self, &failed, why, strlen(why)); }

static bool say(struct client *self, const char *bytes, size_t length) {
    if (send(self->watch.fd, bytes, length, MSG_NOSIGNAL) == (ssize_t)length) return true;
    broken(self, "what it said was not taken");
    return false;
}

static bool hear_packet(struct client *self, const char *packet, size_t bytes, uint64_t now) {
    static const char PONG[] = "\x81\x81\0\0\0\0" "3";
    if (bytes && packet[0] == '2') return say(self, PONG, 7);
    if (self->state == OPENING && bytes && packet[0] == '0') {
        self->state = SIGNING_IN;
        return say(self, self->frame, self->frame_bytes);
    }
    if (self->state == SIGNING_IN && bytes > 1 && packet[0] == '4' && packet[1] == '0') {
        settle(self, &connected, "", 0);
        self->state = OPEN;
    } else if (self->state == SIGNING_IN && bytes > 1 && packet[0] == '4' && packet[1] == '4') {
        settle(self, &refused, packet, bytes);
        return false;
    } else if (self->state == OPEN && bytes > 1 && packet[0] == '4' && packet[1] == '2') {
        window_receive(self->index, self->group, packet, bytes, now);
    }
    return true;
}

/* How much of it was whole frames; `alive` tells whether the client still stands. */
static size_t hear_frames(struct client *self, const char *bytes, size_t length, uint64_t now, bool *alive) {
    size_t at = 0;
    while (length - at >= 2) {
        const unsigned char *head = (const unsigned char *)bytes + at;
        size_t payload = head[1] & 127, start = 2;
        if (payload == 126) {
            if (length - at < 4) break;
            payload = (size_t)head[2] << 8 | head[3], start = 4;
        } else if (payload == 127) {
            if (length - at < 10) break;
            payload = 0, start = 10;
            for (int i = 2; i < 10; i++) payload = payload << 8 | head[i];
        }
        if (payload > SPACE_BYTES / 2 || (head[0] != 0x81 && head[0] != 0x88 && head[0] != 0x89)) {
            broken(self, "a frame that is not understood");
            *alive = false;
            return at;
        }
        if (length - at < start + payload) break;
        if (head[0] == 0x88) {
            broken(self, "a close frame");
            *alive = false;
            return at;
        }
        if (head[0] == 0x89) {
            static const char PONG[] = "\x8a\x80\0\0\0";
            *alive = say(self, PONG, 6);
        } else {
            *alive = hear_packet(self, bytes + at + start, payload, now);
        }
        if (!*alive) return at;
        at += start + payload;
    }
    return at;
}

static void hear(struct client *self) {
    size_t held = self->rest_bytes;
    if (held) memcpy(space, self->rest, held);
    ssize_t got = recv(self->watch.fd, space + held, SPACE_BYTES - held, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got <= 0) {
        broken(self, got ? strerror(errno) : "hung up");
        return;
    }
    size_t length = held + (size_t)got, used = 0;
    bool alive = true;
    uint64_t now = now_ns();
    if (self->state == UPGRADING) {
        char *end = memmem(space, length, "\r\n\r\n", 4);
        if (end) {
            used = (size_t)(end - space) + 4;
            if (length < 12 || memcmp(space, "HTTP/1.1 101", 12)) {
                settle(self, &refused, space, length < 150 ? length : 150);
                return;
            }
            self->state = OPENING;
        }
    }
    if (self->state != UPGRADING) used += hear_frames(self, space + used, length - used, now, &alive);
    if (!alive) return;
    size_t left = length - used;
    if (left > self->rest_bytes || !left) {
        free(self->rest);
        self->rest = left ? malloc(left) : NULL;
    }
    if (left) memcpy(self->rest, space + used, left);
    self->rest_bytes = left;
}

static void ready(struct watch *watch, uint32_t events) {
    struct client *self = (struct client *)watch;
    if (self->state != CONNECTING) {
        hear(self);
        return;
    }
    int error = 0;
    socklen_t bytes = sizeof error;
    getsockopt(watch->fd, SOL_SOCKET, SO_ERROR, &error, &bytes);
    if (error || !(events & EPOLLOUT)) {
        broken(self, strerror(error));
        return;
    }
    char ask[256];
    int length = snprintf(ask, sizeof ask,
                          "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n"
                          "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                          "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n", self->port);
    self->state = UPGRADING;
    watch_change(watch, EPOLLIN);
    say(self, ask, (size_t)length);
}

static void start(struct client *self) {
    static uint32_t made;
    in_flight++;
    self->state = CONNECTING;
    self->watch.fd = connect_to(self->port, made++);
    if (self->watch.fd < 0) broken(self, "no socket");
    else watch_start(&self->watch, EPOLLIN | EPOLLOUT);
}

/* Starts those whose pause is over; when the next one's is, if that is before `due`. */
static uint64_t start_again(uint64_t now, uint64_t due) {
    while (again_first != again_end && again[again_first].at <= now) {
        struct client *client = again[again_first].client;
        again_first = (again_first + 1) % again_room;
        start(client);
    }
    return again_first != again_end && again[again_first].at < due ? again[again_first].at : due;
}

/* Opens clients from `begin` up to `end`: at most `flight` at once, no faster than `rate` a second (0: no bound). Who is
 * not let in tries again after `retry` ms (0: never). */
static void open_all(const char *line, int begin, int end) {
    int flight = (int)number_of(line, "flight", 64), next = begin;
    long rate = number_of(line, "rate", 0);
    uint64_t from = now_ns(), until = from + (uint64_t)number_of(line, "timeout", 60) * 1000000000u;
    double cpu = cpu_seconds();
    settled = connected = refused = failed = in_flight = 0;
    slowest = 0, refusal[0] = 0;
    pause_ns = (uint64_t)number_of(line, "retry", 0) * 1000000u;
    again_first = again_end = 0;
    again_room = end - begin + 1;
    free(again);
    again = malloc((size_t)again_room * sizeof *again);
    if (!again) fail("memory");
    while (settled < end - begin) {
        uint64_t now = now_ns(), due = until;
        if (now >= until) break;
        while (next < end && in_flight < flight) {
            uint64_t at = rate ? from + (uint64_t)(next - begin) * 1000000000u / (uint64_t)rate : from;
            if (at > now) {
                due = at < until ? at : until;
                break;
            }
            asked_at[next] = now;
            start(clients[next++]);
        }
        turn(start_again(now, due));
    }
    pause_ns = 0;
    printf("{\"asked\":%d,\"connected\":%d,\"refused\":%d,\"failed\":%d,\"seconds\":%.6f,\"slowest_seconds\":%.6f,"
           "\"cpu_seconds\":%.6f,\"refusal\":", end - begin, connected, refused, failed,
           (double)(now_ns() - from) / 1e9, slowest, cpu_seconds() - cpu);
    print_quoted(refusal, strlen(refusal));
    printf("}\n");
}

/* sockets port= count= size= flight= rate= retry= timeout= frames=: `size` sockets a group; a CONNECT's text a line. */
void sockets_open(const char *line) {
    int more = (int)number_of(line, "count", 0), port = (int)number_of(line, "port", 0), begin = count;
    int size = (int)number_of(line, "size", more ? more : 1), group = groups;
    char path[4096];
    size_t bytes;
    char *text = read_whole(path_of(line, "frames", path, sizeof path), &bytes), *at = text;
    groups += (more + size - 1) / size;
    clients = realloc(clients, (size_t)(count + more) * sizeof *clients);
    asked_at = realloc(asked_at, (size_t)(count + more) * sizeof *asked_at);
    of_group = realloc(of_group, (size_t)groups * sizeof *of_group);
    memset(of_group + group, 0, (size_t)(groups - group) * sizeof *of_group);
    for (int i = 0; i < more; i++, count++) {
        if (!*at) at = text;
        char *end = strchrnul(at, '\n');
        struct client *self = clients[count] = calloc(1, sizeof *self);
        *self = (struct client){.watch = {.fd = -1, .ready = ready}, .index = count, .group = group + i / size, .port = port};
        self->frame = make_frame(at, (size_t)(end - at), &self->frame_bytes);
        of_group[self->group]++;
        at = *end ? end + 1 : end;
    }
    free(text);
    open_all(line, begin, count);
}

/* reopen first= count= flight= rate= retry= timeout=: all of them hang up at once, and come back. */
void sockets_reopen(const char *line) {
    int begin = (int)number_of(line, "first", 0), end = begin + (int)number_of(line, "count", count);
    if (begin < 0 || end > count) end = begin;
    for (int i = begin; i < end; i++) hang_up(clients[i]);
    open_all(line, begin, end);
}
