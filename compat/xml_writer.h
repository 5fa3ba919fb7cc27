/* A streaming XML writer onto a buffer. The first failure (the buffer's maximum) sticks: callers write on and look at
 * the status once, at the end. Whatever the bytes are, the result is valid UTF-8: invalid sequences become U+FFFD,
 * characters that XML 1.0 cannot carry become references (&#x1;), as AWS emits them. */
#ifndef TERCET_COMPAT_XML_WRITER_H
#define TERCET_COMPAT_XML_WRITER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/status.h"

#define XML_S3_NAMESPACE "http://s3.amazonaws.com/doc/2006-03-01/"
#define XML_DEPTH_MAX    8

struct xml_writer {
    struct buffer *out; /* not owned */
    const char *open[XML_DEPTH_MAX];
    unsigned depth;
    bool url_encode; /* xml_writer_name percent-encodes (encoding-type=url) */
    enum status status;
};

/* Appends the XML declaration and a line feed. */
void xml_writer_init(struct xml_writer *writer, struct buffer *out);
/* The names must outlive the writer: literals. */
void xml_writer_open(struct xml_writer *writer, const char *name);
void xml_writer_open_with(struct xml_writer *writer, const char *name, const char *attributes); /* a literal, as is */
void xml_writer_open_root(struct xml_writer *writer, const char *name); /* with the S3 namespace */
void xml_writer_close(struct xml_writer *writer);                       /* the innermost open element */
void xml_writer_text(struct xml_writer *writer, struct bytes text);
/* The longest front of the text that takes at most so many bytes when it is written; it ends between characters. */
struct bytes xml_writer_front(struct bytes text, size_t bytes_max);

/* Whole elements. An absent or empty text gives <Name></Name>. */
void xml_writer_element(struct xml_writer *writer, const char *name, struct bytes text);
void xml_writer_element_str(struct xml_writer *writer, const char *name, const char *text);
void xml_writer_element_u64(struct xml_writer *writer, const char *name, uint64_t value);
void xml_writer_element_bool(struct xml_writer *writer, const char *name, bool value);
/* 2026-11-22T19:54:00.000Z: whole seconds, so that it agrees with the Last-Modified header. */
void xml_writer_element_time(struct xml_writer *writer, const char *name, int64_t wall_ms);
/* A key, prefix, delimiter or marker of a listing: percent-encoded when url_encode is set (A-Z a-z 0-9 / - _ . *
 * stay). */
void xml_writer_name(struct xml_writer *writer, const char *name, struct bytes text);

/* CHECKs that every element was closed. Returns the first failure. */
enum status xml_writer_finish(const struct xml_writer *writer);

#endif
