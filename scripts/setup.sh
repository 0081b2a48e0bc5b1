# shellcheck shell=sh
# To be sourced by the other scripts, from anywhere: goes to the root of the
# tree, finds or fetches Go and sets what every run needs. It is silent where
# nothing is missing.
#
#   . "$(dirname "$0")/setup.sh"    # then: go ...
#   need gcc gcc libc6-dev          # a command, and the Debian packages with it

cd "$(dirname "$0")/.." || exit 1

toolchain=go1.26.8 # what is fetched where Go is missing or too old
oldest=26          # the minor version in go.mod
repo_dir=$PWD

# Race-instrumented workers, which are the test binary again, must not sleep
# for a second at each exit.
export GORACE="${GORACE:-atexit_sleep_ms=0}"

# A build must not depend on what git thinks of the owner of the tree.
export GOFLAGS="${GOFLAGS:+$GOFLAGS }-buildvcs=false"

say() { printf '%s\n' "$*" >&2; }
die() {
  say "$*"
  exit 1
}

# install PACKAGE... by apt when we may, else say what is missing.
install() {
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    say "installing $*"
    export DEBIAN_FRONTEND=noninteractive
    apt-get install -y -qq --no-install-recommends "$@" >/dev/null 2>&1 && return
    # Once more with fresh lists, and aloud.
    apt-get update -qq >&2 && apt-get install -y -qq --no-install-recommends "$@" >&2 && return
    die "could not install $*"
  fi
  die "missing: $*. On Debian install it as root, and come back: apt-get install $*"
}

# need COMMAND PACKAGE...
need() {
  command -v "$1" >/dev/null && return
  shift
  install "$@"
}

# minor GO prints the minor version of a go command, 0 if there is none.
minor() {
  v=$(GOTOOLCHAIN=local GOWORK=off "$1" version 2>/dev/null | sed -n 's/^go version go1\.\([0-9]*\).*/\1/p')
  printf '%s\n' "${v:-0}"
}

# find_go sets best to the newest go command of this machine, and best_minor.
find_go() {
  best='' best_minor=0
  for g in "$(command -v go)" /usr/local/go/bin/go /usr/lib/go/bin/go /usr/lib/go-1.*/bin/go "${HOME:-/}"/sdk/go1.*/bin/go "${HOME:-/}"/go/pkg/mod/golang.org/toolchain@*/bin/go; do
    [ -x "$g" ] || continue
    m=$(minor "$g")
    if [ "$m" -gt "$best_minor" ]; then best=$g best_minor=$m; fi
  done
}

# fetch_go downloads the toolchain as a module with a go command that is too
# old to do so by itself (before 1.21), and sets best to it. Zips of modules
# carry no execute bits and no nested go.mod; newer go commands mend both as
# is done here.
fetch_go() {
  say "fetching $toolchain"
  where=$(mktemp -d)
  platform=$("$best" env GOHOSTOS)-$("$best" env GOHOSTARCH)
  # In an empty directory: this go command cannot read our go.mod.
  dir=$(cd "$where" && GOFLAGS=-mod=mod GOWORK=off "$best" mod download -json "golang.org/toolchain@v0.0.1-$toolchain.$platform" |
    sed -n 's/^[[:space:]]*"Dir": "\(.*\)",*$/\1/p')
  rmdir "$where"
  [ -n "$dir" ] || die "could not fetch $toolchain; install Go 1.$oldest or newer and put it on the PATH"
  chmod -R u+w "$dir"
  chmod +x "$dir"/bin/* "$dir"/pkg/tool/*/*
  find "$dir" -name _go.mod | while read -r f; do cp "$f" "${f%_go.mod}go.mod"; done
  best=$dir/bin/go best_minor=$(minor "$dir/bin/go")
}

find_go
if [ "$best_minor" = 0 ]; then
  install golang-go ca-certificates
  hash -r
  find_go
fi
if [ "$best_minor" -lt 21 ]; then fetch_go; fi
if [ "$best_minor" -lt "$oldest" ]; then
  export GOTOOLCHAIN="$toolchain" # this go command fetches and runs it by itself
fi
export PATH="${best%/go}:$PATH"
[ "$best_minor" -gt 0 ] || die "$best does not run"

# tool NAME ARG...: a pinned developer tool, run in the module of the current directory.
tool() { GOWORK=off go tool -modfile="$repo_dir/tools/go.mod" "$@"; }

# modules lists the directories of the workspace.
modules() { go work edit -json | sed -n 's/.*"DiskPath": "\(.*\)".*/\1/p'; }

# tagged TAG lists the packages that have test files behind a build tag.
tagged() {
  grep -rlE --include='*_test.go' "^//go:build ([^!]*[^!a-z])?$1\b" . | while read -r f; do dirname "$f"; done | sort -u
}
