/* Senders of prepared HTTP requests on connections that are kept: each sends its next when it has its answer (closed
 * loop), or all together keep a rate (open loop). There a delay counts from when the request was due, not from when a
 * connection was free for it: a server that stalls is not spared the requests that it kept from being sent. */
#define _GNU_SOURCE
#include "load.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define HEAD_BYTES 16384
#define MOST_MARKS 256

struct request {
    char *text;
    size_t bytes;
    int marks, ids;
    size_t mark_at[MOST_MARKS], id_at[MOST_MARKS];
    int group[MOST_MARKS]; /* for whom each marked event is */
};

struct sender {
    struct watch watch;
    int index, turn;
    bool busy, fresh;
    char *out;
    size_t out_bytes, out_sent;
    char head[HEAD_BYTES];
    size_t head_bytes, body_left;
    int status; /* 0: the head has not wholly arrived */
    uint64_t due;
};

static struct request *requests;
static int request_count, sender_count, port, whose_turn;
static struct sender *senders;
static uint64_t total, rate, sent, answered, failed, statuses[600], began, ended, stop_at, made;
static struct histogram delays;
static char first_failure[400];
static size_t first_failure_bytes;
static uint32_t salt;

/* A file of requests, each after a line `bytes group,group…`: a group for each of its markers. */
static void read_requests(const char *path) {
    size_t bytes;
    char *at = read_whole(path, &bytes), *end = at + bytes;
    for (int i = 0; i < request_count; i++) free(requests[i].text);
    request_count = 0;
    while (at < end) {
        requests = realloc(requests, (size_t)(request_count + 1) * sizeof *requests);
        struct request *request = &requests[request_count++];
        memset(request, 0, sizeof *request);
        request->bytes = strtoul(at, &at, 10);
        for (int i = 0; *at != '\n' && at < end; i++) {
            int group = (int)strtol(at + 1, &at, 10);
            if (i < MOST_MARKS) request->group[i] = group;
        }
        if (++at + request->bytes > end) fail(path);
        request->text = malloc(request->bytes + 1);
        if (!request->text) fail("memory");
        memcpy(request->text, at, request->bytes);
        at += request->bytes;
        const char *text = request->text, *last = text + request->bytes;
        for (const char *mark = text; (mark = memmem(mark, (size_t)(last - mark), MARKER, MARKER_BYTES)); mark++)
            if (request->marks < MOST_MARKS) request->mark_at[request->marks++] = (size_t)(mark - text);
        for (const char *id = text; (id = memmem(id, (size_t)(last - id), OWN_ID, OWN_ID_BYTES)); id++)
            if (request->ids < MOST_MARKS) request->id_at[request->ids++] = (size_t)(id - text);
    }
}

static void fail_one(struct sender *self, const char *why, size_t bytes) {
    failed++;
    if (!first_failure_bytes) {
        first_failure_bytes = bytes < sizeof first_failure ? bytes : sizeof first_failure;
        memcpy(first_failure, why, first_failure_bytes);
    }
    self->busy = false;
}

static void hang_up(struct sender *self, const char *why) {
    if (self->watch.fd >= 0) close(self->watch.fd);
    self->watch.fd = -1;
    if (self->busy) fail_one(self, why, strlen(why));
}

static bool may_send(void) { return sent < total && (!stop_at || now_ns() < stop_at); }

static uint64_t due_at(uint64_t which) { return began + which * 1000000000u / rate; }

static void push(struct sender *self) {
    while (self->out_sent < self->out_bytes) {
        ssize_t took = send(self->watch.fd, self->out + self->out_sent, self->out_bytes - self->out_sent, MSG_NOSIGNAL);
        if (took < 0 && errno == EAGAIN) {
            watch_change(&self->watch, EPOLLIN | EPOLLOUT);
            self->fresh = true;
            return;
        }
        if (took < 0) {
            hang_up(self, "hung up while it was told");
            return;
        }
        self->out_sent += (size_t)took;
    }
    if (self->fresh) watch_change(&self->watch, EPOLLIN);
    self->fresh = false;
}

static void send_next(struct sender *self) {
    uint64_t now = now_ns();
    int which = request_count >= sender_count ? self->turn : self->index % request_count;
    self->turn += sender_count;
    if (self->turn >= request_count) self->turn = self->index;
    const struct request *request = &requests[which];
    self->due = rate ? due_at(sent) : now;
    sent++;
    self->out = realloc(self->out, request->bytes + 1);
    memcpy(self->out, request->text, request->bytes);
    self->out_bytes = request->bytes, self->out_sent = 0;
    for (int i = 0; i < request->marks; i++) {
        put_hex(self->out + request->mark_at[i] + MARKER_TIME, self->due, 16);
        put_hex(self->out + request->mark_at[i] + MARKER_NUMBER, window_take(request->group[i]), 8);
    }
    for (int i = 0; i < request->ids; i++) {
        put_hex(self->out + request->id_at[i], salt, 8);
        put_hex(self->out + request->id_at[i] + 24, made++, 12);
    }
    self->busy = true;
    self->status = 0;
    self->head_bytes = self->body_left = 0;
    if (self->watch.fd < 0) {
        self->watch.fd = connect_to(port, (uint32_t)self->index);
        if (self->watch.fd < 0) {
            fail_one(self, "no socket", 9);
            return;
        }
        self->fresh = true;
        watch_start(&self->watch, EPOLLIN | EPOLLOUT);
        return;
    }
    push(self);
}

/* In turn: the first free one would leave most connections, and the processes behind them, with nothing to do. */
static void send_what_is_due(void) {
    for (int i = 0; i < sender_count && may_send() && due_at(sent) <= now_ns(); i++) {
        whose_turn = (whose_turn + 1) % sender_count;
        if (!senders[whose_turn].busy) send_next(&senders[whose_turn]);
    }
}

