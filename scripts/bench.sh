#!/bin/sh
# Speed and size beside plain programs, in one interleaved run; prints a table.
# Arguments go to the runner: scripts/bench.sh -rounds 3
set -eu
# shellcheck source=scripts/setup.sh
. "$(dirname "$0")/setup.sh"
need gcc gcc libc6-dev
exec go run ./bench "$@"
