/* GET /files: every version of every file, by name, with prefix, limit and after beyond the documented. The
 * answer is streamed page by page: its memory does not grow with the number of files. A limit never parts the versions
 * of a file, since `after` names a file: who pages must not lose some. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "gateway/files/files.h"
#include "gateway/front/json_reply.h"
#include "gateway/front/reply.h"

#define PAGE_ROWS 1000

struct listing {
    struct exchange *exchange;
    struct meta_list_query query;
    uint64_t limit; /* rows still wanted */
    bool limit_reached;
    bool any_node_down;
    bool first;
    struct buffer after, after_version; /* where the next page begins */
    struct buffer last;                 /* name in the last row */
    struct buffer text;
};

/* "Available", "Unavailable" or "Partially Available (x/y chunks)". With so many nodes up that any two copies
 * of a chunk leave one readable, no chunk has to be looked up. */
static void availability(struct listing *listing, const struct meta_object *row, struct bytes key, char out[64])
{
    struct gateway *gateway = listing->exchange->gateway;
    struct meta_version version = {.number = row->number};
    struct meta_object object;
    struct chunk_ref ref;
    uint32_t offset, len;
    unsigned total = 0, readable = 0;

    strcpy(out, "Available");
    if (!listing->any_node_down || row->size == 0)
        return;
    if (meta_object_get(gateway->meta, listing->query.bucket, key, &version, &object))
        return;
    struct meta_cursor *cursor = meta_cursor_open(gateway->meta, &object, 0, UINT64_MAX);
    while (meta_cursor_next(cursor, &ref, &offset, &len) == STATUS_OK) {
        bool found = false;
        for (unsigned i = 0; i < ref.copies; i++)
            found = found || cluster_node_readable(gateway->cluster, ref.nodes[i]);
        total++;
        readable += found;
    }
    meta_cursor_close(cursor);
    meta_object_release(&object);
    if (readable == 0 && total > 0)
        strcpy(out, "Unavailable");
    else if (readable < total)
        snprintf(out, 64, "Partially Available (%u/%u chunks)", readable, total);
}

static void append_row(struct listing *listing, const struct meta_list_entry *entry)
{
    char modified[CLOCK_TEXT_MAX], status[64];
    json_t *row;
    char *text;

    if (entry->object.delete_marker)
        return;
    clock_format_iso8601_ms(entry->object.modified_ms, modified);
    availability(listing, &entry->object, entry->key, status);
    row = json_pack("{s:o, s:I, s:s, s:I, s:s}", "filename", json_text(entry->key), "size",
                    (json_int_t)entry->object.size, "last_modified", modified, "version",
                    (json_int_t)entry->object.number, "availability_status", status);
    text = json_dumps(row, JSON_COMPACT | JSON_PRESERVE_ORDER);
    json_decref(row);
    if (!listing->first)
        CHECK(buffer_append_char(&listing->text, ',') == STATUS_OK);
    listing->first = false;
    CHECK(buffer_append_str(&listing->text, text) == STATUS_OK);
    free(text);
    if (listing->limit > 0)
        listing->limit--;
    CHECK(buffer_assign(&listing->last, entry->key) == STATUS_OK);
}

/* One page into the response. *more says whether there may be another. */
static enum status send_page(struct listing *listing, bool *more)
{
    struct meta_list_page page;
    enum status status = meta_list_versions(listing->exchange->gateway->meta, &listing->query, &page);

    if (status)
        return status;
    buffer_clear(&listing->text);
    for (size_t i = 0; i < page.count && !listing->limit_reached; i++) {
        listing->limit_reached = listing->limit == 0 && !bytes_equal(page.entries[i].key, buffer_bytes(&listing->last));
        if (!listing->limit_reached)
            append_row(listing, &page.entries[i]);
    }
    *more = page.truncated && !listing->limit_reached && page.count > 0;
    if (*more) {
        const struct meta_list_entry *last = &page.entries[page.count - 1];
        CHECK(buffer_assign(&listing->after, last->key) == STATUS_OK);
        CHECK(buffer_assign(&listing->after_version, bytes_from_str(last->object.version_id)) == STATUS_OK);
        listing->query.after = buffer_bytes(&listing->after);
        listing->query.after_version = buffer_bytes(&listing->after_version);
    }
    meta_list_page_release(&page);
    return http_reply_write(listing->exchange->http, listing->text.data, listing->text.len);
}

static void send_listing(struct listing *listing)
{
    struct http_request *http = listing->exchange->http;
    bool more = true;
    enum status status;

    http_reply_header_str(http, "Content-Type", "application/json");
    status = reply_start(listing->exchange, 200, HTTP_LENGTH_UNKNOWN);
    if (!status)
        status = http_reply_write(http, "{\"files\":[", 10);
    while (!status && more)
        status = send_page(listing, &more);
    if (status) {
        http_reply_abort(http); /* a list that is cut must not look whole */
        return;
    }
    buffer_clear(&listing->text);
    CHECK(buffer_printf(&listing->text, "],\"serverID\":\"%s\"}", listing->exchange->gateway->options.server_id) ==
          STATUS_OK);
    if (http_reply_write(http, listing->text.data, listing->text.len) == STATUS_OK)
        HTTP_LAST_REPLY(http_reply_finish(http));
}

void files_list(struct exchange *exchange)
{
    struct gateway *gateway = exchange->gateway;
    struct listing listing = {.exchange = exchange, .first = true, .limit = UINT64_MAX};
    struct bytes limit = uri_query_value(&exchange->query, "limit");

    if (limit.len > 0 && bytes_parse_u64(limit, INT64_MAX, &listing.limit)) {
        HTTP_LAST_REPLY(
            json_error(exchange, 400, "Invalid limit", "The limit must be an integer that is not negative."));
        return;
    }
    listing.query = (struct meta_list_query){.bucket = exchange->bucket.id,
                                             .prefix = uri_query_value(&exchange->query, "prefix"),
                                             .after = uri_query_value(&exchange->query, "after"),
                                             .max = PAGE_ROWS};
    listing.any_node_down = cluster_healthy_count(gateway->cluster) < cluster_node_count(gateway->cluster);
    buffer_init(&listing.after, 2 * META_KEY_MAX);
    buffer_init(&listing.after_version, 64);
    buffer_init(&listing.last, META_KEY_MAX);
    buffer_init(&listing.text, 16u << 20);
    send_listing(&listing);
    buffer_release(&listing.after);
    buffer_release(&listing.after_version);
    buffer_release(&listing.last);
    buffer_release(&listing.text);
}
