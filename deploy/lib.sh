# Shared by deploy/up, deploy/down, deploy/status and tests/run: where a cluster lives, what it consists of, which of
# its processes run. Sourced, with $root set to the source tree.
#
# A cluster is a folder: cluster-id, cluster-secret, access-key and secret-key (made once, mode 0600), port, gateway/
# and node1/ to node4/ (data), log/ and run/ (pid files). A recorded pid counts only while that very process is one of
# this cluster's, so a pid that the system gave to somebody else is never signalled.

node_count=4
members="node1 node2 node3 node4 gateway"

say()
{
    printf '%s\n' "$*"
}

fail()
{
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

# Sets data and port from the environment, else from what the cluster was started with, else the defaults.
cluster_locate()
{
    data=${TERCET_DATA:-$root/data}
    case $data in
    /*) ;;
    *) data=$PWD/$data ;;
    esac
    if [ -d "$data" ]; then
        data=$(cd "$data" && pwd -P)
    fi
    port=${TERCET_BASE_PORT:-}
    if [ -z "$port" ] && [ -r "$data/port" ]; then
        port=$(cat "$data/port")
    fi
    port=${port:-8080}
    case $port in
    '' | *[!0-9]*) fail "TERCET_BASE_PORT must be a number, not '$port'" ;;
    esac
    if [ "$port" -lt 1 ] || [ "$port" -gt $((65535 - node_count)) ]; then
        fail "TERCET_BASE_PORT must be between 1 and $((65535 - node_count))"
    fi
}

member_port()
{
    case $1 in
    gateway) echo "$port" ;;
    node*) echo $((port + ${1#node})) ;;
    esac
}

member_program()
{
    case $1 in
    gateway) echo tercet-gateway ;;
    node*) echo tercet-node ;;
    esac
}

# Where to reach a member from this machine.
member_host()
{
    if [ "$1" = gateway ]; then
        case ${TERCET_LISTEN:-127.0.0.1} in
        0.0.0.0) echo 127.0.0.1 ;;
        *:*) echo "[${TERCET_LISTEN}]" | sed 's/^\[::\]$/[::1]/' ;;
        *) echo "${TERCET_LISTEN:-127.0.0.1}" ;;
        esac
    else
        echo 127.0.0.1
    fi
}

# The pid of a member that runs, or nothing. The process must have been started with this cluster's data folder.
member_pid()
{
    pid=$(cat "$data/run/$1.pid" 2>/dev/null) || return 1
    case $pid in
    '' | *[!0-9]*) return 1 ;;
    esac
    { tr '\0' '\n' <"/proc/$pid/cmdline"; } 2>/dev/null | grep -qxF -- "$data/$1" || return 1
    echo "$pid"
}

running_members()
{
    list=
    for member in $members; do
        if member_pid "$member" >/dev/null; then
            list="$list${list:+ }$member"
        fi
    done
    echo "$list"
}

# stop_member MEMBER SECONDS: SIGTERM, then waits. False when it still runs after that time.
stop_member()
{
    victim=$(member_pid "$1") || return 0
    kill -TERM "$victim"
    patience=$(($(date +%s) + $2))
    while member_pid "$1" >/dev/null; do
        [ "$(date +%s)" -lt "$patience" ] || return 1
        sleep 0.1
    done
    rm -f "$data/run/$1.pid"
}

# Do gateway and nodes speak TLS to each other? With the files of data/tls (docs/operating.md).
node_tls()
{
    [ -f "$data/tls/ca.crt" ]
}

member_healthy()
{
    if [ "$1" != gateway ] && node_tls; then
        curl -fs --noproxy '*' --max-time 5 -o /dev/null --cacert "$data/tls/ca.crt" --cert "$data/tls/gateway.crt" \
            --key "$data/tls/gateway.key" "https://$(member_host "$1"):$(member_port "$1")/health"
    else
        curl -fs --noproxy '*' --max-time 5 -o /dev/null "http://$(member_host "$1"):$(member_port "$1")/health"
    fi
}

# How many nodes the gateway holds for healthy; nothing when it does not answer.
healthy_nodes()
{
    curl -fs --noproxy '*' --max-time 5 "http://$(member_host gateway):$port/system/health" |
        tr -d ' \n\t' | sed -n 's/.*"healthyNodes":\([0-9]*\).*/\1/p'
}

# compared_time NUMBER: when the gateway last compared what that node holds with its records; nothing when it did not.
compared_time()
{
    curl -fs --noproxy '*' --max-time 5 "http://$(member_host gateway):$port/system/repair" |
        tr -d ' \n\t' | tr '{' '\n' | sed -n "s/^\"nodeId\":$1,.*\"compared\":\"\([^\"]*\)\".*/\1/p"
}

# Does anything listen on the TCP port, on whatever address? (The programs share ports with SO_REUSEPORT, so a second
# server would start without an error and take half of the connections.)
port_taken()
{
    hex=$(printf ':%04X' "$1")
    cat /proc/net/tcp /proc/net/tcp6 2>/dev/null |
        awk -v port="$hex" '$4 == "0A" && substr($2, length($2) - 4) == port { found = 1 } END { exit !found }'
}

# Installs the packages of the lists given that are missing. Where there is no apt, says what is needed and goes on.
install_missing()
{
    missing=
    while read -r package command; do
        case $package in
        '' | '#'*) continue ;;
        esac
        if [ -n "$command" ] && command -v "$command" >/dev/null 2>&1; then
            continue
        fi
        if ! dpkg-query -W -f '${Status}\n' "$package" 2>/dev/null | grep -q '^install ok installed$'; then
            missing="$missing $package"
        fi
    done <<EOF
$(cat "$@")
EOF
    [ -n "$missing" ] || return 0
    if ! command -v apt-get >/dev/null 2>&1; then
        say "this is not a Debian system: make sure that you have the equivalents of:$missing"
        return 0
    fi
    sudo=
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null 2>&1 || fail "needs these packages, and neither root nor sudo to install them:$missing"
        sudo=sudo
    fi
    say "installing:$missing"
    # Packages of servers start them, on the ports that everybody knows, unless this program forbids it: what is needed of
    # them here is the program alone.
    policy=/usr/sbin/policy-rc.d
    if [ -e "$policy" ]; then
        policy=
    else
        printf '#!/bin/sh\nexit 101\n' | $sudo tee "$policy" >/dev/null
        $sudo chmod 755 "$policy"
    fi
    installed=yes
    # shellcheck disable=SC2086 # a list of words
    if ! { $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $missing ||
        { $sudo apt-get update &&
            $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $missing; }; } \
        >"${TMPDIR:-/tmp}/tercet-apt.$$" 2>&1; then
        installed=
    fi
    [ -z "$policy" ] || $sudo rm -f "$policy"
    if [ -z "$installed" ]; then
        tail -n 20 "${TMPDIR:-/tmp}/tercet-apt.$$" >&2
        rm -f "${TMPDIR:-/tmp}/tercet-apt.$$"
        fail "could not install:$missing"
    fi
    rm -f "${TMPDIR:-/tmp}/tercet-apt.$$"
}

# build FOLDER TARGETS CMAKE-ARGUMENTS...: configures once, then builds what changed. TARGETS is one word list.
build()
{
    folder=$1
    targets=$2
    shift 2
    mkdir -p "$folder"
    (
        flock 9
        if [ ! -f "$folder/build.ninja" ] && [ ! -f "$folder/Makefile" ]; then
            cmake -S "$root" -B "$folder" -G Ninja "$@"
        fi
        # shellcheck disable=SC2086 # a list of words
        cmake --build "$folder" -j "$(nproc)" ${targets:+--target $targets} 9>&-
    ) 9>"$folder/.lock" >"$folder/build.log" 2>&1 || {
        grep -E 'error|Error|FAILED' "$folder/build.log" | head -n 20 >&2
        tail -n 20 "$folder/build.log" >&2
        fail "the build failed; all of it is in $folder/build.log"
    }
}
