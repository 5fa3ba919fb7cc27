#!/bin/sh
# Starts Prometheus, Grafana, Loki and Promtail in containers, for the cluster of TERCET_DATA (default: data in the
# source tree), and waits until they answer. Safe to repeat. deploy/stop-monitoring.sh stops them.
#
#   start-monitoring.sh [--alloy] [--containers]
#                                    --alloy: Grafana Alloy reads the logs in Promtail's place
#                                    --containers: the cluster is that of deploy/compose.yaml, and runs
#   TERCET_DATA, TERCET_BASE_PORT    the cluster, as for deploy/up
#   TERCET_FILES_TOKEN_FILE          the gateway's files token, where it asks for one, as on another host
#                                    (with --containers: secrets/files-token)
#   TERCET_LOGS                      folder of its logs                    (log/ in its data folder)
#   TERCET_MONITORING_NETWORK        host or bridge                        (host on Linux, bridge elsewhere)
#   TERCET_MONITORING_WAIT           seconds until all must answer         (180)
#   TERCET_MONITORING_ROUND          seconds until Prometheus has read the whole cluster, or it is said what not (30)
#   GRAFANA_PASSWORD                 of Grafana's admin, at the first start (admin)
set -eu
root=$(cd "$(dirname "$0")/.." && pwd -P)
. "$root/deploy/lib.sh"
. "$root/deploy/monitoring/lib.sh"

# The scrape targets of this cluster, as files that Prometheus reads.
write_targets()
{
    mkdir -p "$targets"
    printf -- '- targets: ["host.docker.internal:%s"]\n' "$port" >"$targets/gateway.yml"
    {
        printf -- '- targets:\n'
        number=1
        while [ "$number" -le "$node_count" ]; do
            printf '    - host.docker.internal:%s\n' $((port + number))
            number=$((number + 1))
        done
    } >"$targets/nodes.yml"
    chmod a+rx "$targets"
    chmod a+r "$targets/gateway.yml" "$targets/nodes.yml"
    [ -z "${TERCET_FILES_TOKEN_FILE:-}" ] || write_token
}

# Prometheus runs as user 65534 and reads the token itself; who is not root cannot give it the file alone.
write_token()
{
    rm -f "$targets/token.new"
    (umask 077 && cat "$TERCET_FILES_TOKEN_FILE" >"$targets/token.new") ||
        fail "cannot read $TERCET_FILES_TOKEN_FILE (may you? it may need sudo)"
    chown 65534 "$targets/token.new" 2>/dev/null || chmod a+r "$targets/token.new"
    mv -f "$targets/token.new" "$targets/token"
    sed 's/# authorization:/authorization:/' "$root/deploy/monitoring/prometheus/prometheus.yml" >"$targets/prometheus.yml"
    export TERCET_PROMETHEUS_CONFIG="$targets/prometheus.yml"
}

# wait_answer NAME URL
wait_answer()
{
    until curl -fs --noproxy '*' --max-time 5 -o /dev/null "$2"; do
        if [ "$(date +%s)" -ge "$deadline" ]; then
            compose ps >&2 || true
            compose logs --tail 20 "$1" >&2 || true
            fail "$1 does not answer at $2"
        fi
        sleep 1
    done
}

# What Prometheus knows of each target of the cluster that it asks often, a line each: HEALTH URL ERROR.
cluster_targets()
{
    curl -fs --noproxy '*' --max-time 5 'http://127.0.0.1:9090/api/v1/targets?state=active' |
        awk '{ gsub(/[{]"discoveredLabels"/, "\n&"); print }' |
        sed -n 's/.*"scrapePool":"tercet-[gn].*"scrapeUrl":"\([^"]*\)".*"lastError":"\(.*\)","lastScrape":.*"health":"\([a-z]*\)".*/\3 \1 \2/p'
}

# Those of this cluster that it cannot read, or does not know yet.
unread_targets()
{
    known=$(cluster_targets)
    number=0
    while [ "$number" -le "$node_count" ]; do
        url=http://host.docker.internal:$((port + number))/
        line=$(printf '%s\n' "$known" | grep -F " $url" | head -n 1)
        case $line in
        "up "*) ;;
        '') printf '  unknown %s\n' "$url" ;;
        *) printf '  %s\n' "$line" | sed 's/\\"/"/g' ;;
        esac
        number=$((number + 1))
    done
}

# Waits for Prometheus's first round, then says which targets it cannot read. That is its business, so this is no failure.
report_targets()
{
    deadline=$(($(date +%s) + ${TERCET_MONITORING_ROUND:-30}))
    until unread=$(unread_targets) && [ -z "$unread" ]; do
        if [ "$(date +%s)" -ge "$deadline" ]; then
            say "Prometheus cannot read all of the cluster (http://localhost:9090/targets):" >&2
            printf '%s\n' "$unread" >&2
            return
        fi
        sleep 1
    done
    say "Prometheus reads the gateway and all nodes."
}

main()
{
    reader=promtail other=alloy
    for argument in "$@"; do
        case $argument in
        --alloy) reader=alloy other=promtail ;;
        --containers) containers_file=$root/deploy/monitoring/compose.containers.yaml ;;
        *) fail "unknown argument '$argument' (--alloy, --containers)" ;;
        esac
    done
    cluster_locate
    monitoring_locate
    find_compose
    logs=$TERCET_LOGS
    if [ -n "$containers_file" ]; then
        TERCET_FILES_TOKEN_FILE=${TERCET_FILES_TOKEN_FILE:-$root/secrets/files-token}
        logs="the volume tercet-logs"
    else
        (umask 077 && mkdir -p "$TERCET_LOGS")
    fi
    write_targets
    # The other reader is scaled to none, or lines would be sent twice after a change from one to the other.
    compose --profile alloy up -d --scale "$other=0" --remove-orphans || fail "the containers could not be started"
    deadline=$(($(date +%s) + ${TERCET_MONITORING_WAIT:-180}))
    wait_answer prometheus http://127.0.0.1:9090/-/ready
    wait_answer loki http://127.0.0.1:3100/ready
    wait_answer grafana http://127.0.0.1:3000/api/health
    cat <<END

  Grafana     http://localhost:3000   (admin / ${GRAFANA_PASSWORD:-admin})
  Prometheus  http://localhost:9090   scrapes the ports $port to $((port + node_count))
  Loki        http://localhost:3100   filled by $reader from $logs

The gateway's requests are in its log with -accesslog only, or while debug lines are shown (docs/operating.md, Logs).
deploy/stop-monitoring.sh stops them; what they have recorded stays.
END
    if curl -fs --noproxy '*' --max-time 5 -o /dev/null "http://127.0.0.1:$port/health"; then
        report_targets
    else
        say "No gateway answers on port $port: start the cluster with deploy/up."
    fi
}

main "$@"
