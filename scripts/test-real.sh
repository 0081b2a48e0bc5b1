#!/bin/sh
# Tests against real tools, which are installed when missing: everything behind
# the build tag real. Arguments go to go test.
set -eu
# shellcheck source=scripts/setup.sh
. "$(dirname "$0")/setup.sh"
need gcc gcc libc6-dev
need python3 python3
exec go test -race -tags real -count=1 -timeout 10m -run Real "$@" work
