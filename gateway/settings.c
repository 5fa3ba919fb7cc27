/* The gateway's settings; see the header. A setting is a row of the table and the field that the row names. */
#include "gateway/settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/check.h"
#include "base/config.h"
#include "base/log.h"
#include "base/secret_file.h"
#include "base/service.h"
#include "compat/names.h"
#include "gateway/front/host.h"
#include "gateway/keys/keyring.h"
#include "gateway/keys/keyring_export.h"

#define SECRET_MAX    4096
#define SERVER_ID_MAX 63
#define SENDING_BYTES (896u << 10) /* of an upload, beside its window: stream_writer_memory(), sealing_memory() */

static const struct config_option options[] = {
    {"listen", CONFIG_STRING(struct settings, listen), "127.0.0.1", 0, 0, "numeric address to listen on"},
    {"port", CONFIG_UINT(struct settings, port), "8080", 0, 65535,
     "HTTP port; the HTTPS port with -tls-cert and without -tls-port; 0: the kernel chooses"},
    {"tls-port", CONFIG_UINT(struct settings, tls_port), "0", 0, 65535,
     "HTTPS port beside the HTTP port; 0: there is none"},
    {"tls-cert", CONFIG_STRING(struct settings, tls.cert), "", 0, 0,
     "file with the certificate chain for HTTPS, PEM; read again on SIGHUP, with its key"},
    {"tls-key", CONFIG_STRING(struct settings, tls.key), "", 0, 0, "file with the private key for HTTPS, PEM"},
    {"data-dir", CONFIG_STRING(struct settings, data_dir), "./data/gateway", 0, 0, "directory of the metadata"},
    {"nodes", CONFIG_STRING(struct settings, cluster.nodes),
     "127.0.0.1:8081,127.0.0.1:8082,127.0.0.1:8083,127.0.0.1:8084", 0, 0,
     "storage nodes: [NUMBER=]HOST:PORT[/ZONE], separated by commas; the copies of a chunk are in as many zones as can "
     "be"},
    {"cluster-id", CONFIG_STRING(struct settings, cluster_id), "", 0, 0,
     "id of the cluster, 32 hexadecimal digits, the same on every node"},
    {"cluster-secret-file", CONFIG_STRING(struct settings, cluster_secret_file), "", 0, 0,
     "file with the secret that gateway and nodes share; others must not be able to read it"},
    {"node-tls-ca", CONFIG_STRING(struct settings, node_tls.ca), "", 0, 0,
     "file with the certificates of the authorities that nodes' certificates are of, PEM. With it, -node-tls-cert and "
     "-node-tls-key the gateway speaks TLS 1.3 to all nodes, each of which must have -tls-ca, -tls-cert and -tls-key; "
     "read again on SIGHUP"},
    {"node-tls-cert", CONFIG_STRING(struct settings, node_tls.cert), "", 0, 0,
     "file with the certificate chain that the gateway shows to nodes, PEM"},
    {"node-tls-key", CONFIG_STRING(struct settings, node_tls.key), "", 0, 0, "file with its private key, PEM"},
    {"access-key", CONFIG_STRING(struct settings, gateway.access_key), "", 0, 0, "access key of the S3 root user"},
    {"secret-key", CONFIG_SECRET(struct settings, gateway.secret_key), "", 0, 0,
     "secret key of the S3 root user; better in a file, see -secret-key-file"},
    {"secret-key-file", CONFIG_STRING(struct settings, secret_key_file), "", 0, 0,
     "file with the secret key of the S3 root user; others must not be able to read it"},
    {"access-key-2", CONFIG_STRING(struct settings, gateway.access_key_2), "", 0, 0,
     "a second access key of the S3 root user, for as long as clients change over from the first"},
    {"secret-key-2", CONFIG_SECRET(struct settings, gateway.secret_key_2), "", 0, 0,
     "secret key of -access-key-2; better in a file, see -secret-key-2-file"},
    {"secret-key-2-file", CONFIG_STRING(struct settings, secret_key_2_file), "", 0, 0,
     "file with the secret key of -access-key-2; others must not be able to read it"},
    {"identity-key", CONFIG_STRING(struct settings, identity_key), "", 0, 0,
     "file with the key that the secrets of users are sealed with in the metadata, made at the first start; none: "
     "identity.key in -data-dir. To be kept with a backup: without it, access keys of users are lost"},
    {"identity-key-lost", CONFIG_BOOL(struct settings, identity_key_lost), "false", 0, 0,
     "the file -identity-key is lost for good: the access keys of users that cannot be opened without it are removed"},
    {"keyring", CONFIG_STRING(struct settings, keyring), "", 0, 0,
     "file with the keys that objects are encrypted with, made by -new-key; read at the start and on SIGHUP. To be "
     "kept "
     "with a backup, and apart from the nodes: without it, what was encrypted is lost"},
    {"new-key", CONFIG_STRING(struct settings, new_key), "", 0, 0,
     "adds a random key of that name to the file -keyring, which is made when it is not there, makes it the key for "
     "new "
     "objects, and exits"},
    {"retire-key", CONFIG_STRING(struct settings, retire_key), "", 0, 0,
     "marks the key of that name in the file -keyring as retired, and exits: from the next SIGHUP on nothing more is "
     "sealed with it, what it sealed is sealed with the current key, and /system/encryption says when it can be "
     "removed"},
    {"export-keys", CONFIG_STRING(struct settings, export_keys), "", 0, 0,
     "writes the file -keyring to this file, sealed by the passphrase of -passphrase-file, for a copy in another "
     "place, "
     "and exits"},
    {"import-keys", CONFIG_STRING(struct settings, import_keys), "", 0, 0,
     "makes the file -keyring, which must not be there, of this file that -export-keys wrote, and exits"},
    {"passphrase-file", CONFIG_STRING(struct settings, passphrase_file), "", 0, 0,
     "file with the passphrase of -export-keys and -import-keys, of at least 12 characters, in its first line; others "
     "must not be able to read it"},
    {"key-provider", CONFIG_STRING(struct settings, key_provider), "keyring", 0, 0,
     "who has the keys that new objects are encrypted with: keyring, the file -keyring, or vault, the transit engine "
     "of "
     "HashiCorp Vault or OpenBao; then -keyring may be there besides, for what it encrypted"},
    {"vault-url", CONFIG_STRING(struct settings, vault.url), "", 0, 0,
     "https://HOST:PORT of Vault; http only of 127.0.0.1 and localhost"},
    {"vault-ca-file", CONFIG_STRING(struct settings, vault.ca_file), "", 0, 0,
     "file with the certificates of the authorities that Vault is trusted by, PEM; none: the system's"},
    {"vault-namespace", CONFIG_STRING(struct settings, vault.namespace), "", 0, 0, "namespace within Vault"},
    {"vault-mount", CONFIG_STRING(struct settings, vault.mount), "transit", 0, 0,
     "path that the transit engine is mounted at"},
    {"vault-key", CONFIG_STRING(struct settings, vault.key), "", 0, 0,
     "name of the key in Vault that new objects are encrypted with when they name none; Vault rotates it"},
    {"vault-key-prefix", CONFIG_STRING(struct settings, vault.key_prefix), "", 0, 0,
     "what names of keys have before them in Vault and not here, so that clients can name those alone"},
    {"vault-token-file", CONFIG_STRING(struct settings, vault.token_file), "", 0, 0,
     "file with the token for Vault, which is renewed, and read again when Vault takes it no more; others must not be "
     "able to read it"},
    {"vault-role-id", CONFIG_STRING(struct settings, vault.role_id), "", 0, 0,
     "role id of AppRole, to get tokens by instead of -vault-token-file"},
    {"vault-secret-id-file", CONFIG_STRING(struct settings, vault.secret_id_file), "", 0, 0,
     "file with the secret id of AppRole; others must not be able to read it"},
    {"vault-auth-mount", CONFIG_STRING(struct settings, vault.auth_mount), "approle", 0, 0,
     "path below auth/ that AppRole is mounted at"},
    {"key-cache", CONFIG_DURATION(struct settings, vault.key_cache_ms), "10m", 1000, 86400000,
     "time for which keys that Vault opened are kept in locked memory; for so long reads and writes with them go on "
     "when Vault is away"},
    {"encrypt-all", CONFIG_BOOL(struct settings, gateway.encrypt_all), "false", 0, 0,
     "encrypt new objects of buckets without an encryption of their own, too; needs -keyring or -key-provider vault"},
    {"allow-ssec-over-http", CONFIG_BOOL(struct settings, gateway.allow_ssec_over_http), "false", 0, 0,
     "take clients' own encryption keys (SSE-C) over plain HTTP, where a proxy in front ends TLS"},
    {"bootstrap", CONFIG_STRING(struct settings, gateway.bootstrap), "", 0, 0,
     "JSON file of users, groups, roles, policies and buckets that are to be there; read at the start and on SIGHUP"},
    {"identity-cache", CONFIG_SIZE(struct settings, identity_cache_bytes), "64M", 65536, 0,
     "memory of users with their policies, of those that asked last"},
    {"oidc-ca-file", CONFIG_STRING(struct settings, gateway.oidc_ca_file), "", 0, 0,
     "file with the certificates of the authorities that OpenID Connect providers are trusted by, PEM; none: the "
     "system's"},
    {"oidc-loopback", CONFIG_STRING(struct settings, gateway.oidc_loopback), "", 0, 0,
     "http or https: how OpenID Connect providers at localhost and 127.0.0.1 are asked, which may have a port then; "
     "for "
     "trials. None: they are as all others"},
    {"oidc-refresh", CONFIG_DURATION(struct settings, gateway.oidc_refresh_ms), "1m", 100, 3600000,
     "an OpenID Connect provider is asked for its keys no more often than that, whatever tokens come"},
    {"files-token", CONFIG_SECRET(struct settings, gateway.files_token), "", 0, 0,
     "Bearer token of the file API for peers on other hosts; better in a file, see -files-token-file"},
    {"files-token-file", CONFIG_STRING(struct settings, files_token_file), "", 0, 0,
     "file with the Bearer token of the file API; others must not be able to read it"},
    {"open-files-api", CONFIG_BOOL(struct settings, gateway.open_files_api), "false", 0, 0,
     "serve the file API to every peer without credentials"},
    {"domain", CONFIG_STRING(struct settings, gateway.domain), "", 0, 0,
     "base domain of buckets that are addressed by host name, as BUCKET.DOMAIN"},
    {"website-domain", CONFIG_STRING(struct settings, gateway.website_domain), "", 0, 0,
     "base domain of websites: BUCKET.WEBSITE-DOMAIN serves the pages of a bucket that has a website configuration"},
    {"website-hosts", CONFIG_STRING(struct settings, gateway.website_hosts), "", 0, 0,
     "further hosts that are websites, each of the bucket of that name, with commas between: www.example.com"},
    {"region", CONFIG_STRING(struct settings, gateway.region), "us-east-1", 0, 0,
     "S3 region that is reported; requests may name any"},
    {"account-id", CONFIG_STRING(struct settings, gateway.account_id), "000000000000", 0, 0,
     "account that owns every bucket, twelve digits; x-amz-expected-bucket-owner is compared with it"},
    {"server-id", CONFIG_STRING(struct settings, gateway.server_id), "coordinator", 0, 0,
     "name of this gateway in answers, log and metrics"},
    {"loglevel", CONFIG_STRING(struct settings, log_level), "error", 0, 0,
     "least important lines that are logged: debug, info, warn or error"},
    {"audit-log", CONFIG_STRING(struct settings, audit_log), "", 0, 0,
     "file for a line of JSON about each denial, each change of a right, and each use of root's keys; opened anew on "
     "SIGHUP"},
    {"logdir", CONFIG_STRING(struct settings, log_dir), "", 0, 0,
     "also log to DIRECTORY/tercet-gateway/SERVER-ID.log, opened anew on SIGHUP"},
    {"health", CONFIG_BOOL(struct settings, health), "false", 0, 0,
     "asks the gateway that runs with these settings for its health and exits: 0 when it is well"},
    {"accesslog", CONFIG_BOOL(struct settings, gateway.access_log), "false", 0, 0,
     "log every request, whatever the log level"},
    {"threads", CONFIG_UINT(struct settings, threads), "0", 0, 64, "number of event loops; 0: one per core"},
    {"pool-threads", CONFIG_UINT(struct settings, pool_threads), "8", 1, 256,
     "number of threads for metadata reads and hashing"},
    {"connections", CONFIG_UINT(struct settings, connections_max), "10000", 1, 1000000,
     "connections that are served at once"},
    {"connections-per-peer", CONFIG_UINT(struct settings, connections_per_peer_max), "0", 0, 1000000,
     "connections of one address (IPv6: of one /64) at once; 0: all but a sixteenth of -connections. A proxy is one "
     "peer"},
    {"head-memory", CONFIG_SIZE(struct settings, head_memory_max), "32M", 1u << 20, 1u << 30,
     "memory of all request heads beyond 8 KiB together; what needs more gets 503 SlowDown"},
    {"reads", CONFIG_UINT(struct settings, admission.limits[CLASS_READ]), "1024", 1, 100000,
     "downloads at once; more get 503 SlowDown"},
    {"writes", CONFIG_UINT(struct settings, admission.limits[CLASS_WRITE]), "1024", 1, 100000,
     "uploads and copies at once; more get 503 SlowDown"},
    {"upload-memory", CONFIG_SIZE(struct settings, admission.upload_bytes_max), "768M", 1u << 20, 0,
     "memory of all uploads together; an upload that finds no room gets 503 SlowDown"},
    {"lists", CONFIG_UINT(struct settings, admission.limits[CLASS_LIST]), "128", 1, 100000,
     "listings at once; more get 503 SlowDown"},
    {"others", CONFIG_UINT(struct settings, admission.limits[CLASS_OTHER]), "1024", 1, 100000,
     "S3 requests at once that are no download, upload, copy or listing; more get 503 SlowDown"},
    {"errors", CONFIG_UINT(struct settings, admission.limits[CLASS_ERROR]), "1024", 1, 100000,
     "answers to refused requests, and as many of health and metrics, that may wait for their clients at once; a "
     "client beyond that is cut. Also so many HTML forms whose fields are read at once; more are answered 503"},
    {"idle-timeout", CONFIG_DURATION(struct settings, idle_timeout_ms), "1m", 100, 86400000,
     "a connection without a request is closed after this time"},
    {"head-timeout", CONFIG_DURATION(struct settings, head_timeout_ms), "20s", 100, 3600000,
     "a request's head must be complete within this time"},
    {"rate-min", CONFIG_SIZE(struct settings, rate_min), "1K", 1, 1u << 30,
     "bytes per second that a client must send or take while the gateway waits for it"},
    {"rate-window", CONFIG_DURATION(struct settings, rate_window_ms), "30s", 100, 3600000,
     "a client may fall behind -rate-min by what that rate makes in this time"},
    {"read-pause", CONFIG_DURATION(struct settings, read_pause_ms), "15m", 100, 43200000,
     "a client that takes less than -rate-min of a download or a listing is cut after this time, or when its place is "
     "needed"},
    {"chunk-size", CONFIG_SIZE(struct settings, cluster.chunk_bytes), "8M", 65536, CHUNK_BYTES_MAX,
     "size of the chunks that objects are cut into"},
    {"small-max", CONFIG_SIZE(struct settings, gateway.small_max), "64K", 0, CHUNK_BLOCK_BYTES,
     "what is at most so long reaches its nodes with the commit of its name, in one round instead of three; 0: nothing "
     "does"},
    {"window", CONFIG_SIZE(struct settings, cluster.window_bytes), "1M", 131072, 64u << 20,
     "bytes of one upload that are kept in memory"},
    {"cache", CONFIG_SIZE(struct settings, cache_bytes), "16M", 1u << 20, 0, "memory of the metadata cache"},
    {"stall", CONFIG_DURATION(struct settings, cluster.stall_ms), "500ms", 10, 60000,
     "a node that makes no progress for this time gets another node beside it"},
    {"node-timeout", CONFIG_DURATION(struct settings, cluster.node_timeout_ms), "30s", 100, 600000,
     "a node that makes no progress for this time is given up"},
    {"health-interval", CONFIG_DURATION(struct settings, cluster.health_interval_ms), "30s", 100, 3600000,
     "time between health checks of a node; one whose disk fails waits 40 s to be asked why, then it ends"},
    {"suspect-interval", CONFIG_DURATION(struct settings, cluster.suspect_interval_ms), "1s", 50, 600000,
     "time between health checks of a node that failed"},
    {"breaker-failures", CONFIG_UINT(struct settings, cluster.breaker_failures), "5", 1, 1000,
     "failures in a row that open the breaker of a node"},
    {"breaker-open", CONFIG_DURATION(struct settings, cluster.breaker_open_ms), "5s", 10, 600000,
     "time for which an open breaker keeps requests away from its node, before the first probe"},
    {"hedge-percent", CONFIG_UINT(struct settings, cluster.hedge_percent), "5", 0, 100,
     "so many reads in a hundred may ask a second node when the first one hesitates; 0: none"},
    {"metadata-copies", CONFIG_UINT(struct settings, metadata_copies), "2", 0, 8,
     "nodes that must hold a change of the metadata before it is acknowledged; 0: none is asked, and no restore shuts "
     "this gateway out"},
    {"data-reserve", CONFIG_SIZE(struct settings, data_reserve_bytes), "256M", 0, 0,
     "space of data-dir's disk that uploads must leave free; less on disks under 5 GiB; 0: none"},
    {"restore-metadata", CONFIG_BOOL(struct settings, restore_metadata), "false", 0, 0,
     "rebuild lost metadata from the nodes, then exit"},
    {"restore-damaged", CONFIG_BOOL(struct settings, restore_damaged), "false", 0, 0,
     "with -restore-metadata: also when the database here is not behind the nodes, since it is damaged"},
    {"restore-from", CONFIG_UINT(struct settings, restore_from), "0", 0, 255,
     "with -restore-metadata: number of the node to take them from, whatever others hold; 0: the most advanced"},
    {"gc-interval", CONFIG_DURATION(struct settings, gateway.gc_interval_ms), "30s", 50, 0,
     "time between rounds of freeing deleted data"},
    {"gc-grace", CONFIG_DURATION(struct settings, gateway.gc_grace_ms), "2m", 0, 0,
     "time for which deleted data are kept at least; what is being read is kept for longer, also with 0"},
    {"gc-backlog", CONFIG_UINT(struct settings, gc_backlog), "500000", 0, 0,
     "writes are slowed when more entries of deleted data than this could be freed and are not yet, and refused at "
     "four times as many; 0: never"},
    {"repair-interval", CONFIG_DURATION(struct settings, gateway.repair_interval_ms), "5s", 50, 0,
     "time between rounds of making missing copies anew"},
    {"repair-bandwidth", CONFIG_SIZE(struct settings, repair_bandwidth), "100M", 65536, 0,
     "bytes per second that repair and snapshots of the metadata may copy"},
    {"repair-concurrency", CONFIG_UINT(struct settings, gateway.repair_concurrency), "4", 1, 16,
     "copies that repair makes at once"},
    {"node-dead-after", CONFIG_DURATION(struct settings, gateway.node_dead_after_ms), "10m", 100, 0,
     "a node that is away for this time is given up, and its chunks are made anew on the others"},
    {"inventory-interval", CONFIG_DURATION(struct settings, gateway.inventory_interval_ms), "24h", 100, 0,
     "time between comparisons of what a node holds with what is recorded; a node that was away is compared at once"},
    {"orphan-age", CONFIG_DURATION(struct settings, gateway.orphan_age_ms), "24h", 100, 0,
     "chunks on a node that no record refers to go to its trash when they are older than this"},
    {"orphan-percent", CONFIG_UINT(struct settings, gateway.orphan_percent), "10", 0, 100,
     "chunks that no record refers to are left alone when they are a larger part of a node's chunks, in percent, and "
     "more than 1000: the metadata may be wrong"},
    {"upload-expiry", CONFIG_DURATION(struct settings, gateway.upload_expiry_ms), "7d", 100, 0,
     "multipart uploads that were begun longer ago are aborted"},
    {"notify", CONFIG_SECRET(struct settings, notify.targets), "", 0, 0,
     "who is told of events of buckets: NAME=URL, several with commas or white space between; a bucket's notification "
     "configuration names them by arn:aws:sqs:REGION:ACCOUNT:NAME. Passwords and tokens are better in files, see the "
     "guide to notifications"},
    {"notify-rows", CONFIG_UINT(struct settings, notify.rows_max), "100000", 1, 800000,
     "events that wait for one target; further ones are dropped, and counted"},
    {"notify-age", CONFIG_DURATION(struct settings, notify.age_max_ms), "3d", 1000, 0,
     "events that wait for longer are dropped, and counted, while their target fails or is not in -notify"},
    {"notify-timeout", CONFIG_DURATION(struct settings, notify.timeout_ms), "10s", 100, 60000,
     "how long one attempt to send events may take"},
    {"lifecycle-rate", CONFIG_UINT(struct settings, gateway.lifecycle_rate), "5000", 1, 10000000,
     "versions a second that are looked at for the lifecycle rules of their buckets"},
    {"lifecycle-change-rate", CONFIG_UINT(struct settings, gateway.lifecycle_change_rate), "1000", 1, 10000000,
     "versions a second that lifecycle rules remove or change"},
    {"rekey-rate", CONFIG_UINT(struct settings, gateway.rekey_rate), "2000", 1, 10000000,
     "versions a second that are looked at for keys that are to be sealed with the current key of -keyring"},
    {"lifecycle-day", CONFIG_DURATION(struct settings, gateway.lifecycle_day_ms), "24h", 100, 86400000,
     "for tests only: the length of what lifecycle rules call a day; anything but 24h removes data too early"},
    {"log-delivery-interval", CONFIG_DURATION(struct settings, gateway.log_delivery_ms), "5m", 100, 86400000,
     "server access logs of buckets are delivered into their target buckets so often"},
    {"log-spool", CONFIG_SIZE(struct settings, gateway.log_spool_bytes), "256M", 1u << 20, 0,
     "lines of server access logs that wait for their delivery take so much of the disk with the metadata; what comes "
     "beyond is dropped"},
    {"files-versions-max", CONFIG_UINT(struct settings, gateway.files_versions_max), "0", 0, 1000000000,
     "versions of a file that are kept, in the bucket files too, delete markers counted; the oldest go; 0: all"},
    {"files-versions-days", CONFIG_UINT(struct settings, gateway.files_versions_days), "0", 0, 36500,
     "days for which a version of a file is kept after it was replaced or deleted by a marker; 0: for ever"},
    {"drain", CONFIG_DURATION(struct settings, drain_ms), "30s", 0, 600000,
     "time for the requests under way to end at SIGTERM"},
    {0},
};

