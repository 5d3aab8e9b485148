/* The load client: `load` reads commands from stdin and answers each with a line of JSON; `load bare PORT` is the
 * server that does nothing but send(), which shows what the kernel takes for itself.
 *
 *   sockets port= count= size= flight= rate= retry= timeout= frames=   opens sockets, `size` a group
 *   reopen first= count= flight= rate= retry= timeout=           some hang up at once, and come back
 *   expect events= groups=                                       begins to count; `groups` only if others send
 *   senders port= connections= total= rate= seconds= requests=   begins to send
 *   finish timeout= linger= stop=                                waits for all of it, and tells what arrived
 */
#define _GNU_SOURCE
#include "load.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define LINE_BYTES 8192

static char line[LINE_BYTES];
static size_t line_bytes;
static bool has_line, at_end;

static void stdin_ready(struct watch *self, uint32_t events) {
    (void)events;
    ssize_t got = read(self->fd, line + line_bytes, LINE_BYTES - 1 - line_bytes);
    if (got <= 0) {
        at_end = true;
        return;
    }
    line_bytes += (size_t)got;
    has_line = memchr(line, '\n', line_bytes);
}

void turn(uint64_t until) {
    senders_turn();
    uint64_t due = senders_due();
    loop_once(due && (!until || due < until) ? due : until);
}

static void finish(void) {
    if (number_of(line, "stop", 0)) senders_end();
    uint64_t until = now_ns() + (uint64_t)number_of(line, "timeout", 30) * 1000000000u;
    while (now_ns() < until && !(senders_done() && window_complete())) turn(until);
    /* What comes twice comes a moment later. */
    until = now_ns() + (uint64_t)number_of(line, "linger", 100) * 1000000u;
    while (now_ns() < until) turn(until);
    putchar('{');
    window_print();
    putchar(',');
    senders_print();
    printf("}\n");
    senders_stop();
}

static bool is_command(const char *name) {
    size_t length = strlen(name);
    return !strncmp(line, name, length) && (line[length] == ' ' || !line[length]);
}

static void obey(void) {
    if (is_command("sockets")) sockets_open(line);
    else if (is_command("reopen")) sockets_reopen(line);
    else if (is_command("senders")) senders_start(line);
    else if (is_command("finish")) finish();
    else if (is_command("expect")) {
        window_open((uint32_t)number_of(line, "events", 0), (uint32_t)number_of(line, "groups", 0));
        printf("{\"first\":%u}\n", window_first());
    } else printf("{\"error\":\"no such command\"}\n");
    fflush(stdout);
}

int main(int count, char **words) {
    signal(SIGPIPE, SIG_IGN);
    raise_file_limit();
    loop_start();
    if (count == 3 && !strcmp(words[1], "bare")) return bare_serve(atoi(words[2]));
    struct watch commands = {.fd = STDIN_FILENO, .ready = stdin_ready};
    watch_start(&commands, EPOLLIN);
    while (!at_end) {
        turn(0);
        if (!has_line) continue;
        char *end = strchr(line, '\n');
        *end = 0;
        obey();
        line_bytes = 0, has_line = false;
        memset(line, 0, sizeof line);
    }
    return 0;
}
