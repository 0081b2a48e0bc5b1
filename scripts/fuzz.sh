#!/bin/sh
# Runs every fuzz target of the tree for a while each (default 30s).
#   scripts/fuzz.sh [DURATION]
set -eu
# shellcheck source=scripts/setup.sh
. "$(dirname "$0")/setup.sh"
targets=$(go test -list '^Fuzz' work | awk '/^Fuzz/ { f[++n] = $1 } /^ok/ { for (i = 1; i <= n; i++) print $2 "\t" f[i]; n = 0 }')
[ -n "$targets" ] || die "no fuzz target found"
printf '%s\n' "$targets" | while IFS='	' read -r package target; do
  say "fuzz $package $target"
  go test -run='^$' -fuzz="^$target\$" -fuzztime="${1:-30s}" "$package" </dev/null
done