static _Noreturn void refuse(const char *what, const char *why)
{
    fprintf(stderr, "tercet-gateway: %s: %s\n", what, why);
    exit(2);
}

/* A file that is named wins over the value given directly. */
static void take_secret(const char *path, const char **secret)
{
    char text[SECRET_MAX];
    const char *error;

    if (!path[0])
        return;
    if (secret_file_read(path, text, sizeof(text), &error))
        refuse(path, error);
    free((char *)*secret);
    *secret = mem_strdup(text);
    explicit_bzero(text, sizeof(text));
}

/* Fit for labels of metrics, for the log, and as the name of a file. */
static bool is_name(const char *text)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";
    size_t len = strlen(text);

    return len > 0 && len <= SERVER_ID_MAX && text[0] != '.' && strspn(text, allowed) == len;
}

static void check_second_key(const struct settings *settings)
{
    const struct gateway_options *gateway = &settings->gateway;

    if (!gateway->access_key_2[0] && !gateway->secret_key_2[0])
        return;
    if (strlen(gateway->access_key_2) < 3 || strlen(gateway->secret_key_2) < 8)
        refuse("access-key-2, secret-key-2-file", "an access key of at least 3 and a secret of at least 8 characters "
                                                  "are needed");
    if (strcmp(gateway->access_key, gateway->access_key_2) == 0)
        refuse("access-key-2", "it is the same as access-key");
}

