/* Delays in buckets of a thirty-second of a power of two: what is read from it is at most 3 % too much. */
#include "load.h"

#include <string.h>

void histogram_clear(struct histogram *histogram) { memset(histogram, 0, sizeof *histogram); }

void histogram_add(struct histogram *histogram, uint64_t ns) {
    int shift = ns < 64 ? 0 : 58 - __builtin_clzll(ns);
    histogram->buckets[(size_t)shift * 64 + (ns >> shift)]++;
    histogram->count++;
    if (ns > histogram->max) histogram->max = ns;
}

/* The upper edge of the bucket in which the quantile lies, in ms. */
static double quantile(const struct histogram *histogram, double share) {
    uint64_t wanted = (uint64_t)(share * (double)histogram->count), passed = 0;
    for (size_t i = 0; i < sizeof histogram->buckets / sizeof *histogram->buckets; i++) {
        passed += histogram->buckets[i];
        if (passed > wanted) {
            uint64_t edge = i < 64 ? i + 1 : (i % 64 + 1) << (i / 64);
            return (double)(edge < histogram->max ? edge : histogram->max) / 1e6;
        }
    }
    return (double)histogram->max / 1e6;
}

void histogram_print(const char *name, const struct histogram *histogram) {
    printf("\"%s\":{\"count\":%llu,\"p50\":%.4f,\"p95\":%.4f,\"p99\":%.4f,\"p999\":%.4f,\"max\":%.4f}", name,
           (unsigned long long)histogram->count, quantile(histogram, 0.5), quantile(histogram, 0.95),
           quantile(histogram, 0.99), quantile(histogram, 0.999), (double)histogram->max / 1e6);
}
