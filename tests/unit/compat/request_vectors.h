/* The recorded requests of tests/vectors/requests, parsed into what compat/auth.h takes. */
#ifndef TERCET_TESTS_REQUEST_VECTORS_H
#define TERCET_TESTS_REQUEST_VECTORS_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "compat/auth.h"

#define VECTOR_ACCESS_KEY  "AKIDANCHOR00000000AB"
#define VECTOR_SECRET      "secretANCHORsecretANCHORsecretANCHOR0000"
#define VECTOR_HEADERS_MAX 64

/* One request; spans point into `text`, which is the vector's own copy of the head and may be changed before it is
 * parsed again. */
struct vector {
    char name[256], type[16];
    char *text;
    size_t text_len;
    struct bytes body;
    bool complete; /* the body is here */
    struct http_header headers[VECTOR_HEADERS_MAX];
    struct uri_query query;
    struct auth_request request;
    int64_t now_ms; /* a time at which it is valid */
};

static inline void vector_parse_header(struct vector *vector, struct bytes line)
{
    const char *colon = memchr(line.data, ':', line.len);

    assert_non_null(colon);
    assert_true(vector->request.header_count < VECTOR_HEADERS_MAX);
    size_t name_len = (size_t)(colon - line.data);
    struct http_header *header = &vector->headers[vector->request.header_count++];
    header->name = bytes_of(line.data, name_len);
    header->value = bytes_trim(bytes_of(colon + 1, line.len - name_len - 1));
}

static inline void vector_parse_target(struct vector *vector, struct bytes line)
{
    const char *target = memchr(line.data, ' ', line.len);
    const char *end = target ? memchr(target + 1, ' ', line.len - (size_t)(target + 1 - line.data)) : NULL;

    assert_non_null(end);
    vector->request.method = bytes_of(line.data, (size_t)(target - line.data));
    ++target;
    const char *question = memchr(target, '?', (size_t)(end - target));
    vector->request.path = bytes_of(target, (size_t)((question ? question : end) - target));
    struct bytes query = question ? bytes_of(question + 1, (size_t)(end - question - 1)) : bytes_of(NULL, 0);
    assert_int_equal(uri_query_parse(query, &vector->query), STATUS_OK);
    vector->request.query = &vector->query;
}

static inline struct bytes vector_header(const struct vector *vector, const char *name)
{
    for (size_t i = 0; i < vector->request.header_count; ++i)
        if (bytes_equal_nocase(vector->headers[i].name, name))
            return vector->headers[i].value;
    return bytes_of(NULL, 0);
}

/* The moment of signing, or a second before a V2 query expires. */
static inline int64_t vector_time(const struct vector *vector)
{
    struct bytes text = vector_header(vector, "x-amz-date");
    int64_t time_ms = 0;
    uint64_t seconds;

    if (!text.data)
        text = uri_query_value(&vector->query, "X-Amz-Date");
    if (!text.data)
        text = vector_header(vector, "date");
    if (clock_parse_basic(text, &time_ms) == STATUS_OK || clock_parse_http(text, &time_ms) == STATUS_OK)
        return time_ms;
    if (bytes_parse_u64(uri_query_value(&vector->query, "Expires"), UINT32_MAX, &seconds) == STATUS_OK)
        return (int64_t)seconds * 1000 - 1000;
    return 0;
}

/* Reads vector->text; after a change of it too. */
static inline void vector_parse(struct vector *vector)
{
    const char *at = vector->text, *end = vector->text + vector->text_len;

    uri_query_release(&vector->query);
    vector->request = (struct auth_request){.headers = vector->headers};
    for (bool first = true;; first = false) {
        const char *line_end = memmem(at, (size_t)(end - at), "\r\n", 2);
        assert_non_null(line_end);
        struct bytes line = bytes_of(at, (size_t)(line_end - at));
        if (!line.len)
            break;
        if (first)
            vector_parse_target(vector, line);
        else
            vector_parse_header(vector, line);
        at = line_end + 2;
    }
}

static inline void vector_init(struct vector *vector, const char *head, size_t len)
{
    *vector = (struct vector){.text = mem_strndup(head, len), .text_len = len};
    vector_parse(vector);
    vector->now_ms = vector_time(vector);
}

static inline void vector_release(struct vector *vector)
{
    uri_query_release(&vector->query);
    free(vector->text);
    vector->text = NULL;
}

/* Where `part` is in the head, for changing it there. */
static inline char *vector_find(struct vector *vector, const char *part)
{
    char *found = memmem(vector->text, vector->text_len, part, strlen(part));
    assert_non_null(found);
    return found;
}

typedef void (*vector_fn)(struct vector *vector, void *arg);

static inline void vectors_of_file(const char *path, vector_fn fn, void *arg)
{
    FILE *file = fopen(path, "rb");
    char header[512], body_text[32];

    assert_non_null(file);
    while (fgets(header, sizeof header, file)) {
        struct vector vector;
        char name[256], type[16];
        size_t head_len, body_len = 0;
        assert_int_equal(sscanf(header, "@ %255s %15s %zu %31s", name, type, &head_len, body_text), 4);
        bool complete = strcmp(body_text, "-") != 0;
        if (complete)
            body_len = strtoul(body_text, NULL, 10);
        char *bytes = mem_alloc(head_len + body_len + 1);
        assert_int_equal(fread(bytes, 1, head_len + body_len + 1, file), head_len + body_len + 1);
        vector_init(&vector, bytes, head_len);
        snprintf(vector.name, sizeof vector.name, "%s", name);
        snprintf(vector.type, sizeof vector.type, "%s", type);
        vector.complete = complete;
        vector.body = bytes_of(bytes + head_len, body_len);
        fn(&vector, arg);
        vector_release(&vector);
        free(bytes);
    }
    fclose(file);
}

static inline void vectors_each(vector_fn fn, void *arg)
{
    DIR *directory = opendir(TEST_VECTORS "/requests");
    struct dirent *entry;
    char path[1024];

    assert_non_null(directory);
    while ((entry = readdir(directory))) {
        if (!strstr(entry->d_name, ".requests"))
            continue;
        snprintf(path, sizeof path, "%s/requests/%s", TEST_VECTORS, entry->d_name);
        vectors_of_file(path, fn, arg);
    }
    closedir(directory);
}

#endif
