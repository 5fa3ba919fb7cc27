/* Health endpoints; see the header. A gateway that cannot reach its nodes stays live and ready: restarting it or taking
 * it out of a load balancer would not bring the nodes back, and reads may still work. So does one whose own disk is
 * full, which reads and deletes: /system/health and the metrics tell. The same answers serve MinIO's paths, for tools
 * that know only those. */
#include "gateway/system/health.h"

#include <stdio.h>

#include "gateway/front/json_reply.h"
#include "gateway/keys/key_provider.h"
#include "gateway/replication/replication.h"

static void health_reply(struct exchange *exchange, bool well, const char *reason)
{
    json_t *body = json_pack("{s:s, s:s}", "status", well ? "OK" : "unavailable", "serverID",
                             exchange->gateway->options.server_id);
    if (!well)
        json_object_set_new(body, "error", json_string(reason));
    HTTP_LAST_REPLY(json_reply(exchange, well ? 200 : 503, body));
}

void health_live(struct exchange *exchange)
{
    health_reply(exchange, true, NULL);
}

void health_ready(struct exchange *exchange)
{
    struct meta *meta = exchange->gateway->meta;
    bool damaged = meta_is_damaged(), errors = meta_is_failing(meta);
    bool stopped = meta_figure(meta, FIGURE_WRITE_STOPPED) > 0;
    bool refused = exchange->gateway->replication && replication_refusal(exchange->gateway->replication);
    char reason[KEY_PROBLEM_MAX + 64] = "", why[KEY_PROBLEM_MAX];

    if (key_provider_problem(exchange->gateway->keys, why))
        snprintf(reason, sizeof(reason), "the service that has the encryption keys is away: %s", why);
    health_reply(exchange, !refused && !damaged && !errors && !stopped && !reason[0],
                 reason[0] && !refused && !damaged && !errors && !stopped ? reason
                 : refused ? "this gateway was replaced, or its metadata are behind: see the log"
                 : damaged ? "the metadata database is damaged: see the log"
                 : errors  ? "the metadata database failed: see the log"
                           : "the metadata database takes no writes now");
}

void health_cluster(struct exchange *exchange)
{
    const struct cluster *cluster = exchange->gateway->cluster;
    unsigned writable = cluster_writable_count(cluster);
    bool quorum = writable >= CHUNK_COPIES_MIN;

    HTTP_LAST_REPLY(json_reply(exchange, quorum ? 200 : 503,
                               json_pack("{s:s, s:b, s:i, s:i, s:i, s:i}", "status", quorum ? "OK" : "unavailable",
                                         "writeQuorum", quorum, "writableNodes", (int)writable, "healthyNodes",
                                         (int)cluster_healthy_count(cluster), "totalNodes",
                                         (int)cluster_node_count(cluster), "writeQuorumNodes", CHUNK_COPIES_MIN)));
}
