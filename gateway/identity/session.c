/* The token of temporary credentials; see the header. It is a document like those of the directory, sealed, in base64.
 */
#include "gateway/identity/session.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/checksum.h"
#include "base/clock.h"
#include "gateway/identity/document.h"

#define TEXT_MAX  (SESSION_TOKEN_MAX / 4 * 3 - SEAL_MORE)
#define PROOF_LEN 16 /* bytes of the MAC that is kept */

static const struct {
    enum session_kind kind;
    const char *name;
} kinds[] = {{SESSION_OF_USER, "user"}, {SESSION_OF_ROLE, "role"}, {SESSION_FEDERATED, "federated"}};

/* A key for one purpose and one access key. */
static void derive(const struct seal_key *seal, const char *purpose, struct bytes key_id, uint8_t out[SHA256_LEN])
{
    struct buffer text;

    buffer_init(&text, 256);
    enum status status = buffer_printf(&text, "%s %.*s", purpose, (int)key_id.len, key_id.data);
    CHECK(status == STATUS_OK);
    hmac_sha256(bytes_of((const char *)seal->bytes, sizeof(seal->bytes)), buffer_bytes(&text), out);
    buffer_release(&text);
}

static void token_key(const struct seal_key *seal, struct bytes key_id, struct seal_key *key)
{
    static_assert(SEAL_KEY_LEN == SHA256_LEN, "a derived key is a MAC");
    derive(seal, "session token", key_id, key->bytes);
}

/* ---- making --------------------------------------------------------------------------------------------------- */

void identity_session_begin(struct identity_session *session, enum session_kind kind, int64_t duration_seconds)
{
    char id[IDENTITY_ID_LEN + 1], secret[ACCESS_KEY_SECRET_LEN + 1];
    uint8_t random[ACCESS_KEY_SECRET_LEN / 4 * 3];
    int64_t now_ms = clock_wall_ms();

    identity_id_create("ASIA", id);
    id[ACCESS_KEY_ID_LEN] = '\0';
    random_bytes(random, sizeof(random));
    base64_encode(random, sizeof(random), secret);
    *session = (struct identity_session){.kind = kind,
                                         .key_id = mem_strdup(id),
                                         .secret = mem_strdup(secret),
                                         .issued_ms = now_ms,
                                         .expires_ms = now_ms + duration_seconds * 1000};
    explicit_bzero(random, sizeof(random));
    explicit_bzero(secret, sizeof(secret));
}

static void make_proof(const struct identity_session *session, const struct seal_key *seal, struct bytes maker_secret,
                       char proof[2 * PROOF_LEN + 1])
{
    uint8_t key[SHA256_LEN], mac[SHA256_LEN];

    derive(seal, "session maker", bytes_from_str(session->key_id), key);
    hmac_sha256(bytes_of((const char *)key, sizeof(key)), maker_secret, mac);
    hex_encode(mac, PROOF_LEN, proof);
    explicit_bzero(key, sizeof(key));
}

void identity_session_bind(struct identity_session *session, const struct seal_key *seal, struct bytes maker,
                           struct bytes maker_secret)
{
    char proof[2 * PROOF_LEN + 1];

    make_proof(session, seal, maker_secret, proof);
    session->maker = mem_strndup(maker.data, maker.len);
    session->maker_proof = mem_strdup(proof);
}

bool identity_session_is_bound(const struct identity_session *session, const struct seal_key *seal,
                               struct bytes maker_secret)
{
    char proof[2 * PROOF_LEN + 1];

    make_proof(session, seal, maker_secret, proof);
    return session->maker_proof &&
           bytes_equal_constant_time(bytes_from_str(proof), bytes_from_str(session->maker_proof));
}

size_t identity_session_packed_bytes(const struct identity_session *session)
{
    size_t bytes = 0;

    for (size_t i = 0; i < session->policies.count; i++)
        bytes += strlen(session->policies.items[i].text);
    for (size_t i = 0; i < session->tags.count; i++)
        bytes += strlen(session->tags.items[i].name) + strlen(session->tags.items[i].text);
    return bytes;
}

static void write_claims(struct document_writer *writer, const struct identity_claims *claims)
{
    if (!claims->issuer)
        return;
    document_write_text(writer, "issuer", claims->issuer);
    document_write_text(writer, "subject", claims->subject);
    document_write_text(writer, "audience", claims->audience);
    document_write_text(writer, "otherAudience", claims->other_audience);
    document_write_texts(writer, "methods", &claims->methods);
}

static char *write_document(const struct identity_session *session)
{
    struct document_writer writer;

    document_begin(&writer);
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (kinds[i].kind == session->kind)
            document_write_text(&writer, "kind", kinds[i].name);
    document_write_text(&writer, "secret", session->secret);
    document_write_text(&writer, "holder", session->holder);
    document_write_text(&writer, "holderId", session->holder_id);
    document_write_text(&writer, "maker", session->maker);
    document_write_text(&writer, "makerProof", session->maker_proof);
    document_write_text(&writer, "name", session->name);
    document_write_integer(&writer, "issued", session->issued_ms);
    document_write_integer(&writer, "expires", session->expires_ms);
    document_write_texts(&writer, "policies", &session->policies);
    document_write_texts(&writer, "tags", &session->tags);
    document_write_names(&writer, "transitive", &session->transitive);
    document_write_text(&writer, "sourceIdentity", session->source_identity);
    write_claims(&writer, &session->claims);
    return document_finish(&writer);
}

