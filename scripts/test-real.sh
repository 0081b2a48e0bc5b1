#!/bin/sh
# Tests against real tools, which are installed when missing: the tests of every
# package that has some behind the build tag real. Arguments go to go test.
set -eu
# shellcheck source=scripts/setup.sh
. "$(dirname "$0")/setup.sh"
need gcc gcc libc6-dev
need bc bc
need jq jq
need parallel parallel
need python3 python3
packages=$(tagged real)
[ -n "$packages" ] || die "no test is behind the build tag real"
# shellcheck disable=SC2086 # a list of packages
exec go test -race -tags real -count=1 -timeout 10m "$@" $packages
