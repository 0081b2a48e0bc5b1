#!/bin/sh
# The main job on real input: every Go file of Go's own source through two warm
# workers, one of which is killed half way. It ends with the summary of the run
# and a count of the verdicts, and fails unless every file has one.
set -eu
# shellcheck source=scripts/setup.sh
. "$(dirname "$0")/setup.sh"

go build -o bin/ganger ./cmd/ganger
go build -o bin/gofiles ./examples/gofiles

tmp=$(mktemp -d)
coordinator=
finish() {
  [ -z "$coordinator" ] || kill "$coordinator" 2>/dev/null || :
  rm -rf "$tmp"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

find "$(go env GOROOT)/src" -name '*.go' -type f -print0 >"$tmp/files"
total=$(tr -cd '\0' <"$tmp/files" | wc -c)
say "$total files"

: >"$tmp/answers" # the loop below may look before the tool has opened it
bin/ganger run -0 --proto native -j 2 -- bin/gofiles <"$tmp/files" >"$tmp/answers" 2>"$tmp/summary" &
coordinator=$!

answers() { wc -l <"$tmp/answers"; }

# workers prints the process numbers of the coordinator's living gofiles.
workers() {
  for p in /proc/[0-9]*; do
    if [ "$(cat "$p/comm" 2>/dev/null)" = gofiles ] && grep -q "^PPid:[[:space:]]*$coordinator\$" "$p/status" 2>/dev/null; then
      echo "${p#/proc/}"
    fi
  done
}

killed=
while kill -0 "$coordinator" 2>/dev/null; do
  if [ "$(answers)" -ge $((total / 2)) ]; then
    for p in $(workers); do
      if kill -9 "$p" 2>/dev/null; then
        killed=$p
        say "$(answers) answers; killed worker $p with SIGKILL"
        break
      fi
    done
    break
  fi
  sleep 0.05
done

status=0
wait "$coordinator" || status=$?
coordinator=
cat "$tmp/summary" >&2

[ "$status" = 0 ] || die "the run ended with status $status"
[ -n "$killed" ] || die "the run ended before a worker could be killed"
grep -q 'lost 0' "$tmp/summary" || die 'the summary does not say "lost 0"'
[ "$(answers)" = "$total" ] || die "$(answers) answers for $total files"
for verdict in formatted 'not formatted' 'does not parse'; do
  printf '%6d %s\n' "$(grep -c "\"verdict\":\"$verdict\"" "$tmp/answers" || :)" "$verdict"
done
printf '%6d of %d files, one worker killed, none lost\n' "$(answers)" "$total"
