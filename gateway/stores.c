/* Opening what the gateway stands on, from the bottom up; see the header. */
#include "gateway/stores.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/ballast.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/owner_only.h"
#include "base/service.h"
#include "base/tls_identity.h"
#include "gateway/bootstrap/bootstrap.h"
#include "gateway/bucketlog/spool.h"
#include "gateway/identity/key_file.h"
#include "gateway/identity/key_uses.h"
#include "gateway/identity/oidc_keys.h"
#include "gateway/keys/keyring.h"
#include "gateway/keys/vault.h"
#include "gateway/object/join_hints.h"
#include "gateway/replication/recovery.h"
#include "gateway/replication/replication.h"
#include "gateway/s3/access_settings.h"
#include "gateway/s3/account_access.h"
#include "gateway/s3/bucket_settings.h"
#include "gateway/s3/rename_tokens.h"
#include "gateway/system/data_lock.h"
#include "gateway/system/node_orders.h"
#include "meta/space.h"

#define TLS_ERROR_MAX       4352
#define NODES_WAIT_MS       3000  /* for their first answers, at start */
#define FIRST_START_WAIT_MS 30000 /* the same when nothing can be done without them */

/* With the ballast given up, if there was one. */
static enum status check_room(const struct meta_space *space, const char *data_dir)
{
    struct meta_space_state state;
    meta_space_get(space, &state);
    if (state.last.free_bytes >= BALLAST_OPEN_BYTES_MIN)
        return STATUS_OK;
    fprintf(stderr,
            "tercet-gateway: %s: no space left on its disk to open the database: %" PRIu64
            " bytes are free, %u are needed; free some and start the gateway again\n",
            data_dir, state.last.free_bytes, BALLAST_OPEN_BYTES_MIN);
    log_error("the gateway cannot start: no space left on its disk to open the database", LOG_STR("dataDir", data_dir),
              LOG_INT("freeBytes", state.last.free_bytes), LOG_INT("neededBytes", BALLAST_OPEN_BYTES_MIN));
    return STATUS_NO_SPACE;
}

static enum status open_disk(struct gateway *gateway, const struct settings *settings)
{
    const struct meta_space_config config = {.directory = settings->data_dir,
                                             .reserve_bytes = settings->data_reserve_bytes};

    if (mkdir(settings->data_dir, 0700) != 0 && errno != EEXIST) {
        fprintf(stderr, "tercet-gateway: %s: %s\n", settings->data_dir, strerror(errno));
        return STATUS_IO;
    }
    int fd = open(settings->data_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        owner_only_directory(fd, settings->data_dir);
        close(fd);
    }
    enum status status =
        data_lock_take(settings->data_dir, settings->restore_metadata ? "a restore of the metadata" : "a gateway");
    if (!status)
        status = meta_space_create(&config, &gateway->meta_space);
    return status ? status : check_room(gateway->meta_space, settings->data_dir);
}

static enum status open_tls(const struct tls_files *files, const char *setting, struct tls_identity **tls)
{
    char error[TLS_ERROR_MAX];

    if (!files->cert[0])
        return STATUS_OK;
    enum status status = tls_identity_open(files, tls, error, sizeof(error));
    if (status)
        fprintf(stderr, "tercet-gateway: %s: %s\n", setting, error);
    return status;
}

static enum status start_cluster(struct gateway *gateway, const struct cluster_config *settings)
{
    struct cluster_config config = *settings;
    const char *error = "";

    config.identity.tls = gateway->node_tls;
    enum status status = cluster_create(&config, &gateway->cluster, &error);
    if (status) {
        fprintf(stderr, "tercet-gateway: nodes: %s\n", error);
        return status;
    }
    cluster_start(gateway->cluster, gateway->loops.loops[0], NODES_WAIT_MS);
    trusted_clock_start(&gateway->clock, gateway->cluster);
    lock_guard_init(&gateway->lock_guard, &gateway->clock);
    key_writers_init(&gateway->key_writers);
    return STATUS_OK;
}

/* The first start of a cluster makes the bucket of the file API, for which enough nodes must be there. */
static enum status create_files_bucket(struct gateway *gateway)
{
    struct meta_bucket bucket;

    if (meta_bucket_get(gateway->meta, BYTES(GATEWAY_FILES_BUCKET), &bucket) == STATUS_OK)
        return STATUS_OK;
    if (gateway->replication)
        replication_wait(gateway->replication, FIRST_START_WAIT_MS);
    enum status status = files_bucket_create(gateway->meta);
    if (meta_has_failed(gateway->meta)) {
        fprintf(stderr, "tercet-gateway: the first bucket cannot be made: the disk of the metadata failed\n");
        return STATUS_IO;
    }
    if (status == STATUS_UNCERTAIN) /* it is there, and will be on the nodes when they are */
        status = STATUS_OK;
    if (status)
        fprintf(stderr, "tercet-gateway: the first bucket cannot be made: %s. Are the nodes running?\n",
                status_name(status));
    return status;
}

