#!/bin/sh
# What CI runs: formatting, linters, module files, builds for every platform,
# a short pass of every fuzz target, tests with real tools, and last, so that
# their lines close the output, all tests under the race detector. Stops at the
# first failure.
set -eu
# shellcheck source=scripts/setup.sh
. "$(dirname "$0")/setup.sh"
need gcc gcc libc6-dev
need python3 python3 # functions as workers are tested, or skipped without
need node nodejs
need groff groff-base # manual pages are set, or not tested without

# Peers of the benchmark that are modules of their own and in no workspace.
alone="./bench/plugin ./bench/hollywood ./bench/protoactor"

step() { say "== $*"; }

step gofumpt
unformatted=$(tool gofumpt -l .)
[ -z "$unformatted" ] || die "not formatted; run: GOWORK=off go tool -modfile=tools/go.mod gofumpt -w .
$unformatted"

step go vet
go vet work
go vet -tags soak,real work

for m in $(modules) $alone ./tools; do
  step "go mod: $m"
  (cd "$m" && GOWORK=off go mod tidy -diff && GOWORK=off go mod verify >/dev/null)
done

for m in $(modules); do
  step "go fix, staticcheck: $m"
  (cd "$m" && go fix -diff ./... && tool staticcheck ./... && tool staticcheck -tags soak,real ./...)
done

for m in $alone; do
  step "$m, which is in no workspace"
  (cd "$m" && GOWORK=off go vet . && GOWORK=off go fix -diff . && tool staticcheck .)
done

for platform in linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64; do
  step "build for $platform"
  for m in . ./cmd/ganger; do
    (cd "$m" && CGO_ENABLED=0 GOOS=${platform%/*} GOARCH=${platform#*/} go build ./... &&
      CGO_ENABLED=0 GOOS=${platform%/*} GOARCH=${platform#*/} go vet ./...)
  done
done

step "release, dry run"
scripts/release.sh --dry-run

step fuzz
scripts/fuzz.sh 5s

step real tools
scripts/test-real.sh

step tests
exec scripts/test.sh -count=1
