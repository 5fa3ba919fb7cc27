/* The keyring's file, and descriptions of encrypted objects: they open with their key in their place, and only so. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gateway/keys/keyring.h"
#include "gateway/object/encryption.h"
#include "meta/attributes.h"

static char path[64];

static int setup(void **state)
{
    (void)state;
    strcpy(path, "/tmp/keyring-XXXXXX");
    int fd = mkstemp(path);
    close(fd);
    return unlink(path);
}

static int teardown(void **state)
{
    (void)state;
    unlink(path);
    return 0;
}

static void write_text(const char *text, mode_t mode)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0 && fclose(file) == 0 && chmod(path, mode) == 0);
}

static void test_file(void **state)
{
    (void)state;
    char name[KEY_NAME_MAX + 1];
    struct seal_key first, again;
    struct keyring *keyring;
    struct stat info;
    const char *error;

    assert_int_equal(keyring_file_add(path, "a", &error), STATUS_OK);
    assert_true(stat(path, &info) == 0 && (info.st_mode & 0777) == 0600);
    assert_int_equal(keyring_file_add(path, "a", &error), STATUS_EXISTS);
    assert_int_equal(keyring_file_add(path, "a b", &error), STATUS_INVALID);
    assert_int_equal(keyring_file_add(path, "", &error), STATUS_INVALID);
    assert_int_equal(keyring_open(path, &keyring), STATUS_OK);
    assert_int_equal(keyring_find(keyring, BYTES("a"), &first), STATUS_OK);
    assert_int_equal(keyring_file_add(path, "b.2", &error), STATUS_OK);
    assert_int_equal(keyring_find(keyring, BYTES("b.2"), &again), STATUS_NOT_FOUND);
    keyring_reload(keyring);
    key_provider_current(keyring_provider(keyring), name);
    assert_string_equal(name, "b.2");
    assert_int_equal(key_provider_find(keyring_provider(keyring), BYTES("a")), STATUS_OK);
    assert_int_equal(key_provider_find(keyring_provider(keyring), BYTES("c")), STATUS_NOT_FOUND);
    assert_int_equal(keyring_find(keyring, BYTES("a"), &again), STATUS_OK);
    assert_memory_equal(&first, &again, sizeof(first));
    write_text("key x", 0600);
    keyring_reload(keyring); /* keeps what it has */
    assert_int_equal(keyring_find(keyring, BYTES("a"), &again), STATUS_OK);
    keyring_free(keyring);
}

#define HEX "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static void test_wrong_files(void **state)
{
    (void)state;
    static const char *const wrong[] = {"",
                                        "key a " HEX "\n",
                                        "key a " HEX "\ncurrent b\n",
                                        "key a " HEX "\nkey a " HEX "\ncurrent a\n",
                                        "key a 00\ncurrent a\n",
                                        "key a " HEX " more\ncurrent a\n",
                                        "lock a " HEX "\ncurrent a\n",
                                        "current\n"};
    struct keyring *keyring;

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        write_text(wrong[i], 0600);
        assert_int_equal(keyring_open(path, &keyring), STATUS_INVALID);
        assert_null(keyring);
    }
    write_text("# a comment\n\n  key\ta " HEX "  \ncurrent a", 0644);
    assert_int_equal(keyring_open(path, &keyring), STATUS_DENIED);
    assert_int_equal(chmod(path, 0600), 0);
    assert_int_equal(keyring_open(path, &keyring), STATUS_OK);
    keyring_free(keyring);
    unlink(path);
    assert_int_equal(keyring_open(path, &keyring), STATUS_IO);
}

static enum status open_packed(struct key_provider *keys, const struct seal_key *customer, struct bytes description,
                               const char *bucket, const char *name, struct object_key *key)
{
    const struct meta_attribute attribute = {META_ATTRIBUTE_SEALED, description};
    const struct encryption_place place = {bytes_from_str(bucket), bytes_from_str(name)};
    struct encryption encryption;
    struct buffer packed;

    buffer_init(&packed, META_ATTRIBUTES_BYTES_MAX);
    assert_int_equal(meta_attributes_pack((struct bytes){0}, &attribute, 1, &packed), STATUS_OK);
    enum status status = encryption_read(buffer_bytes(&packed), &encryption);
    if (!status)
        status = encryption_open(keys, customer, &encryption, &place, key);
    buffer_release(&packed);
    return status;
}