/* Who there is beside root. */
static enum status open_identities(struct gateway *gateway, const struct settings *settings)
{
    char path[4096];
    const char *error = "";
    uint64_t forgotten = 0;

    if (settings->identity_key[0])
        snprintf(path, sizeof(path), "%s", settings->identity_key);
    else
        snprintf(path, sizeof(path), "%s/identity.key", settings->data_dir);
    enum status status = settings->identity_key_lost
                             ? identity_key_file_open_lost(path, gateway->meta, &gateway->seal, &forgotten, &error)
                             : identity_key_file_open(path, gateway->meta, &gateway->seal, &error);
    if (forgotten)
        log_warn("access keys of users were removed: the key of their secrets is lost", LOG_INT("removed", forgotten));
    if (status) {
        fprintf(stderr, "tercet-gateway: identity-key: %s: %s\n", path, error);
        log_error("the key of the users' secrets cannot be used", LOG_STR("path", path), LOG_STR("reason", error),
                  LOG_STATUS(status));
        return status;
    }
    gateway->key_uses = key_uses_create();
    gateway->rename_tokens = rename_tokens_create();
    gateway->join_hints = join_hints_create();
    gateway->identities = (struct identity_source){.meta = gateway->meta,
                                                   .account = settings->gateway.account_id,
                                                   .seal = &gateway->seal,
                                                   .cache = identity_cache_create(settings->identity_cache_bytes)};
    gateway->oidc_keys = oidc_keys_create(&(struct oidc_options){.ca_file = settings->gateway.oidc_ca_file,
                                                                 .loopback = settings->gateway.oidc_loopback,
                                                                 .refresh_ms = settings->gateway.oidc_refresh_ms},
                                          gateway->pool);
    return STATUS_OK;
}

/* What objects are encrypted with. */
static enum status open_keys(struct gateway *gateway, const struct settings *settings)
{
    enum status status = settings->keyring[0] ? keyring_open(settings->keyring, &gateway->keyring) : STATUS_OK;

    gateway->keys = keyring_provider(gateway->keyring);
    if (status || strcmp(settings->key_provider, "vault") != 0)
        return status;
    return vault_open(&settings->vault, gateway->keys, gateway->pool, gateway->loops.loops[0], &gateway->keys);
}

static void log_applied(const struct bootstrap_report *report)
{
    log_info("bootstrap file applied", LOG_INT("made", report->made), LOG_INT("changed", report->changed),
             LOG_INT("removed", report->removed), LOG_INT("unchanged", report->unchanged));
}

/* What SIGHUP does, too: the gateway goes on with what was done. */
static void reload(void *arg)
{
    struct gateway *gateway = arg;
    struct bootstrap_report report;

    STATUS_IGNORE(tls_identity_reload(gateway->tls), "logged; the one before goes on");
    STATUS_IGNORE(tls_identity_reload(gateway->node_tls), "logged; the one before goes on");
    keyring_reload(gateway->keyring);
    if (!gateway->options.bootstrap[0])
        return;
    enum status status = bootstrap_apply(gateway, gateway->options.bootstrap, &report);
    if (status)
        log_error("the bootstrap file was not applied to its end", LOG_STR("problem", report.problem),
                  LOG_STATUS(status));
    else
        log_applied(&report);
}

/* Nothing is served before what the file wants is there. */
static enum status start_bootstrap(struct gateway *gateway, const struct settings *settings)
{
    struct bootstrap_report report;

    if (!settings->gateway.bootstrap[0])
        return STATUS_OK;
    if (gateway->replication)
        replication_wait(gateway->replication, FIRST_START_WAIT_MS);
    enum status status = bootstrap_apply(gateway, settings->gateway.bootstrap, &report);
    if (status) {
        fprintf(stderr, "tercet-gateway: bootstrap: %s\n", report.problem);
        log_error("the bootstrap file cannot be applied", LOG_STR("problem", report.problem), LOG_STATUS(status));
        return status;
    }
    log_applied(&report);
    return STATUS_OK;
}

