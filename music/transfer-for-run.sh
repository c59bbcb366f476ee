#!/usr/bin/env bash
# Brings to a remote host what it needs to run the service: the data and the token that may pull the image.
#   ./transfer-for-run.sh KEY USER HOST
# The token is read from $TOKEN_FILE (default: cluster/ghcr.io-token.txt, as the course lays it out).
set -euo pipefail
if [ $# -ne 3 ]; then
  echo "usage: $0 KEY USER HOST" >&2
  exit 2
fi
key=$1 user=$2 host=$3
here=$(cd "$(dirname "$0")" && pwd)
token=${TOKEN_FILE:-$here/../../cluster/ghcr.io-token.txt}
for file in "$key" "$token" "$here/music.csv"; do
  [ -r "$file" ] || { echo "$0: cannot read $file" >&2; exit 1; }
done
exec scp -q -i "$key" -o IdentitiesOnly=yes -o StrictHostKeyChecking=accept-new \
  -o UserKnownHostsFile="$(dirname "$key")/known_hosts" -o LogLevel=ERROR "$here/music.csv" "$token" "$user@$host:"
