# Shared by start-monitoring.sh and stop-monitoring.sh; sourced after deploy/lib.sh, with $root set.

containers_file= # one more compose file, where the cluster runs in containers

# Sets network, targets and TERCET_LOGS from the environment and the cluster's folder.
monitoring_locate()
{
    network=${TERCET_MONITORING_NETWORK:-}
    if [ -z "$network" ]; then
        case $(uname -s) in
        Linux) network=host ;;
        *) network=bridge ;;
        esac
    fi
    case $network in
    host) network_file=$root/deploy/monitoring/compose.host.yaml ;;
    bridge) network_file=$root/deploy/monitoring/compose.override.yaml ;;
    *) fail "TERCET_MONITORING_NETWORK must be host or bridge, not '$network'" ;;
    esac
    # Not below the data folder, which only its owner may enter: Prometheus runs as another user.
    targets=$root/deploy/monitoring/prometheus/targets
    if [ "$port" != 8080 ]; then
        targets=$root/deploy/monitoring/prometheus/targets-$port
    fi
    TERCET_MONITORING_TARGETS=$targets
    TERCET_LOGS=${TERCET_LOGS:-$data/log}
    export TERCET_MONITORING_TARGETS TERCET_LOGS
}

# Which Compose there is: the plug-in, else the program of its own.
find_compose()
{
    if docker compose version >/dev/null 2>&1; then
        compose_program="docker compose"
    elif command -v docker-compose >/dev/null 2>&1; then
        compose_program=docker-compose
    else
        fail "needs Docker with Compose: neither 'docker compose' nor 'docker-compose' is here"
    fi
    docker info >/dev/null 2>&1 || fail "Docker does not answer: is it running, and may you use it? (docker info)"
}

compose()
{
    # shellcheck disable=SC2086 # "docker compose" is two words
    $compose_program -p tercet-monitoring -f "$root/deploy/monitoring/compose.yaml" -f "$network_file" \
        ${containers_file:+-f "$containers_file"} "$@"
}
