/* Secrets in files, for keys that must not be seen in a list of processes. */
#ifndef TERCET_BASE_SECRET_FILE_H
#define TERCET_BASE_SECRET_FILE_H

#include <stddef.h>

#include "base/status.h"

/* Reads the first line of the file, without its end, into out with a NUL. STATUS_DENIED when somebody beside the owner
 * may change the file, or beside owner and group may read it (the mode of a file that an access control list opens to
 * one user, as systemd hands credentials over, looks as if the group could read it); STATUS_LIMIT when the line is
 * longer than size - 1, else STATUS_IO. *error is a static text that explains. */
enum status secret_file_read(const char *path, char *out, size_t size, const char **error);

/* The same with the whole file, which is not a line of text only; *len without the NUL. */
enum status secret_file_read_whole(const char *path, char *out, size_t size, size_t *len, const char **error);

/* Makes a file with that line (or with those lines), which its owner alone may read, durably: the file is there whole,
 * or not at all. One of that name is replaced. Blocks. */
enum status secret_file_create(const char *path, const char *text);

#endif
