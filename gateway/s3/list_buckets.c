/* ListBuckets, in pages. */
#include <stdlib.h>
#include <string.h>

#include "gateway/s3/access_settings.h"
#include "gateway/s3/handlers.h"
#include "gateway/s3/reply.h"

#define LIST_BUCKETS_MAX                                                                                               \
    10000 /* that a page may ask for; without a page size all are listed, as AWS did from the start */

enum seen { SEEN_NONE, SEEN_OWN, SEEN_ALL };

struct bucket_query {
    struct bytes prefix, region; /* empty: any */
    uint64_t max;
    char after[META_BUCKET_MAX + 1]; /* the continuation token is this name in hex */
    bool with_regions;               /* as AWS: only for a request with a parameter */
};

static enum status read_query(struct exchange *exchange, struct bucket_query *query)
{
    struct bytes max = uri_query_value(&exchange->query, "max-buckets");
    struct bytes token = uri_query_value(&exchange->query, "continuation-token");

    *query = (struct bucket_query){.prefix = uri_query_value(&exchange->query, "prefix"),
                                   .region = uri_query_value(&exchange->query, "bucket-region"),
                                   .max = UINT64_MAX};
    query->with_regions = query->prefix.data || query->region.data || max.data || token.data;
    if (max.data && (bytes_parse_u64(max, LIST_BUCKETS_MAX, &query->max) || query->max == 0))
        return s3_fail_argument(exchange, "max-buckets", max, "max-buckets must be an integer between 1 and 10000.");
    if (token.len > 2 * META_BUCKET_MAX || hex_decode(token, query->after, token.len / 2))
        return s3_fail_argument(exchange, "continuation-token", token, "The continuation token provided is incorrect");
    return STATUS_OK;
}

/* As AWS: all buckets to who has s3:ListAllMyBuckets. To a user who has not, but has not been denied it either, those
 * that the user made. */
static enum seen find_seen(const struct exchange *exchange)
{
    const struct resource all = {.kind = RESOURCE_NONE};
    const struct decision decision = exchange_decide(exchange, "s3:ListAllMyBuckets", &all);

    if (decision.allowed)
        return SEEN_ALL;
    return decision.by == DECIDED_BY_NONE && exchange->principal.caller.kind == POLICY_USER ? SEEN_OWN : SEEN_NONE;
}

/* Who asks, since all that a user owns is the user's here. */
static struct response_owner find_owner(const struct exchange *exchange)
{
    const struct principal *principal = &exchange->principal;

    return principal->caller.kind == POLICY_USER
               ? (struct response_owner){principal->caller.canonical_id, principal->user_name}
               : s3_owner;
}

static bool is_own(const struct exchange *exchange, const struct meta_bucket *bucket)
{
    struct meta_settings *settings;
    struct meta_bucket loaded;

    if (meta_bucket_load(exchange->gateway->meta, bytes_from_str(bucket->name), &loaded, &settings))
        return false;
    const struct bucket_owner *owner = bucket_owner_of(settings);
    bool own = owner && bytes_equal(owner->canonical_id, exchange->principal.caller.canonical_id);
    meta_settings_release(settings);
    return own;
}

/* Somebody who owns none, and could not, is told that this is not allowed. */
static bool may_own(const struct exchange *exchange)
{
    const struct resource any = {.kind = RESOURCE_NONE};

    return exchange_may(exchange, "s3:CreateBucket", &any);
}

/* Leaves those that are seen. */
static size_t keep_own(const struct exchange *exchange, struct meta_bucket *buckets, size_t count)
{
    size_t kept = 0;

    for (size_t i = 0; i < count; i++)
        if (is_own(exchange, &buckets[i]))
            buckets[kept++] = buckets[i];
    return kept;
}

static bool is_listed(const struct exchange *exchange, const struct bucket_query *query,
                      const struct meta_bucket *bucket)
{
    return strcmp(bucket->name, query->after) > 0 && bytes_starts_with(bytes_from_str(bucket->name), query->prefix) &&
           (query->region.len == 0 || bytes_equal_str(query->region, s3_bucket_region(exchange, bucket)));
}

void s3_list_buckets(struct exchange *exchange)
{
    const enum seen seen = find_seen(exchange);
    const struct response_owner owner = find_owner(exchange);
    struct bucket_query query;
    struct meta_bucket *buckets;
    const struct meta_bucket *last = NULL;
    char token[2 * META_BUCKET_MAX + 1];
    size_t count, i;
    struct buffer body;
    struct xml_writer writer;

    if (read_query(exchange, &query))
        return;
    meta_bucket_list(exchange->gateway->meta, &buckets, &count);
    if (seen == SEEN_OWN)
        count = keep_own(exchange, buckets, count);
    if (seen == SEEN_NONE || (seen == SEEN_OWN && count == 0 && !may_own(exchange))) {
        free(buckets);
        HTTP_LAST_REPLY(s3_fail(exchange, S3_ACCESS_DENIED));
        return;
    }
    buffer_init(&body, 64u << 20);
    response_buckets_begin(&writer, &body, &owner);
    for (i = 0; i < count; i++) {
        if (!is_listed(exchange, &query, &buckets[i]))
            continue;
        if (query.max-- == 0)
            break;
        last = &buckets[i];
        response_buckets_add(&writer, bytes_from_str(last->name), last->created_ms,
                             bytes_from_str(query.with_regions ? s3_bucket_region(exchange, last) : NULL));
    }
    bool truncated = i < count && last;
    if (truncated)
        hex_encode(last->name, strlen(last->name), token);
    HTTP_LAST_REPLY(s3_reply_document(
        exchange, response_buckets_end(&writer, query.prefix, bytes_from_str(truncated ? token : NULL)), &body));
    free(buckets);
}
