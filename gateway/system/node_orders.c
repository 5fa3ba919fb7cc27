/* See the header. The row is {"draining":[NUMBER,...]}. What the cluster is told is only ever replaced by what was read
 * after the same generation or a later one (meta/identity.h), so two orders at once end as the row says. */
#include "gateway/system/node_orders.h"

#include <jansson.h>
#include <string.h>

#include "base/lock.h"
#include "base/log.h"
#include "gateway/front/exchange.h"
#include "gateway/front/json_reply.h"
#include "gateway/front/operation.h"
#include "gateway/jobs/background.h"
#include "gateway/s3/body.h"
#include "meta/identity.h"

#define ROW            BYTES("cluster/nodes")
#define ROW_BYTES_MAX  4096
#define SENT_BYTES_MAX 4096
#define ATTEMPTS_MAX   32

static enum status orders_read(struct meta *meta, bool draining[NODE_NUMBERS])
{
    struct buffer document;
    size_t i;
    json_t *number;

    memset(draining, 0, NODE_NUMBERS * sizeof(*draining));
    buffer_init(&document, ROW_BYTES_MAX);
    enum status status = meta_identity_get(meta, ROW, &document);
    json_t *value = status ? NULL : json_loadb(document.data, document.len, 0, NULL);
    json_array_foreach(json_object_get(value, "draining"), i, number)
    {
        json_int_t n = json_integer_value(number);
        if (n > 0 && n < NODE_NUMBERS)
            draining[n] = true;
    }
    if (!status && !value) {
        log_error("what was ordered of nodes cannot be read: none is being emptied until it is ordered anew");
        status = STATUS_NOT_FOUND;
    }
    json_decref(value);
    buffer_release(&document);
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

static enum status orders_tell(struct gateway *gateway)
{
    uint64_t generation = meta_identity_generation(gateway->meta);
    bool draining[NODE_NUMBERS];

    enum status status = orders_read(gateway->meta, draining);
    if (status)
        return status;
    lock_acquire(&gateway->node_orders_lock);
    for (unsigned n = 1; n < NODE_NUMBERS && generation >= gateway->node_orders_known; n++)
        cluster_set_draining(gateway->cluster, n, draining[n]);
    if (generation > gateway->node_orders_known)
        gateway->node_orders_known = generation;
    lock_release(&gateway->node_orders_lock);
    return STATUS_OK;
}

enum status node_orders_open(struct gateway *gateway)
{
    pthread_mutex_init(&gateway->node_orders_lock, NULL);
    gateway->node_orders_known = 0;
    return orders_tell(gateway);
}

/* PRECONDITION: fewer than three nodes would be left; CONFLICT: to be tried again. */
static enum status orders_change(struct gateway *gateway, unsigned node, bool drain)
{
    bool draining[NODE_NUMBERS];
    struct buffer document;
    unsigned staying = 0;

    uint64_t generation = meta_identity_generation(gateway->meta);
    enum status status = orders_read(gateway->meta, draining);
    draining[node] = drain;
    for (unsigned n = 1; n < NODE_NUMBERS; n++)
        staying += cluster_has_node(gateway->cluster, n) && !draining[n];
    if (status || (drain && staying < CHUNK_COPIES))
        return status ? status : STATUS_PRECONDITION;
    buffer_init(&document, ROW_BYTES_MAX);
    STATUS_IGNORE(buffer_append_str(&document, "{\"draining\":["), "there is room for 255 numbers");
    for (unsigned n = 1, count = 0; n < NODE_NUMBERS; n++)
        if (draining[n])
            STATUS_IGNORE(buffer_printf(&document, "%s%u", count++ ? "," : "", n), "the same");
    STATUS_IGNORE(buffer_append_str(&document, "]}"), "the same");
    const struct meta_identity_change change = {ROW, buffer_bytes(&document)};
    status = meta_identity_update(gateway->meta, generation, &change, 1);
    buffer_release(&document);
    return status;
}

/* Users and roles are changed meanwhile: then it is read and decided again. */
static enum status orders_put(struct gateway *gateway, unsigned node, bool drain)
{
    enum status status = STATUS_CONFLICT;

    for (unsigned i = 0; i < ATTEMPTS_MAX && status == STATUS_CONFLICT; i++)
        status = orders_change(gateway, node, drain);
    return status ? status : orders_tell(gateway);
}

static unsigned node_of_path(const struct exchange *exchange)
{
    struct bytes path = exchange->http->path;
    uint64_t number;
    size_t prefix = strlen(exchange->operation->path);

    if (bytes_parse_u64(bytes_of(path.data + prefix, path.len - prefix), NODE_NUMBERS - 1, &number))
        return 0;
    return cluster_has_node(exchange->gateway->cluster, (unsigned)number) ? (unsigned)number : 0;
}

static void order(struct exchange *exchange, unsigned node, struct bytes sent)
{
    json_t *value = json_loadb(sent.data ? sent.data : "", sent.len, JSON_REJECT_DUPLICATES, NULL);
    const char *state = json_string_value(json_object_get(value, "state"));
    bool drain = state && strcmp(state, "draining") == 0;

    if (!state || json_object_size(value) != 1 || (!drain && strcmp(state, "active") != 0)) {
        HTTP_LAST_REPLY(json_error(exchange, 400, "Invalid order",
                                   "{\"state\":\"draining\"} or {\"state\":\"active\"} is needed."));
        json_decref(value);
        return;
    }
    enum status status = orders_put(exchange->gateway, node, drain);
    if (status == STATUS_PRECONDITION)
        HTTP_LAST_REPLY(json_error(exchange, 409, "Too few nodes",
                                   "Fewer than three nodes would be left to take chunks. Add a node first."));
    else if (status)
        HTTP_LAST_REPLY(json_error_status(exchange, status));
    else
        HTTP_LAST_REPLY(json_reply(exchange, 200, json_pack("{s:i, s:s}", "nodeId", (int)node, "state", state)));
    if (!status)
        log_info("an administrator ordered a node to be emptied or to take part", LOG_INT("nodeId", node),
                 LOG_STR("state", state));
    json_decref(value);
}

void node_orders_put(struct exchange *exchange)
{
    struct buffer sent;
    unsigned node = node_of_path(exchange);

    if (node == 0) {
        HTTP_LAST_REPLY(json_error(exchange, 404, "Not found", "There is no node of that number."));
        return;
    }
    if (s3_read_document(exchange, SENT_BYTES_MAX, false, &sent) == STATUS_OK)
        order(exchange, node, buffer_bytes(&sent));
    buffer_release(&sent);
}
