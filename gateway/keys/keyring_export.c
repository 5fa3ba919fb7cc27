/* Sealing a keyring by a passphrase; see the header. */
#include "gateway/keys/keyring_export.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/passphrase.h"
#include "base/secret_file.h"
#include "gateway/keys/keyring.h"

#define HEAD       "tercet-keyring-export 1 scrypt 131072 8 1 " /* N, r, p; then the salt */
#define LINE_LEN   76
#define SEALED_MAX (KEYRING_FILE_BYTES_MAX + SEAL_MORE)
#define TEXT_MAX   (2 * SEALED_MAX + 1024)

/* The line that says how the key is made; without its end it is bound. */
static struct bytes make_head(const uint8_t salt[PASSPHRASE_SALT_LEN], char head[256])
{
    char hex[2 * PASSPHRASE_SALT_LEN + 1];

    hex_encode(salt, PASSPHRASE_SALT_LEN, hex);
    snprintf(head, 256, HEAD "%s", hex);
    return bytes_from_str(head);
}

static enum status write_sealed(const char *path, struct bytes head, struct bytes sealed)
{
    size_t size = 4 * ((sealed.len + 2) / 3) + 1;
    char *encoded = mem_alloc(size);
    struct buffer text;

    buffer_init(&text, TEXT_MAX);
    base64_encode(sealed.data, sealed.len, encoded);
    size_t len = strlen(encoded);
    enum status status = buffer_append_str(&text, "# Tercet keyring, sealed by a passphrase: see -import-keys\n");
    if (!status)
        status = buffer_append_bytes(&text, head);
    for (size_t at = 0; at < len && !status; at += LINE_LEN) {
        status = buffer_append_char(&text, '\n');
        if (!status)
            status = buffer_append(&text, encoded + at, len - at < LINE_LEN ? len - at : LINE_LEN);
    }
    if (!status)
        status = buffer_append_char(&text, '\0');
    if (!status)
        status = secret_file_create(path, text.data);
    buffer_release(&text);
    free(encoded);
    return status;
}

enum status keyring_export(const char *path, const char *sealed, const char *passphrase, const char **error)
{
    char *text = mem_alloc(KEYRING_FILE_BYTES_MAX), head[256];
    struct keyring *keyring = NULL;
    uint8_t salt[PASSPHRASE_SALT_LEN];
    struct buffer out;
    struct seal_key key;
    size_t len = 0;

    buffer_init(&out, SEALED_MAX);
    *error = "the passphrase has at least 12 characters";
    enum status status = strlen(passphrase) < KEYRING_PASSPHRASE_MIN ? STATUS_LIMIT : STATUS_OK;
    if (!status) {
        *error = "it is no keyring";
        status = keyring_open(path, &keyring);
    }
    if (!status)
        status = secret_file_read_whole(path, text, KEYRING_FILE_BYTES_MAX, &len, error);
    if (!status) {
        *error = "it cannot be written";
        random_bytes(salt, sizeof(salt));
        status = passphrase_key(passphrase, salt, &key);
    }
    if (!status)
        status = seal_close(&key, bytes_of(text, len), make_head(salt, head), &out);
    if (!status)
        status = write_sealed(sealed, bytes_from_str(head), buffer_bytes(&out));
    explicit_bzero(&key, sizeof(key));
    explicit_bzero(text, KEYRING_FILE_BYTES_MAX);
    keyring_free(keyring);
    buffer_release(&out);
    free(text);
    return status;
}

/* Takes comments and line ends out of the text behind the head. */
static struct bytes join_lines(char *text)
{
    size_t len = 0;

    for (const char *at = text; *at; at++)
        if (*at != '\n' && *at != '\r' && *at != ' ')
            text[len++] = *at;
    return bytes_of(text, len);
}

static enum status parse(char *text, uint8_t salt[PASSPHRASE_SALT_LEN], struct bytes *encoded)
{
    char *line = text;

    while (*line == '#' || *line == '\n') {
        line = strchr(line, '\n');
        if (!line)
            return STATUS_INVALID;
        line++;
    }
    char *end = strchr(line, '\n');
    if (!end || strncmp(line, HEAD, strlen(HEAD)) != 0)
        return STATUS_INVALID;
    line += strlen(HEAD);
    struct bytes hex = bytes_trim(bytes_of(line, (size_t)(end - line)));
    if (hex.len != (size_t)2 * PASSPHRASE_SALT_LEN || hex_decode(hex, salt, PASSPHRASE_SALT_LEN))
        return STATUS_INVALID;
    *encoded = join_lines(end);
    return STATUS_OK;
}

static enum status open_sealed(char *text, const char *passphrase, struct buffer *keys, const char **error)
{
    char *sealed = mem_alloc(SEALED_MAX), head[256];
    size_t len = SEALED_MAX;
    uint8_t salt[PASSPHRASE_SALT_LEN];
    struct bytes encoded;
    struct seal_key key;

    *error = "it is no keyring that was sealed by -export-keys";
    enum status status = parse(text, salt, &encoded);
    if (!status && (encoded.len > TEXT_MAX / 4 * 3 || base64_decode(encoded, sealed, &len)))
        status = STATUS_INVALID;
    if (!status) {
        *error = "the passphrase is another one, or the file was changed";
        status = passphrase_key(passphrase, salt, &key);
    }
    if (!status)
        status = seal_open(&key, bytes_of(sealed, len), make_head(salt, head), keys);
    explicit_bzero(&key, sizeof(key));
    free(sealed);
    return status;
}

enum status keyring_import(const char *path, const char *sealed, const char *passphrase, const char **error)
{
    char *text = mem_alloc(TEXT_MAX);
    struct buffer keys;
    size_t len;

    buffer_init(&keys, KEYRING_FILE_BYTES_MAX);
    *error = "there is a file already: it is not replaced";
    enum status status = access(path, F_OK) == 0 || errno != ENOENT ? STATUS_EXISTS : STATUS_OK;
    if (!status)
        status = secret_file_read_whole(sealed, text, TEXT_MAX, &len, error);
    if (!status)
        status = open_sealed(text, passphrase, &keys, error);
    if (!status) {
        *error = "the keyring cannot be written";
        while (keys.len > 0 && keys.data[keys.len - 1] == '\n')
            keys.len--;
        status = buffer_append_char(&keys, '\0');
    }
    if (!status)
        status = secret_file_create(path, keys.data);
    if (keys.len > 0)
        explicit_bzero(keys.data, keys.len);
    buffer_release(&keys);
    free(text);
    return status;
}
