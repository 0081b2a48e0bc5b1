#!/bin/sh
# Runs every fuzz target of the tree for a while each (default 30s).
#   scripts/fuzz.sh [DURATION]
set -eu
# shellcheck source=scripts/setup.sh
. "$(dirname "$0")/setup.sh"
listed=$(go test -list '^Fuzz' work)
targets=$(printf '%s\n' "$listed" | awk '/^Fuzz/ { f[++n] = $1 } /^ok/ { for (i = 1; i <= n; i++) print $2 "\t" f[i]; n = 0 }')
[ -n "$targets" ] || die "no fuzz target found"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
printf '%s\n' "$targets" | while IFS='	' read -r package target; do
  say "fuzz $package $target"
  if ! go test -run='^$' -fuzz="^$target\$" -fuzztime="${1:-30s}" "$package" >"$log" 2>&1 </dev/null; then
    cat "$log" >&2
    # On a loaded machine the fuzzer may be overtaken by the end of its own time
    # and call that a failure. A finding always comes with an input.
    if grep -q 'Failing input' "$log" || ! grep -q 'context deadline exceeded' "$log"; then exit 1; fi
    say "no finding: the time ended in the middle of a step"
    continue
  fi
  tail -n 1 "$log" >&2
done
