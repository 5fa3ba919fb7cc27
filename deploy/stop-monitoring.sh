#!/bin/sh
# Stops what deploy/start-monitoring.sh started. What was recorded stays, unless --delete is given.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd -P)
. "$root/deploy/lib.sh"
. "$root/deploy/monitoring/lib.sh"

volumes=
case ${1:-} in
'') ;;
--delete) volumes=--volumes ;;
*) fail "unknown argument '$1' (--delete)" ;;
esac
cluster_locate
monitoring_locate
find_compose
# shellcheck disable=SC2086 # one word or none
compose --profile alloy down --remove-orphans $volumes || fail "the containers could not be stopped"
say "monitoring is stopped"