static void test_descriptions(void **state)
{
    (void)state;
    const struct encryption_place place = {BYTES("bucket"), BYTES("key")};
    const struct encryption encryption = {
        .kind = ENCRYPTION_KMS, .bucket_key = true, .key_name = BYTES("a"), .context = BYTES("e30=")};
    struct object_key key, opened;
    struct buffer description;
    struct keyring *keyring, *others;

    write_text("key a " HEX "\ncurrent a", 0600);
    assert_int_equal(keyring_open(path, &keyring), STATUS_OK);
    write_text("key b " HEX "\ncurrent b", 0600);
    assert_int_equal(keyring_open(path, &others), STATUS_OK);
    encryption_key_create(ENCRYPTION_KMS, &key);
    buffer_init(&description, ENCRYPTION_DESCRIPTION_BYTES_MAX);
    assert_int_equal(encryption_write(keyring_provider(others), NULL, &encryption, &place, &key, &description),
                     STATUS_NOT_FOUND);
    assert_int_equal(encryption_write(keyring_provider(keyring), NULL, &encryption, &place, &key, &description),
                     STATUS_OK);
    struct bytes whole = buffer_bytes(&description);
    assert_null(memmem(whole.data, whole.len, key.key.bytes, SEAL_KEY_LEN));
    assert_int_equal(open_packed(keyring_provider(keyring), NULL, whole, "bucket", "key", &opened), STATUS_OK);
    assert_memory_equal(&opened.key, &key.key, sizeof(key.key));
    assert_memory_equal(opened.id.bytes, key.id.bytes, BLOCK_SEAL_ID_LEN);
    assert_true(opened.hides_md5);
    assert_int_equal(open_packed(keyring_provider(others), NULL, whole, "bucket", "key", &opened), STATUS_NOT_FOUND);
    assert_int_equal(open_packed(NULL, NULL, whole, "bucket", "key", &opened), STATUS_NOT_FOUND);
    assert_int_equal(open_packed(keyring_provider(keyring), NULL, whole, "bucket", "other", &opened), STATUS_CORRUPT);
    assert_int_equal(open_packed(keyring_provider(keyring), NULL, whole, "other", "key", &opened), STATUS_CORRUPT);
    for (size_t i = 0; i < whole.len; i++) {
        description.data[i] ^= 2; /* also the kind: KMS is not SSE-S3 by another name */
        assert_int_not_equal(open_packed(keyring_provider(keyring), &key.key, whole, "bucket", "key", &opened),
                             STATUS_OK);
        description.data[i] ^= 2;
        assert_int_not_equal(
            open_packed(keyring_provider(keyring), NULL, bytes_of(whole.data, i), "bucket", "key", &opened), STATUS_OK);
    }
    buffer_release(&description);
    keyring_free(keyring);
    keyring_free(others);
}

static void test_customers(void **state)
{
    (void)state;
    const struct encryption_place place = {BYTES("bucket"), BYTES("key")};
    const struct encryption encryption = {.kind = ENCRYPTION_CUSTOMER};
    const struct seal_key mine = {"0123456789abcdef0123456789abcde"}, other = {"0123456789abcdef0123456789abcdf"};
    struct object_key key, opened;
    struct buffer description;

    encryption_key_create(ENCRYPTION_CUSTOMER, &key);
    buffer_init(&description, ENCRYPTION_DESCRIPTION_BYTES_MAX);
    assert_int_equal(encryption_write(NULL, &mine, &encryption, &place, &key, &description), STATUS_OK);
    struct bytes whole = buffer_bytes(&description);
    assert_int_equal(open_packed(NULL, &mine, whole, "bucket", "key", &opened), STATUS_OK);
    assert_memory_equal(&opened.key, &key.key, sizeof(key.key));
    assert_int_equal(open_packed(NULL, &other, whole, "bucket", "key", &opened), STATUS_DENIED);
    buffer_release(&description);
}

/* Names are copied to where a name of the longest kind has room. */
static void test_long_names(void **state)
{
    (void)state;
    char document[3 + BLOCK_SEAL_ID_LEN + 1 + KEY_NAME_MAX + 1 + 2 + 61] = {1, ENCRYPTION_S3};
    struct encryption encryption;

    document[3 + BLOCK_SEAL_ID_LEN] = KEY_NAME_MAX;
    assert_int_equal(encryption_read_document(bytes_of(document, sizeof(document)), &encryption), STATUS_OK);
    assert_int_equal(encryption.key_name.len, KEY_NAME_MAX);
    document[3 + BLOCK_SEAL_ID_LEN] = KEY_NAME_MAX + 1;
    assert_int_equal(encryption_read_document(bytes_of(document, sizeof(document)), &encryption), STATUS_CORRUPT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_file, setup, teardown),
        cmocka_unit_test_setup_teardown(test_wrong_files, setup, teardown),
        cmocka_unit_test_setup_teardown(test_descriptions, setup, teardown),
        cmocka_unit_test_setup_teardown(test_customers, setup, teardown),
        cmocka_unit_test(test_long_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