/* Whether the host is the domain, or a name below it. */
static bool is_within(const char *host, const char *domain)
{
    size_t len = strlen(host), domain_len = strlen(domain);
    const char *end = len >= domain_len ? host + len - domain_len : NULL;

    return end && strcasecmp(end, domain) == 0 && (end == host || end[-1] == '.');
}

/* A host that is a website is nothing else. */
static void check_websites(const struct gateway_options *gateway)
{
    struct bytes host;

    if (gateway->website_domain[0] && is_within(gateway->domain, gateway->website_domain))
        refuse("website-domain", "domain is the same, or below it");
    for (struct bytes rest = bytes_from_str(gateway->website_hosts); website_host_next(&rest, &host);)
        if (!bucket_name_is_valid(host) || bytes_equal_nocase(host, gateway->domain))
            refuse("website-hosts", "hosts that are names of buckets, with commas between, and not -domain");
}

static void check_tls(const struct settings *settings)
{
    const struct tls_files *node = &settings->node_tls;

    if (!settings->tls.cert[0] != !settings->tls.key[0])
        refuse("tls-cert, tls-key", "both or neither");
    if (settings->tls_port && !settings->tls.cert[0])
        refuse("tls-port", "needs tls-cert and tls-key");
    if (!node->ca[0] != !node->cert[0] || !node->ca[0] != !node->key[0])
        refuse("node-tls-ca, node-tls-cert, node-tls-key", "all three or none");
}

