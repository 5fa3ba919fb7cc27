/* Failed assertions and exhausted memory end the process here, with a line on stderr that says where. */
#include "base/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void check_failed(const char *condition, const char *file, int line)
{
    fprintf(stderr, "%s:%d: check failed: %s\n", file, line, condition);
    fflush(stderr);
    abort();
}

static void *check_memory(void *memory, size_t size)
{
    if (!memory && size) {
        fprintf(stderr, "out of memory: %zu bytes\n", size);
        fflush(stderr);
        abort();
    }
    return memory;
}

void *mem_alloc(size_t size)
{
    return check_memory(malloc(size), size);
}

void *mem_zalloc(size_t size)
{
    return check_memory(calloc(1, size), size);
}

void *mem_realloc(void *memory, size_t size)
{
    /* realloc(p, 0) may free p and return NULL, which would look like success to the caller. */
    return check_memory(realloc(memory, size ? size : 1), size ? size : 1);
}

char *mem_strdup(const char *string)
{
    return mem_strndup(string, strlen(string));
}

char *mem_strndup(const char *data, size_t len)
{
    char *copy = mem_alloc(len + 1);
    if (len)
        memcpy(copy, data, len);
    copy[len] = '\0';
    return copy;
}
