/* The policy language of AWS IAM and S3: reading a document, and deciding a request by one or by a set of them. Pure:
 * no I/O, no state, no clock; what a decision depends on stands in the request. A policy is immutable once it is
 * parsed, so that any number of threads may ask it.
 *
 * What cannot be decided is decided against the caller: a condition on a key that nobody here knows, or on a value that
 * is not of the operator's type, makes an Allow void and lets a Deny hold. A key that is known and that this request
 * does not have follows AWS's rules for missing keys. Actions of Tercet's own (tercet:UseFiles) are allowed only by a
 * pattern that begins with `tercet:`, and not by a bucket's policy.
 *
 * A decision is bounded whatever the policies and the request say: it has POLICY_STEPS_MAX steps, for all policies
 * together. A step is a few nanoseconds, all of them a few milliseconds (docs/internals/policies.md has what was
 * measured). What is left when they are used up is not looked at: its Allows are void, its Denies hold. */
#ifndef TERCET_COMPAT_POLICY_H
#define TERCET_COMPAT_POLICY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/bytes.h"
#include "base/status.h"

/* Bounds of documents. BUCKET counts bytes, the others what is not white space. Smaller bounds, of all policies of a
 * user together for example, are the caller's: policy_quota_chars(). */
#define POLICY_BUCKET_BYTES_MAX   20480
#define POLICY_DOCUMENT_BYTES_MAX 131072
#define POLICY_IDENTITY_CHARS_MAX 10240 /* of a role, the widest */
#define POLICY_BOUNDARY_CHARS_MAX 6144
#define POLICY_SESSION_CHARS_MAX  2048
#define POLICY_TRUST_CHARS_MAX    4096
#define POLICY_PROBLEM_MAX        256

/* Bounds of a decision. A value of a condition key that is longer is not looked at: the key is UNKNOWN. */
#define POLICY_STEPS_MAX       (1u << 19)
#define POLICY_VALUE_BYTES_MAX 2048

enum policy_kind {
    POLICY_IDENTITY, /* of a user, a group or a role, inline or managed */
    POLICY_BOUNDARY,
    POLICY_SESSION,
    POLICY_BUCKET, /* has principals, and resources of one bucket */
    POLICY_TRUST,  /* of a role: has principals, and no resources */
};

struct policy;

/* For MalformedPolicy: what is wrong and where, printable ASCII. */
struct policy_problem {
    char text[POLICY_PROBLEM_MAX];
};

/* bucket: of POLICY_BUCKET, whose resources have to be it or objects of it (data NULL: that was looked at before);
 * ignored otherwise. STATUS_INVALID and the
 * problem for what is not a policy of that kind, STATUS_LIMIT and the problem for one that is too large; then *policy
 * is NULL. */
enum status policy_parse(struct bytes document, enum policy_kind kind, struct bytes bucket, struct policy **policy,
                         struct policy_problem *problem);
void policy_free(struct policy *policy); /* NULL is nothing */

/* What counts against IAM's quotas: all but white space. */
size_t policy_quota_chars(struct bytes document);

/* What a request says of one condition key. */
enum policy_presence {
    POLICY_KEY_UNKNOWN, /* nobody here knows such a key */
    POLICY_KEY_ABSENT,  /* this request does not have it */
    POLICY_KEY_PRESENT, /* it has at least one value */
};
struct policy_values {
    const struct bytes *values;
    size_t count;
};
/* Finds the values of a key, whose name ignores case; PRESENT alone fills them, and they are good until the decision is
 * made. */
struct policy_context {
    enum policy_presence (*find)(const void *arg, struct bytes key, struct policy_values *values);
    const void *arg;
    size_t *steps; /* that are left, counted down to 0; NULL: policy_decide() and policy_evaluate() take the most */
};

/* The context of a table. A key without values is absent, and so is one that the table does not have and
 * policy_key_is_known() does. */
struct policy_entry {
    struct bytes key;
    struct policy_values values;
};
struct policy_table {
    const struct policy_entry *entries;
    size_t count;
};
struct policy_context policy_table_context(const struct policy_table *table);

/* A condition key that AWS documents for S3, IAM, STS, or for all services. */
bool policy_key_is_known(struct bytes key);