static enum status seal_text(const struct identity_session *session, const struct seal_key *seal, struct bytes text,
                             struct buffer *token)
{
    struct bytes key_id = bytes_from_str(session->key_id);
    struct buffer sealed;
    struct seal_key key;

    buffer_init(&sealed, TEXT_MAX + SEAL_MORE);
    token_key(seal, key_id, &key);
    enum status status = seal_close(&key, text, key_id, &sealed);
    explicit_bzero(&key, sizeof(key));
    if (!status) {
        char *out = buffer_reserve(token, (sealed.len + 2) / 3 * 4 + 1);
        if (out)
            token->len += base64_encode(sealed.data, sealed.len, out);
        else
            status = STATUS_LIMIT;
    }
    buffer_release(&sealed);
    return status;
}

enum status identity_session_seal(const struct identity_session *session, const struct seal_key *seal,
                                  struct buffer *token)
{
    char *text = write_document(session);

    if (!text)
        return STATUS_INVALID;
    enum status status = seal_text(session, seal, bytes_from_str(text), token);
    explicit_bzero(text, strlen(text));
    free(text);
    return status;
}

/* ---- opening -------------------------------------------------------------------------------------------------- */

/* What was sealed here is well-formed, unless another version of this program sealed it. */
static bool is_whole(const struct identity_session *session)
{
    bool of_role = session->kind == SESSION_OF_ROLE;

    return strlen(session->secret) == ACCESS_KEY_SECRET_LEN && session->issued_ms > 0 &&
           session->expires_ms > session->issued_ms && session->policies.count <= SESSION_POLICIES_MAX &&
           of_role == !session->maker && of_role == !session->maker_proof &&
           (!of_role || (session->holder[0] && session->holder_id[0])) &&
           (session->kind == SESSION_OF_USER) == !session->name[0];
}

static void read_claims(struct document_reader *reader, struct identity_claims *claims)
{
    claims->issuer = document_take_optional(reader, "issuer");
    if (!claims->issuer)
        return;
    claims->subject = document_take_text(reader, "subject");
    claims->audience = document_take_text(reader, "audience");
    claims->other_audience = document_take_optional(reader, "otherAudience");
    document_take_texts(reader, "methods", &claims->methods);
}

static enum status read_document(struct bytes text, struct identity_session *session)
{
    struct document_reader reader;
    bool known = false;

    document_open(&reader, text);
    char *kind = document_take_text(&reader, "kind");
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (strcmp(kind, kinds[i].name) == 0) {
            session->kind = kinds[i].kind;
            known = true;
        }
    free(kind);
    session->secret = document_take_text(&reader, "secret");
    session->holder = document_take_text(&reader, "holder");
    session->holder_id = document_take_text(&reader, "holderId");
    session->maker = document_take_optional(&reader, "maker");
    session->maker_proof = document_take_optional(&reader, "makerProof");
    session->name = document_take_text(&reader, "name");
    session->issued_ms = document_take_integer(&reader, "issued");
    session->expires_ms = document_take_integer(&reader, "expires");
    document_take_texts(&reader, "policies", &session->policies);
    document_take_texts(&reader, "tags", &session->tags);
    document_take_names(&reader, "transitive", &session->transitive);
    session->source_identity = document_take_optional(&reader, "sourceIdentity");
    read_claims(&reader, &session->claims);
    return document_close(&reader) == STATUS_OK && known && is_whole(session) ? STATUS_OK : STATUS_DENIED;
}

static bool is_key_id(struct bytes key_id)
{
    return key_id.len == ACCESS_KEY_ID_LEN && bytes_starts_with(key_id, BYTES("ASIA"));
}

enum status identity_session_open(const struct seal_key *seal, struct bytes key_id, struct bytes token,
                                  struct identity_session *session)
{
    size_t len = SESSION_TOKEN_MAX;
    struct buffer text;
    struct seal_key key;

    *session = (struct identity_session){.kind = SESSION_OF_USER};
    if (!is_key_id(key_id) || token.len == 0 || token.len > SESSION_TOKEN_MAX)
        return STATUS_DENIED;
    char *sealed = mem_alloc(SESSION_TOKEN_MAX);
    buffer_init(&text, SESSION_TOKEN_MAX);
    enum status status = base64_decode(token, sealed, &len);
    if (!status) {
        token_key(seal, key_id, &key);
        status = seal_open(&key, bytes_of(sealed, len), key_id, &text);
        explicit_bzero(&key, sizeof(key));
    }
    if (!status) {
        session->key_id = mem_strndup(key_id.data, key_id.len);
        status = read_document(buffer_bytes(&text), session);
        explicit_bzero(text.data, text.len);
    }
    buffer_release(&text);
    free(sealed);
    if (status)
        identity_session_release(session);
    return status ? STATUS_DENIED : STATUS_OK;
}

void identity_claims_release(struct identity_claims *claims)
{
    free(claims->issuer);
    free(claims->subject);
    free(claims->audience);
    free(claims->other_audience);
    identity_texts_release(&claims->methods);
    *claims = (struct identity_claims){.issuer = NULL};
}

void identity_session_release(struct identity_session *session)
{
    if (session->secret)
        explicit_bzero(session->secret, strlen(session->secret));
    free(session->key_id);
    free(session->secret);
    free(session->holder);
    free(session->holder_id);
    free(session->maker);
    free(session->maker_proof);
    free(session->name);
    free(session->source_identity);
    identity_texts_release(&session->policies);
    identity_texts_release(&session->tags);
    identity_names_release(&session->transitive);
    identity_claims_release(&session->claims);
    *session = (struct identity_session){.kind = SESSION_OF_USER};
}
