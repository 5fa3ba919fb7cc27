/* The list of nodes in the configuration: "1=host:port/zone,2=host:port/zone" or "host:port,..." numbered from 1 in
 * order. The numbers are recorded with every chunk, so a list must name all of them or none; so with zones, since a
 * node that was forgotten would count as a zone of its own. */
#include "storage/cluster/cluster_internal.h"

#include <string.h>

/* host:port, where an IPv6 host is in brackets. The text goes into URLs as it is, so only what needs no escaping. */
static bool address_is_valid(struct bytes address)
{
    const char *colon = memrchr(address.data, ':', address.len);
    uint64_t port;
    if (!colon || colon == address.data)
        return false;
    struct bytes host = bytes_of(address.data, (size_t)(colon - address.data));
    struct bytes digits = bytes_of(colon + 1, address.len - host.len - 1);
    if (bytes_parse_u64(digits, 65535, &port) || port == 0)
        return false;
    const char *allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";
    if (host.data[0] == '[') {
        if (host.len < 4 || host.data[host.len - 1] != ']')
            return false;
        host = bytes_of(host.data + 1, host.len - 2);
        allowed = "abcdefABCDEF0123456789:.";
    }
    for (size_t i = 0; i < host.len; i++)
        if (host.data[i] == '\0' || !strchr(allowed, host.data[i]))
            return false;
    return true;
}

/* Takes "/zone" off the entry. */
static enum status zone_parse(struct bytes *entry, struct node_address *node, const char **error)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";
    const char *slash = memchr(entry->data, '/', entry->len);
    node->zone[0] = '\0';
    if (!slash)
        return STATUS_OK;
    struct bytes zone = bytes_of(slash + 1, entry->len - (size_t)(slash + 1 - entry->data));
    bool valid = zone.len > 0 && zone.len < sizeof(node->zone);
    for (size_t i = 0; i < zone.len && valid; i++)
        valid = zone.data[i] != '\0' && strchr(allowed, zone.data[i]);
    if (!valid) {
        *error = "a node's zone must be 1 to 63 letters, digits, '.', '-' or '_'";
        return STATUS_INVALID;
    }
    memcpy(node->zone, zone.data, zone.len);
    node->zone[zone.len] = '\0';
    entry->len = (size_t)(slash - entry->data);
    return STATUS_OK;
}

static enum status entry_parse(struct bytes entry, unsigned position, struct node_address *node, bool *numbered,
                               const char **error)
{
    const char *equals = memchr(entry.data, '=', entry.len);
    uint64_t number = position;
    *numbered = equals != NULL;
    if (equals) {
        struct bytes digits = bytes_of(entry.data, (size_t)(equals - entry.data));
        if (bytes_parse_u64(digits, NODE_NUMBER_MAX, &number) || number == 0) {
            *error = "a node's number must be from 1 to 255";
            return STATUS_INVALID;
        }
        entry = bytes_of(equals + 1, entry.len - digits.len - 1);
    }
    if (zone_parse(&entry, node, error))
        return STATUS_INVALID;
    if (entry.len >= sizeof(node->address) || !address_is_valid(entry)) {
        *error = "a node's address must be host:port";
        return STATUS_INVALID;
    }
    node->number = (unsigned)number;
    memcpy(node->address, entry.data, entry.len);
    node->address[entry.len] = '\0';
    return STATUS_OK;
}

static enum status entry_check_beside(const struct node_address *nodes, unsigned count, const char **error)
{
    for (unsigned i = 0; i < count; i++) {
        if (nodes[i].number == nodes[count].number) {
            *error = "two nodes have the same number";
            return STATUS_INVALID;
        }
        if (strcmp(nodes[i].address, nodes[count].address) == 0) {
            *error = "two nodes have the same address";
            return STATUS_INVALID;
        }
    }
    if (!nodes[count].zone[0] != !nodes[0].zone[0]) {
        *error = "either all nodes have a zone or none";
        return STATUS_INVALID;
    }
    return STATUS_OK;
}

enum status node_list_parse(const char *text, struct node_address *nodes, unsigned *count, const char **error)
{
    bool first_numbered = false;
    *count = 0;
    for (const char *at = text;; at++) {
        size_t len = strcspn(at, ",");
        struct bytes entry = bytes_trim(bytes_of(at, len));
        bool numbered;
        if (*count == CLUSTER_NODES_MAX) {
            *error = "more than 64 nodes";
            return STATUS_INVALID;
        }
        if (entry_parse(entry, *count + 1, &nodes[*count], &numbered, error) ||
            entry_check_beside(nodes, *count, error))
            return STATUS_INVALID;
        if (*count == 0)
            first_numbered = numbered;
        if (numbered != first_numbered) {
            *error = "either all nodes are numbered or none";
            return STATUS_INVALID;
        }
        ++*count;
        at += len;
        if (*at == '\0')
            return STATUS_OK;
    }
}
