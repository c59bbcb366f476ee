#!/usr/bin/env bash
# Signs on to a remote host: ./signon.sh KEY USER HOST [COMMAND…]
# The host's key is trusted at first sight and kept beside the key, in known_hosts.
set -euo pipefail
if [ $# -lt 3 ]; then
  echo "usage: $0 KEY USER HOST [COMMAND...]" >&2
  exit 2
fi
key=$1 user=$2 host=$3
shift 3
exec ssh -i "$key" -o IdentitiesOnly=yes -o StrictHostKeyChecking=accept-new \
  -o UserKnownHostsFile="$(dirname "$key")/known_hosts" -o LogLevel=ERROR "$user@$host" "$@"