static void check_keys(const struct settings *settings)
{
    bool vault = strcmp(settings->key_provider, "vault") == 0;
    const char *problem = vault ? vault_options_problem(&settings->vault) : NULL;

    if (strcmp(settings->key_provider, "kmip") == 0 || strcmp(settings->key_provider, "aws-kms") == 0)
        refuse("key-provider", "KMIP and the protocol of AWS KMS are not implemented (501): keyring or vault");
    if (!vault && strcmp(settings->key_provider, "keyring") != 0)
        refuse("key-provider", "keyring or vault");
    if (problem)
        refuse("key-provider vault", problem);
    if (!vault && settings->vault.url[0])
        refuse("vault-url", "needs -key-provider vault");
    if (settings->gateway.encrypt_all && !settings->keyring[0] && !vault)
        refuse("encrypt-all", "needs keyring, or key-provider vault");
}

static void check(struct settings *settings)
{
    enum log_level level;

    take_secret(settings->secret_key_file, &settings->gateway.secret_key);
    take_secret(settings->secret_key_2_file, &settings->gateway.secret_key_2);
    take_secret(settings->files_token_file, &settings->gateway.files_token);
    if (!settings->restore_metadata &&
        (strlen(settings->gateway.access_key) < 3 || strlen(settings->gateway.secret_key) < 8))
        refuse("access-key, secret-key-file", "an access key of at least 3 and a secret of at least 8 characters are "
                                              "needed");
    check_second_key(settings);
    check_tls(settings);
    check_keys(settings);
    if (settings->gateway.files_token[0] && strlen(settings->gateway.files_token) < 16)
        refuse("files-token", "at least 16 characters");
    if (!account_id_is_valid(bytes_from_str(settings->gateway.account_id)))
        refuse("account-id", "twelve digits");
    check_websites(&settings->gateway);
    if (settings->gateway.oidc_loopback[0] && strcmp(settings->gateway.oidc_loopback, "http") != 0 &&
        strcmp(settings->gateway.oidc_loopback, "https") != 0)
        refuse("oidc-loopback", "http, https or nothing");
    if (!is_name(settings->gateway.server_id))
        refuse("server-id", "1 to 63 letters, digits, '.', '-' and '_'");
    if (settings->admission.upload_bytes_max < settings->cluster.window_bytes + SENDING_BYTES)
        refuse("upload-memory", "at least -window and 896K for what is being sent");
    if (!settings->connections_per_peer_max)
        settings->connections_per_peer_max = settings->connections_max - settings->connections_max / 16;
    if (log_level_parse(bytes_from_str(settings->log_level), &level))
        refuse("loglevel", "debug, info, warn or error");
}

