#!/bin/sh
# The full-size counts: everything behind the build tag soak. The numbers that
# began the random runs are printed; each test says how to replay one.
# Arguments go to go test.
set -eu
# shellcheck source=scripts/setup.sh
. "$(dirname "$0")/setup.sh"
exec go test -tags soak -count=1 -v -timeout 10m -run Soak "$@" work