enum policy_caller_kind {
    POLICY_ANONYMOUS,
    POLICY_ROOT,         /* of an account */
    POLICY_USER,         /* also by keys of GetSessionToken */
    POLICY_ROLE_SESSION, /* of AssumeRole and AssumeRoleWithWebIdentity */
    POLICY_FEDERATED,    /* of GetFederationToken */
    POLICY_WEB_IDENTITY, /* nobody yet: who asks for a role with a provider's token */
    POLICY_SERVICE,      /* of AWS, by whose name the gateway acts itself; has what the resource's policy gives it */
};
struct policy_caller {
    enum policy_caller_kind kind;
    struct bytes account; /* twelve digits; empty of ANONYMOUS, WEB_IDENTITY and SERVICE */
    struct bytes arn; /* of the user, the session, the account's root; of WEB_IDENTITY the provider's; of SERVICE its
                         name: logging.s3.amazonaws.com */
    struct bytes issuer_arn;   /* of a ROLE_SESSION the role's, of a FEDERATED one the user's */
    struct bytes canonical_id; /* of the account; may be empty */
    bool bounded;              /* it has a permissions boundary */
};

struct policy_request {
    struct policy_caller caller;
    struct bytes action;           /* s3:GetObject */
    struct bytes resource;         /* an ARN, or `*` for what is done to none */
    struct bytes resource_account; /* who owns it */
    struct policy_context context;
};

enum policy_effect {
    POLICY_NEUTRAL, /* no statement speaks of it */
    POLICY_ALLOW,
    POLICY_DENY,
};
/* As whom a statement named the caller; the later ones are stronger. */
enum policy_named {
    POLICY_NAMED_NOT,
    POLICY_NAMED_ACCOUNT, /* by its account, which leaves it to the account's own policies */
    POLICY_NAMED_ISSUER,  /* by the role of its session, or the user of its federation */
    POLICY_NAMED_ITSELF,  /* by its own ARN, or as everybody */
};
struct policy_outcome {
    enum policy_effect effect;
    enum policy_named named; /* in a policy without principals always ITSELF */
    size_t statement;        /* which decided, from 1 */
    struct bytes sid;        /* its Sid, of the policy's memory; may be empty */
};

/* What one document says of the request: a Deny before an Allow, of Allows the one that names the caller the strongest.
 */
struct policy_outcome policy_evaluate(const struct policy *policy, const struct policy_request *request);

/* All that is to be asked for one request. What is absent is NULL or none. */
struct policy_set {
    const struct policy *const *identity; /* of the user, its groups, or the role; of a FEDERATED session of root one
                                             that allows everything */
    size_t identity_count;
    const struct policy *resource; /* of the bucket; of a role that is to be assumed */
    const struct policy *boundary;
    const struct policy *const *session; /* together one: what any of them allows, the session may */
    size_t session_count;
};

enum policy_reason {
    POLICY_EXPLICIT_DENY,   /* a statement denies it */
    POLICY_NOT_ALLOWED,     /* no statement allows it */
    POLICY_BEYOND_BOUNDARY, /* allowed, but not by the permissions boundary */
    POLICY_BEYOND_SESSION,  /* allowed, but not by the session's policies */
    POLICY_ALLOWED,         /* by a statement */
    POLICY_ALLOWED_TO_ROOT, /* of the resource's account, who needs none */
};
struct policy_decision {
    bool allowed;
    enum policy_reason reason;
    const struct policy *policy; /* which decided, of the set; NULL when none did */
    size_t statement;            /* of it, from 1 */
    struct bytes sid;            /* of its memory; may be empty */
};

/* AWS's evaluation: a deny of any policy; else what the bucket's policy and the caller's own allow, within boundary and
 * session. Within one account a bucket's policy that names the caller itself suffices, and one that names its account
 * leaves it to the caller's policies; between two accounts both have to allow it. A role's trust policy has to allow in
 * any case. The owner's root may read and change the bucket's policy whatever that says. */
struct policy_decision policy_decide(const struct policy_set *set, const struct policy_request *request);

/* Would the bucket's policy let people in whom nobody has named? Public until proved otherwise: every Allow has to be
 * bound to principals, or by a condition to fixed values of one of the keys that AWS lists for it. */
bool policy_is_public(const struct policy *policy);

/* Does the policy ask for a condition key that begins so, in a condition or as a variable? For keys that are dear to
 * find: s3:ExistingObjectTag/. */
bool policy_uses_key(const struct policy *policy, struct bytes prefix);

#endif