/* An action, as -health is one. */
static _Noreturn void add_key(const struct settings *settings)
{
    const char *error = "needs keyring";
    enum status status = STATUS_INVALID;

    if (settings->keyring[0])
        status = keyring_file_add(settings->keyring, settings->new_key, &error);
    if (status)
        refuse("new-key", error);
    printf("%s: the key for new objects is %s now. Keep a copy of this file in another place: what was encrypted is "
           "lost without it.\n",
           settings->keyring, settings->new_key);
    exit(0);
}

static _Noreturn void retire_key(const struct settings *settings)
{
    const char *error = "needs keyring";
    enum status status = STATUS_INVALID;

    if (settings->keyring[0])
        status = keyring_file_retire(settings->keyring, settings->retire_key, &error);
    if (status)
        refuse("retire-key", error);
    printf("%s: the key %s is retired. It stays in the file until /system/encryption says that it is removable.\n",
           settings->keyring, settings->retire_key);
    exit(0);
}

/* One of the two. */
static _Noreturn void move_keys(const struct settings *settings)
{
    bool exports = settings->export_keys[0];
    const char *error = "needs keyring and passphrase-file", *name = exports ? "export-keys" : "import-keys";
    char passphrase[KEYRING_PASSPHRASE_MAX + 1] = "";
    enum status status = STATUS_INVALID;

    if (settings->keyring[0] && settings->passphrase_file[0])
        status = secret_file_read(settings->passphrase_file, passphrase, sizeof(passphrase), &error);
    if (!status && exports)
        status = keyring_export(settings->keyring, settings->export_keys, passphrase, &error);
    else if (!status)
        status = keyring_import(settings->keyring, settings->import_keys, passphrase, &error);
    explicit_bzero(passphrase, sizeof(passphrase));
    if (status)
        refuse(name, error);
    printf("%s: written\n", exports ? settings->export_keys : settings->keyring);
    exit(0);
}

void settings_load(struct settings *settings, int argc, char **argv)
{
    config_load(options, settings, "tercet-gateway", argc, argv);
    if (settings->health)
        exit(service_probe(settings->listen, (uint16_t)settings->port,
                           settings->tls.cert[0] && !settings->tls_port ? &settings->tls : NULL));
    if (settings->new_key[0])
        add_key(settings);
    if (settings->retire_key[0])
        retire_key(settings);
    if (settings->export_keys[0] || settings->import_keys[0])
        move_keys(settings);
    check(settings);
    settings->admission.limits[CLASS_SYSTEM] = settings->admission.limits[CLASS_ERROR];
    settings->admission.limits[CLASS_FORM] = settings->admission.limits[CLASS_ERROR];
}

void settings_take_identity(struct settings *settings)
{
    const char *error = "";

    if (cluster_identity_load(&settings->cluster.identity, settings->cluster_id, settings->cluster_secret_file, &error))
        refuse("cluster-id, cluster-secret-file", error);
}
