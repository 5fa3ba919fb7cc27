/* Who may do what: the only place that decides, for the operation that was asked for, for the source of a copy, and for
 * each key of a batch. Pure: the answer depends on nothing but the arguments. What nobody allows is denied.
 *
 * Grants are what the gateway gives by itself: to everybody, to the files token, to root. All else is said by policies
 * (compat/policy.h): those of the caller and that of the bucket. A bucket's owner needs none of its own. */
#ifndef TERCET_GATEWAY_AUTHORIZE_H
#define TERCET_GATEWAY_AUTHORIZE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "compat/policy.h"
#include "compat/tags.h"

/* What an action is done to. */
enum resource_kind {
    RESOURCE_NONE,   /* the gateway itself, or all buckets */
    RESOURCE_BUCKET, /* a bucket, there or not */
    RESOURCE_OBJECT, /* a key, there or not */
    RESOURCE_LISTED, /* what the handler knows more about: keys that the body names, a bucket that is to be, the buckets
                        that somebody may see. Allowed to whom it could be allowed, and the handler asks for each */
    RESOURCE_ARN,    /* no bucket's: a user, a role. Its ARN is in `key` */
};
struct resource {
    enum resource_kind kind;
    struct bytes bucket, key; /* decoded, the very bytes that are looked up */
    struct bytes version_id;  /* of a key, when one is asked for */
    struct bytes if_match;    /* of a key of a batch: what is said of its ETag; data NULL: nothing */
    struct bytes owner;       /* canonical id of the user who owns the bucket; empty: the account itself, or nobody */
    const struct policy *policy; /* of the bucket; NULL: none */
    bool policy_unreadable;      /* there is one, and nobody knows what it says: nothing is allowed but to the root,
                                    to read, replace and remove it */
    bool acl_allows;             /* the ACL of the bucket or of the object gives this to who asks */
    bool restricted;             /* by RestrictPublicBuckets: the policy is public, and so allows nothing to others than
                                    the account's own */
};

/* One permission. A text that ends in '*' stands for all that begin so. */
struct grant {
    const char *action; /* as in the table of operations: s3:GetObject, tercet:UseFiles */
    bool local_only;    /* only as far as the request counts as one from this host itself */
    const char *bucket; /* NULL: any, and RESOURCE_NONE too */
    const char *key;    /* NULL: any, and the bucket itself too */
};

/* Who asks. All zero is somebody unknown, who has what everybody has. Nothing here is owned: whoever fills it keeps it
 * until the request ends. */
struct principal {
    struct bytes access_key; /* empty: no signature was verified */
    const struct grant *grants;
    size_t grant_count;
    /* For policies. Of the root of the account kind is enough: the rest is known from the request_context. */
    struct policy_caller caller;
    struct bytes user_name; /* aws:username; empty: none */
    struct bytes user_id;   /* aws:userid: AIDA... of a user, AROA...:NAME of a session; empty: none */
    const struct tag *tags; /* aws:PrincipalTag/ */
    size_t tag_count;
    struct policy_set policies; /* the caller's own; `resource` is not used */
};
extern const struct principal principal_unknown, principal_root, principal_files; /* the last: the files token's */

/* What else a decision may depend on. */
struct request_context {
    bool local; /* sent from this host, by no page of another site and through no proxy, or taken for it: identify.c */
    struct bytes account;       /* twelve digits: whose everything here is */
    struct bytes canonical_id;  /* of that account */
    struct policy_context keys; /* the condition keys; find NULL: the request has none of those that are known */
};

enum decided_by {
    DECIDED_BY_NONE,  /* nothing allows it */
    DECIDED_BY_GRANT, /* the gateway gives it, or it is the root of the account */
    DECIDED_BY_OWNER, /* the bucket is the caller's */
    DECIDED_BY_ACL,
    DECIDED_BY_POLICY,  /* a statement allows or denies it, or a boundary or a session policy does not reach so far */
    DECIDED_BY_BLOCK,   /* RestrictPublicBuckets, which the allowing statement does not get past */
    DECIDED_UNREADABLE, /* the bucket's policy cannot be read */
};
struct decision {
    bool allowed;
    enum decided_by by;
    struct policy_decision policy; /* of DECIDED_BY_POLICY: which one, and its statement */
    /* Filled in by exchange_decide(): a policy asked for the tags that the object has, or its ACL allowed it; and the
     * sequence of the version whose they were (0: there was none). Said of no other version. */
    bool of_version;
    uint64_t sequence;
};

struct decision authorize(const struct principal *principal, const char *action, const struct resource *resource,
                          const struct request_context *context);

/* Whether it is about the version of this sequence: it is not when it was made by the tags or the ACL of another one,
 * or of none. */
static inline bool decision_is_about(const struct decision *decision, uint64_t sequence)
{
    return !decision->of_version || decision->sequence == sequence;
}

#endif
