#!/bin/sh
# All tests of all modules under the race detector, in random order.
# Arguments go to go test: scripts/test.sh -run TestT20
set -eu
# shellcheck source=scripts/setup.sh
. "$(dirname "$0")/setup.sh"
need gcc gcc libc6-dev
exec go test -race -shuffle=on -timeout 10m "$@" work
