/* One thread and one epoll for everything: sockets that listen, senders that post, the commands on stdin. */
#ifndef LOAD_H
#define LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Stands in what is sent: when it should have left (CLOCK_MONOTONIC, ns) and which one it is. */
#define MARKER "<t=0000000000000000,n=00000000>"
#define MARKER_BYTES 31
#define MARKER_TIME 3
#define MARKER_NUMBER 22
/* Stands where every request needs a UUID of its own. */
#define OWN_ID "00000000-0000-4000-8000-000000000000"
#define OWN_ID_BYTES 36

#define SPACE_BYTES (1 << 20)

struct watch {
    int fd;
    void (*ready)(struct watch *self, uint32_t events);
};

/* loop.c */
uint64_t now_ns(void);
void watch_start(struct watch *watch, uint32_t events);
void watch_change(struct watch *watch, uint32_t events);
int connect_to(int port, uint32_t number);
bool loop_once(uint64_t until);
void loop_start(void);
void raise_file_limit(void);
_Noreturn void fail(const char *what);
double cpu_seconds(void);
extern char space[SPACE_BYTES];

/* text.c */
void put_hex(char *at, uint64_t value, int digits);
bool get_hex(const char *at, int digits, uint64_t *value);
const char *find_word(const char *line, const char *name);
long number_of(const char *line, const char *name, long otherwise);
char *path_of(const char *line, const char *name, char *into, size_t bytes);
char *read_whole(const char *path, size_t *bytes);
void print_quoted(const char *text, size_t bytes);

/* histogram.c */
struct histogram {
    uint64_t count, max;
    uint64_t buckets[64 * 64];
};
void histogram_clear(struct histogram *histogram);
void histogram_add(struct histogram *histogram, uint64_t ns);
void histogram_print(const char *name, const struct histogram *histogram);

/* window.c: what is to arrive, what has, and how late. */
void window_open(uint32_t events, uint32_t groups);
uint32_t window_take(int group);
void window_receive(int socket, int group, const char *packet, size_t bytes, uint64_t now);
void window_socket_lost(void);
bool window_complete(void);
void window_print(void);
uint32_t window_first(void);

/* sockets.c */
void sockets_open(const char *line);
void sockets_reopen(const char *line);
int sockets_count(void);
int sockets_group(int socket);
int sockets_in_group(int group);
int groups_count(void);

/* senders.c */
void senders_start(const char *line);
void senders_turn(void);
bool senders_done(void);
uint64_t senders_due(void);
void senders_end(void);
void senders_stop(void);
void senders_print(void);

/* load.c */
void turn(uint64_t until);

/* bare.c */
int bare_serve(int port);

#endif
