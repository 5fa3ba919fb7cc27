/* A gateway within the test: the real pipeline and handlers on an HTTP server of their own, its metadata and its nodes
 * in memory (meta/store_memory.h, fake_cluster.h), and the clock held (base/clock.h), so that nothing happens by time
 * that the test does not let pass. A test asks as a client would and looks at the answer. */
#ifndef TERCET_TESTS_GATEWAY_FIXTURE_H
#define TERCET_TESTS_GATEWAY_FIXTURE_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdatomic.h>

#include "gateway/gateway.h"
#include "tests/unit/base/http_peer.h"
#include "tests/unit/gateway/fake_cluster.h"

#define FIXTURE_CHUNK_BYTES    65536
#define FIXTURE_NODES          4
#define FIXTURE_ACCESS_KEY     "AKIDEXAMPLE"
#define FIXTURE_SECRET_KEY     "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
#define FIXTURE_IDENTITY_CACHE (64u << 10)
#define FIXTURE_TOKEN          "token-of-the-files"

struct fixture {
    struct gateway gateway;
    struct http_server *server;
    struct meta_store *store;
    char directory[64]; /* a temporary one */
    /* These take effect with fixture_look_at_disk. Low: there is room for commits, but not for data. */
    atomic_bool disk_is_low, disk_is_full;
    const char *user_key, *user_secret; /* the test's, for USER */
    const char *user_token;             /* of temporary credentials, which calls by USER are sent with; NULL: none */
    void (*in_form)(struct fixture *);  /* called when the gateway has begun to receive the form of a call; or NULL */
    struct answer answer;               /* the last one */
};

/* For cmocka's set-up and tear-down; *state is the fixture. With two loops. */
int fixture_setup(void **state);
int fixture_teardown(void **state);
void fixture_look_at_disk(struct fixture *fixture);

/* Who asks. */
enum asker {
    ROOT,      /* signed with the root key */
    ANONYMOUS, /* without credentials */
    FORGER,    /* signed with another secret */
    STRANGER,  /* signed with a key that does not exist */
    BEARER,    /* with the token of the documented API */
    USER,      /* signed with fixture->user_key */
};

/* Sends one request on a connection of its own; headers: whole lines, or "" for none; body: text, or NULL for none.
 * The target's query has its parameters in order. Returns the answer's status; all of it is in fixture->answer. */
int ask(struct fixture *fixture, enum asker asker, const char *method, const char *target, const char *headers,
        const char *body);
/* The same, with a body of any bytes, at any place; answer_free is the caller's. For many threads. */
void ask_bytes(struct fixture *fixture, enum asker asker, const char *method, const char *target, const char *headers,
               struct bytes body, struct answer *answer);
/* Calls IAM's Query API with a form, as root; as somebody else, signed for this service, and with another form than the
 * one that was signed. The answer is the fixture's, its status is returned. */
int call(struct fixture *fixture, const char *form);
int call_as(struct fixture *fixture, enum asker asker, const char *service, const char *form, const char *sent);
/* The code of the last answer: of S3's XML, or the "error" of the documented API; "" when it has none. */
const char *answered_code(struct fixture *fixture);

/* ask() and what must come of it. */
#define assert_answer(fixture, asker, method, target, headers, body, expected_status, expected_code)                   \
    do {                                                                                                               \
        assert_int_equal(ask(fixture, asker, method, target, headers, body), expected_status);                         \
        assert_string_equal(answered_code(fixture), expected_code);                                                    \
    } while (0)

/* PUT of a document, with the digest that it needs, and what must come of it. */
void assert_document_put(struct fixture *fixture, enum asker asker, const char *target, const char *document,
                         int expected_status, const char *expected_code);

/* Runs fn(arg) as a task of the first loop and waits for its end. */
void fixture_run(struct fixture *fixture, void (*fn)(void *arg), void *arg);
/* Waits until no request is under way: one ends a little after its answer. */
void fixture_settle(struct fixture *fixture);
/* Lets time pass, and the loops see it. */
void fixture_pass(struct fixture *fixture, uint64_t ms);

#endif
