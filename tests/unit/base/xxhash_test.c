/* xxHash: the values that its author's tool prints, however the bytes are cut. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/bytes.h"
#include "base/xxhash.h"

static void test_values(void **state)
{
    static const struct {
        enum xxhash_type type;
        size_t len;
        const char *text, *hex;
    } rows[] = {
        {XXHASH_64, 8, "", "ef46db3751d8e999"},
        {XXHASH_64, 8, "hello world", "45ab6734b21e6968"},
        {XXHASH_3, 8, "", "2d06800538d394c2"},
        {XXHASH_3, 8, "hello world", "d447b1ea40e6988b"},
        {XXHASH_128, 16, "", "99aa06d3014798d86001c324468d497f"},
        {XXHASH_128, 16, "hello world", "df8d09e93f874900a99b8775cc15b6c7"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        for (size_t cut = 0; cut <= strlen(rows[i].text); cut++) {
            uint8_t out[XXHASH_LEN_MAX];
            char hex[2 * XXHASH_LEN_MAX + 1];
            struct xxhash hash;

            xxhash_init(&hash, rows[i].type);
            xxhash_update(&hash, rows[i].text, cut);
            xxhash_update(&hash, rows[i].text + cut, strlen(rows[i].text) - cut);
            xxhash_final(&hash, out);
            xxhash_release(&hash); /* once more */
            hex_encode(out, rows[i].len, hex);
            assert_string_equal(hex, rows[i].hex);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_values)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
