#include "load.h"

#include <stdlib.h>
#include <string.h>

static const char DIGITS[] = "0123456789abcdef";

void put_hex(char *at, uint64_t value, int digits) {
    for (int i = digits - 1; i >= 0; i--, value >>= 4) at[i] = DIGITS[value & 15];
}

bool get_hex(const char *at, int digits, uint64_t *value) {
    uint64_t read = 0;
    for (int i = 0; i < digits; i++) {
        char c = at[i];
        unsigned digit = c >= '0' && c <= '9' ? (unsigned)(c - '0') : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10 : 16;
        if (digit > 15) return false;
        read = read << 4 | digit;
    }
    *value = read;
    return true;
}

/* What stands behind `name=` in a command. */
const char *find_word(const char *line, const char *name) {
    size_t length = strlen(name);
    for (const char *at = strchr(line, ' '); at; at = strchr(at + 1, ' '))
        if (!strncmp(at + 1, name, length) && at[1 + length] == '=') return at + 2 + length;
    return NULL;
}

long number_of(const char *line, const char *name, long otherwise) {
    const char *word = find_word(line, name);
    return word ? strtol(word, NULL, 10) : otherwise;
}

/* Paths stand last in a command, as they may hold spaces. */
char *path_of(const char *line, const char *name, char *into, size_t bytes) {
    const char *word = find_word(line, name);
    snprintf(into, bytes, "%s", word ? word : "");
    return into;
}

char *read_whole(const char *path, size_t *bytes) {
    FILE *file = fopen(path, "rb");
    if (!file) fail(path);
    fseek(file, 0, SEEK_END);
    long length = ftell(file);
    rewind(file);
    char *text = malloc((size_t)length + 1);
    if (!text || fread(text, 1, (size_t)length, file) != (size_t)length) fail(path);
    fclose(file);
    text[length] = 0;
    *bytes = (size_t)length;
    return text;
}

void print_quoted(const char *text, size_t bytes) {
    putchar('"');
    for (size_t i = 0; i < bytes; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c == '"' || c == '\\') printf("\\%c", c);
        else if (c >= ' ' && c < 127) putchar(c);
        else printf("\\u%04x", c);
    }
    putchar('"');
}
