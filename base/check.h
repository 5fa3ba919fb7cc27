/* Assertions that stay on in release builds, and allocation that cannot fail.
 * CHECK is for programmer errors, one condition each. Bytes from clients, nodes and disks are tested with `if`. */
#ifndef TERCET_BASE_CHECK_H
#define TERCET_BASE_CHECK_H

#include <stddef.h>

#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (__builtin_expect(!(condition), 0))                                                                         \
            check_failed(#condition, __FILE__, __LINE__);                                                              \
    } while (0)

/* Prints the failed condition to stderr and aborts. */
_Noreturn void check_failed(const char *condition, const char *file, int line);

/* Like malloc, calloc, realloc, strdup and strndup, but abort when memory runs out. Only for sizes that no client
 * drives; those are capped first. Free with free(). */
void *mem_alloc(size_t size);
void *mem_zalloc(size_t size);
void *mem_realloc(void *memory, size_t size);
char *mem_strdup(const char *string);
char *mem_strndup(const char *data, size_t len);

#endif
