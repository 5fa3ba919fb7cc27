/* Form byte, nonce, what AES-256-GCM made of the text, tag; see the header. */
#include "base/seal.h"

#include <assert.h>
#include <limits.h>
#include <openssl/evp.h>
#include <string.h>

#include "base/check.h"

enum { FORM = 1, NONCE_LEN = 12, TAG_LEN = 16, FRONT_LEN = 1 + NONCE_LEN };
static_assert(SEAL_MORE == FRONT_LEN + TAG_LEN, "the header says by how much the text grows");

/* Those of programs; a context of whole buffers is below INT_MAX by far. */
static int length(size_t len)
{
    CHECK(len <= INT_MAX / 2);
    return (int)len;
}

static const unsigned char *octets(const char *data)
{
    return (const unsigned char *)(data ? data : "");
}

enum status seal_close(const struct seal_key *key, struct bytes text, struct bytes context, struct buffer *sealed)
{
    EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
    unsigned char *out = (unsigned char *)buffer_reserve(sealed, text.len + SEAL_MORE);
    int len = 0, last = 0;

    CHECK(cipher);
    if (!out) {
        EVP_CIPHER_CTX_free(cipher);
        return STATUS_LIMIT;
    }
    out[0] = FORM;
    random_bytes(out + 1, NONCE_LEN);
    CHECK(EVP_EncryptInit_ex(cipher, EVP_aes_256_gcm(), NULL, key->bytes, out + 1) == 1);
    CHECK(EVP_EncryptUpdate(cipher, NULL, &len, octets(context.data), length(context.len)) == 1);
    CHECK(EVP_EncryptUpdate(cipher, out + FRONT_LEN, &len, octets(text.data), length(text.len)) == 1);
    CHECK(EVP_EncryptFinal_ex(cipher, out + FRONT_LEN + len, &last) == 1);
    CHECK(len + last == length(text.len));
    CHECK(EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_GCM_GET_TAG, TAG_LEN, out + FRONT_LEN + text.len) == 1);
    sealed->len += text.len + SEAL_MORE;
    EVP_CIPHER_CTX_free(cipher);
    return STATUS_OK;
}

enum status seal_open(const struct seal_key *key, struct bytes sealed, struct bytes context, struct buffer *text)
{
    const unsigned char *in = octets(sealed.data);
    unsigned char tag[TAG_LEN];
    int len = 0, last = 0;

    if (sealed.len < SEAL_MORE || in[0] != FORM)
        return STATUS_DENIED;
    size_t text_len = sealed.len - SEAL_MORE;
    unsigned char *out = (unsigned char *)buffer_reserve(text, text_len + 1);
    if (!out)
        return STATUS_LIMIT;
    EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
    CHECK(cipher);
    memcpy(tag, in + FRONT_LEN + text_len, TAG_LEN);
    CHECK(EVP_DecryptInit_ex(cipher, EVP_aes_256_gcm(), NULL, key->bytes, in + 1) == 1);
    CHECK(EVP_DecryptUpdate(cipher, NULL, &len, octets(context.data), length(context.len)) == 1);
    CHECK(EVP_DecryptUpdate(cipher, out, &len, in + FRONT_LEN, length(text_len)) == 1);
    CHECK(EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_GCM_SET_TAG, TAG_LEN, tag) == 1);
    bool genuine = EVP_DecryptFinal_ex(cipher, out + len, &last) == 1;
    EVP_CIPHER_CTX_free(cipher);
    if (!genuine) {
        explicit_bzero(out, text_len);
        return STATUS_DENIED;
    }
    text->len += text_len;
    text->data[text->len] = '\0';
    return STATUS_OK;
}
