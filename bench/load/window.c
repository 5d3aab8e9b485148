/* What is to arrive between two commands: numbered events, each for one group of sockets, each exactly once. */
#define _GNU_SOURCE
#include "load.h"

#include <stdlib.h>
#include <string.h>

static uint32_t first, size, taken;
static int32_t *group_of;             /* of each number; -1: not sent yet */
static uint32_t *sent_to, groups;     /* numbers sent to each group */
static uint8_t *seen;                 /* a bit for each socket and number */
static uint32_t *received_by, stride, capacity;
static uint64_t expected, received, doubled, strange, others, lost;
static uint64_t began, ended, opened;
static double cpu_before;
static struct histogram delays;
static size_t hint;

/* With groups, somebody else sends all the numbers: the nth to group n modulo groups. */
void window_open(uint32_t events, uint32_t foreign_groups) {
    first += size;
    size = events;
    taken = 0;
    groups = (uint32_t)groups_count();
    capacity = (uint32_t)sockets_count();
    stride = (size + 7) / 8;
    free(group_of), free(sent_to), free(seen), free(received_by);
    group_of = malloc((size_t)size * sizeof *group_of + 1);
    sent_to = calloc((size_t)groups + 1, sizeof *sent_to);
    seen = calloc((size_t)capacity * stride + 1, 1);
    received_by = calloc((size_t)capacity + 1, sizeof *received_by);
    if (!group_of || !sent_to || !seen || !received_by) fail("memory");
    memset(group_of, -1, (size_t)size * sizeof *group_of);
    expected = received = doubled = strange = others = lost = began = ended = 0;
    histogram_clear(&delays);
    for (uint32_t n = 0; foreign_groups && n < size; n++) window_take((int)(n % foreign_groups));
    opened = now_ns();
    cpu_before = cpu_seconds();
}

uint32_t window_first(void) { return first; }

/* The number of the next event, which is for this group; outside of the window when it is full. */
uint32_t window_take(int group) {
    if (taken >= size || group < 0 || (uint32_t)group >= groups) return first + size;
    group_of[taken] = group;
    sent_to[group]++;
    expected += (uint64_t)sockets_in_group(group);
    return first + taken++;
}

void window_receive(int socket, int group, const char *packet, size_t bytes, uint64_t now) {
    const char *at = NULL;
    if (hint + MARKER_BYTES <= bytes && !memcmp(packet + hint, "<t=", 3)) at = packet + hint;
    else at = memmem(packet, bytes, "<t=", 3);
    uint64_t then, number;
    if (!at || (size_t)(packet + bytes - at) < MARKER_BYTES || !get_hex(at + MARKER_TIME, 16, &then) ||
        !get_hex(at + MARKER_NUMBER, 8, &number)) {
        others++;
        return;
    }
    hint = (size_t)(at - packet);
    uint32_t place = (uint32_t)number - first;
    if (place >= size || (uint32_t)socket >= capacity || group_of[place] != group) {
        strange++;
        return;
    }
    uint8_t *bit = seen + (size_t)socket * stride + place / 8;
    if (*bit & 1u << place % 8) {
        doubled++;
        return;
    }
    *bit = (uint8_t)(*bit | 1u << place % 8);
    received++;
    received_by[socket]++;
    if (!began || then < began) began = then;
    ended = now;
    histogram_add(&delays, now > then ? now - then : 0);
}

void window_socket_lost(void) { lost++; }

bool window_complete(void) { return received >= expected; }

void window_print(void) {
    uint32_t least = UINT32_MAX, most = 0;
    for (uint32_t i = 0; i < capacity; i++) {
        int group = sockets_group((int)i);
        if (group < 0 || (uint32_t)group >= groups || !sent_to[group]) continue;
        if (received_by[i] < least) least = received_by[i];
        if (received_by[i] > most) most = received_by[i];
    }
    printf("\"events\":%u,\"expected\":%llu,\"received\":%llu,\"missing\":%llu,\"doubled\":%llu,\"strange\":%llu,"
           "\"others\":%llu,\"lost_sockets\":%llu,\"least\":%u,\"most\":%u,\"seconds\":%.6f,\"cpu_seconds\":%.6f,"
           "\"wall_seconds\":%.6f,",
           taken, (unsigned long long)expected, (unsigned long long)received, (unsigned long long)(expected - received),
           (unsigned long long)doubled, (unsigned long long)strange, (unsigned long long)others, (unsigned long long)lost,
           most ? least : 0, most, ended > began ? (double)(ended - began) / 1e9 : 0.0, cpu_seconds() - cpu_before,
           (double)(now_ns() - opened) / 1e9);
    histogram_print("delay_ms", &delays);
}
