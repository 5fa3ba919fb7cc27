/* Reading and writing the documents of the directory: JSON objects with a version, of fields that are all known. Bytes
 * in the database may be wrong, so reading remembers the first violation and says so at its end; then what was taken is
 * to be released all the same. */
#ifndef TERCET_GATEWAY_IDENTITY_DOCUMENT_H
#define TERCET_GATEWAY_IDENTITY_DOCUMENT_H

#include <jansson.h>
#include <stdint.h>

#include "gateway/identity/directory.h"
#include "gateway/identity/lists.h"

struct document_reader {
    json_t *object;
    size_t taken; /* fields */
    bool bad;
};
void document_open(struct document_reader *reader, struct bytes document);
/* The same for an object within a document. value may be NULL. */
void document_open_value(struct document_reader *reader, json_t *value);
char *document_take_text(struct document_reader *reader, const char *field);     /* a new string; has to be there */
char *document_take_optional(struct document_reader *reader, const char *field); /* NULL: it is not there */
int64_t document_take_integer(struct document_reader *reader, const char *field);
bool document_take_bool(struct document_reader *reader, const char *field);
void document_take_names(struct document_reader *reader, const char *field, struct identity_names *names);
void document_take_texts(struct document_reader *reader, const char *field, struct identity_texts *texts);
json_t *document_take_array(struct document_reader *reader, const char *field); /* the reader's; NULL: none */
/* CORRUPT when anything was missing, of another type, or left over. */
enum status document_close(struct document_reader *reader);

struct document_writer {
    json_t *object;
    bool bad;
};
void document_begin(struct document_writer *writer);                                           /* with a version */
void document_begin_value(struct document_writer *writer);                                     /* without */
void document_write_text(struct document_writer *writer, const char *field, const char *text); /* NULL: not at all */
void document_write_integer(struct document_writer *writer, const char *field, int64_t value);
void document_write_bool(struct document_writer *writer, const char *field, bool value);
void document_write_names(struct document_writer *writer, const char *field, const struct identity_names *names);
void document_write_texts(struct document_writer *writer, const char *field, const struct identity_texts *texts);
void document_write_value(struct document_writer *writer, const char *field, json_t *take_value);
/* NULL when something cannot be written: it is no UTF-8. */
json_t *document_finish_value(struct document_writer *writer);
char *document_finish(struct document_writer *writer); /* the text, to be freed; NULL likewise */
/* The row of that name is to be what was written. */
void identity_changes_put(struct identity_changes *changes, enum identity_table table, const char *name,
                          struct document_writer *writer);

#endif