static enum status open_metadata(struct gateway *gateway, const struct settings *settings, const char *path,
                                 const struct cluster_config *cluster, const struct taken_over *taken)
{
    struct meta_options options = {
        .path = path,
        .cluster_id = cluster->identity.id,
        .pool = gateway->pool,
        .cache_bytes = settings->cache_bytes,
        .space = gateway->meta_space,
        .bounded_bucket = GATEWAY_FILES_BUCKET,
        .versions_max = settings->gateway.files_versions_max,
        .setting_kinds = s3_setting_kinds,
        .setting_kind_count = s3_setting_kind_count,
        .guard = &gateway->lock_guard.hooks,
        .quota_kind = S3_SETTING_QUOTA,
    };

    if (settings->metadata_copies) {
        const struct replication_config config = {
            .cluster = gateway->cluster,
            .pool = gateway->pool,
            .copies = (unsigned)settings->metadata_copies,
            .node_timeout_ms = cluster->node_timeout_ms,
            .stall_ms = cluster->stall_ms,
            .check_interval_ms = cluster->health_interval_ms,
            .bandwidth = &gateway->bandwidth,
        };
        gateway->replication = replication_create(&config);
        options.replication = replication_hooks(gateway->replication);
    }
    enum status status = meta_open(&options, &gateway->meta);
    if (status) {
        fprintf(stderr, "tercet-gateway: the metadata in %s cannot be opened: %s\n", path, status_name(status));
        return status;
    }
    if (gateway->replication) {
        replication_start(gateway->replication, gateway->meta, gateway->loops.loops[0]);
        replication_took_over(gateway->replication, taken);
        gateway->lease = replication_lease(gateway->replication);
        if (!replication_wait(gateway->replication, NODES_WAIT_MS))
            log_warn("too few nodes keep the metadata: changes are refused until more do");
    }
    status = open_identities(gateway, settings);
    if (!status)
        status = account_access_open(gateway->meta);
    if (!status)
        status = node_orders_open(gateway);
    if (!status)
        status = open_keys(gateway, settings);
    if (!status)
        status = create_files_bucket(gateway);
    if (!status)
        status = start_bootstrap(gateway, settings);
    service_on_reload(reload, gateway);
    return status;
}

static enum status open_bucketlog(struct gateway *gateway, const struct settings *settings)
{
    char path[4096];

    snprintf(path, sizeof(path), "%s/bucketlog", settings->data_dir);
    enum status status = bucketlog_spool_open(path, gateway->options.log_spool_bytes, &gateway->bucketlog);
    if (status)
        fprintf(stderr, "tercet-gateway: the folder %s cannot be used: %s\n", path, status_name(status));
    return status;
}

enum status stores_open(struct gateway *gateway, const struct settings *settings)
{
    const struct cluster_config *cluster = &settings->cluster;
    char path[4096];

    snprintf(path, sizeof(path), "%s/meta", settings->data_dir);
    enum status status = open_disk(gateway, settings);
    if (!status)
        status = open_tls(&settings->tls, "tls-cert, tls-key", &gateway->tls);
    if (!status)
        status = open_tls(&settings->node_tls, "node-tls", &gateway->node_tls);
    if (!status)
        status = start_cluster(gateway, cluster);
    const struct recovery_config recovery = {
        .cluster = gateway->cluster,
        .loop = gateway->loops.loops[0],
        .pool = gateway->pool,
        .data_dir = settings->data_dir,
        .meta_path = path,
        .cluster_id = cluster->identity.id,
        .copies = (unsigned)settings->metadata_copies,
        .restore_from = (unsigned)settings->restore_from,
        .restore_damaged = settings->restore_damaged,
    };
    if (!status && settings->restore_metadata)
        return recovery_restore(&recovery);
    struct taken_over taken = {0};
    if (!status && settings->metadata_copies)
        status = recovery_check(&recovery, &taken);
    if (!status)
        status = open_metadata(gateway, settings, path, cluster, &taken);
    if (!status)
        status = open_bucketlog(gateway, settings);
    buffer_release(&taken.record);
    return status;
}

void stores_close(struct gateway *gateway)
{
    bucketlog_spool_close(gateway->bucketlog);
    if (gateway->meta)
        meta_close(gateway->meta); /* its committer may still ask the cluster which nodes can be reached */
    lock_guard_release(&gateway->lock_guard);
    key_writers_release(&gateway->key_writers);
    if (gateway->cluster)
        cluster_free(gateway->cluster);
    identity_cache_free(gateway->identities.cache);
    key_uses_free(gateway->key_uses);
    rename_tokens_free(gateway->rename_tokens);
    join_hints_free(gateway->join_hints);
    oidc_keys_free(gateway->oidc_keys);
    key_provider_free(gateway->keys);
    keyring_free(gateway->keyring);
    meta_space_free(gateway->meta_space);
    replication_free(gateway->replication);
    tls_identity_free(gateway->tls);
    tls_identity_free(gateway->node_tls);
}