static void finish(struct sender *self) {
    uint64_t now = now_ns();
    histogram_add(&delays, now - self->due);
    answered++;
    ended = now;
    statuses[self->status]++;
    self->busy = false;
    if (self->status >= 300) fail_one(self, self->head, self->head_bytes);
    if (rate) send_what_is_due();
    else if (may_send()) send_next(self);
}

static void hear(struct sender *self) {
    char *into = self->status ? space : self->head + self->head_bytes;
    size_t room = self->status ? SPACE_BYTES : HEAD_BYTES - 1 - self->head_bytes;
    ssize_t got = recv(self->watch.fd, into, room, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got <= 0 || !self->busy) {
        hang_up(self, "hung up before its answer");
        if (!rate && may_send()) send_next(self);
        return;
    }
    if (self->status) {
        self->body_left -= (size_t)got < self->body_left ? (size_t)got : self->body_left;
    } else {
        self->head_bytes += (size_t)got;
        self->head[self->head_bytes] = 0;
        char *end = strstr(self->head, "\r\n\r\n");
        if (!end && self->head_bytes < HEAD_BYTES - 1) return;
        char *length = strcasestr(self->head, "\r\ncontent-length:");
        int status = self->head_bytes > 12 ? atoi(self->head + 9) : 0;
        if (!end || !length || length > end || status < 100 || status > 599) {
            hang_up(self, "an answer without Content-Length");
            return;
        }
        size_t body = strtoul(length + 17, NULL, 10), here = self->head_bytes - (size_t)(end + 4 - self->head);
        self->status = status;
        self->body_left = body > here ? body - here : 0;
    }
    if (!self->body_left) finish(self);
}

static void ready(struct watch *watch, uint32_t events) {
    struct sender *self = (struct sender *)watch;
    if (events & EPOLLOUT) push(self);
    if (watch->fd >= 0 && events & (EPOLLIN | EPOLLERR | EPOLLHUP)) hear(self);
}

/* senders port= connections= total= rate= seconds= requests=: at most `total`, and no longer than `seconds`. */
void senders_start(const char *line) {
    char path[4096];
    senders_stop();
    read_requests(path_of(line, "requests", path, sizeof path));
    port = (int)number_of(line, "port", 0);
    sender_count = (int)number_of(line, "connections", 1);
    total = (uint64_t)number_of(line, "total", 1);
    rate = (uint64_t)number_of(line, "rate", 0);
    long seconds = number_of(line, "seconds", 0);
    senders = calloc((size_t)sender_count, sizeof *senders);
    if (!senders || !request_count) fail("no senders");
    sent = answered = failed = ended = first_failure_bytes = 0;
    memset(statuses, 0, sizeof statuses);
    histogram_clear(&delays);
    whose_turn = sender_count - 1;
    began = now_ns();
    if (!salt) salt = (uint32_t)(began ^ began >> 24 ^ (uint64_t)getpid() << 16);
    stop_at = seconds && !rate ? began + (uint64_t)seconds * 1000000000u : 0;
    if (seconds && rate && total > rate * (uint64_t)seconds) total = rate * (uint64_t)seconds;
    for (int i = 0; i < sender_count; i++) {
        senders[i].watch = (struct watch){.fd = -1, .ready = ready};
        senders[i].index = senders[i].turn = i;
        if (!rate && may_send()) send_next(&senders[i]);
    }
    if (rate) send_what_is_due();
    printf("{\"started\":%d}\n", sender_count);
}

/* Sends what is due, before each turn of the loop. */
void senders_turn(void) {
    if (rate) send_what_is_due();
    for (int i = 0; !rate && i < sender_count && may_send(); i++)
        if (!senders[i].busy) send_next(&senders[i]); /* one that could not connect */
}

/* True when nothing is left to send and every answer is there. */
bool senders_done(void) {
    if (may_send()) return false;
    for (int i = 0; i < sender_count; i++)
        if (senders[i].busy) return false;
    return true;
}

/* Ends it with what is due by now. */
void senders_end(void) {
    uint64_t now = now_ns(), due = !rate ? sent : began < now ? (now - began) * rate / 1000000000u + 1 : 0;
    if (due < sent) due = sent;
    if (due < total) total = due;
}

/* When the open loop has to send next; 0: it has nothing to wait for, or only for an answer. */
uint64_t senders_due(void) {
    if (!rate || !may_send()) return 0;
    for (int i = 0; i < sender_count; i++)
        if (!senders[i].busy) return due_at(sent);
    return 0;
}

void senders_stop(void) {
    for (int i = 0; i < sender_count; i++) {
        if (senders[i].watch.fd >= 0) close(senders[i].watch.fd);
        free(senders[i].out);
    }
    free(senders);
    senders = NULL;
    sender_count = 0;
    total = sent = rate = stop_at = 0;
}

void senders_print(void) {
    printf("\"http\":{\"sent\":%llu,\"answered\":%llu,\"failed\":%llu,\"seconds\":%.6f,\"statuses\":{",
           (unsigned long long)sent, (unsigned long long)answered, (unsigned long long)failed,
           ended > began ? (double)(ended - began) / 1e9 : 0.0);
    const char *comma = "";
    for (int i = 0; i < 600; i++)
        if (statuses[i]) printf("%s\"%d\":%llu", comma, i, (unsigned long long)statuses[i]), comma = ",";
    printf("},\"first_failure\":");
    print_quoted(first_failure, first_failure_bytes);
    putchar(',');
    histogram_print("delay_ms", &delays);
    putchar('}');
}
