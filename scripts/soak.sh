#!/bin/sh
# The full-size counts: the tests of every package that has some behind the
# build tag soak, ten minutes at most. The numbers that began the random runs
# are printed; each test says how to replay one. Arguments go to go test.
set -eu
# shellcheck source=scripts/setup.sh
. "$(dirname "$0")/setup.sh"
packages=$(tagged soak)
[ -n "$packages" ] || die "no test is behind the build tag soak"
# One package after another: they would disturb each other's measurements.
# shellcheck disable=SC2086 # a list of packages
exec go test -tags soak -count=1 -v -p 1 -timeout 10m "$@" $packages
