/* A keyring sealed by a passphrase, for a copy in another place: on a machine of somebody else, in a safe, on paper.
 * The file is text; what it says of its making is bound to what is sealed. docs/internals/encryption.md has the form.
 */
#ifndef TERCET_GATEWAY_KEYRING_EXPORT_H
#define TERCET_GATEWAY_KEYRING_EXPORT_H

#include "base/status.h"

#define KEYRING_PASSPHRASE_MIN 12
#define KEYRING_PASSPHRASE_MAX 1024

/* Writes the keyring at `path` to the file `sealed`, which is replaced if it is there. As keyring_open; LIMIT: the
 * passphrase is too short. *error is a static text. Blocks, for a second. */
enum status keyring_export(const char *path, const char *sealed, const char *passphrase, const char **error);
/* The way back: makes the keyring at `path`. EXISTS: there is a file; DENIED: the passphrase is another, or the file
 * was changed; INVALID: it is none of these files. */
enum status keyring_import(const char *path, const char *sealed, const char *passphrase, const char **error);

#endif
