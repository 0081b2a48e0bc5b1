#!/bin/sh
# A release: for each platform an archive with a static binary, the
# manual pages, the completions and the licences, and the sums of all; and the tag
# cmd/ganger/vX.Y.Z, by which go install finds the tool. The version is that of the
# tag vX.Y.Z on the commit that is checked out. The same commit and toolchain make
# the same bytes, whoever builds them and where.
#
#   scripts/release.sh             # to dist/; refuses what is no release
#   scripts/release.sh --dry-run   # to a temporary directory; tries what was made
#
# Nothing is published: uploading is for a person, who is told what to do.
set -eu
# shellcheck source=scripts/setup.sh
. "$(dirname "$0")/setup.sh"
platforms='linux/amd64 linux/arm64 darwin/amd64 darwin/arm64'

dry=
case "$*" in
'') ;;
--dry-run) dry=yes ;;
*) die "usage: scripts/release.sh [--dry-run]" ;;
esac

# refuse says why this is no release; a dry run goes on.
refuse() {
  [ -n "$dry" ] || die "no release: $*"
  say "a release would be refused: $*"
}

tag=$(git describe --exact-match --tags --match 'v[0-9]*' 2>/dev/null) || tag=
[ -n "$tag" ] || refuse "the commit has no tag vX.Y.Z; git tag -a vX.Y.Z"
version=${tag#v}
version=${version:-0.0.0-dry}
[ -z "$tag" ] || grep -q "^## \[\{0,1\}$(printf %s "$version" | sed 's/\./\\./g')\]\{0,1\}\( \|$\)" CHANGELOG.md ||
  refuse "CHANGELOG.md has no section \"## $version\""
changes=$(git status --porcelain 2>/dev/null) || changes='git does not tell'
[ -z "$changes" ] || refuse "there are changes that are in no commit:
$changes"

commit=$(git rev-parse HEAD 2>/dev/null) || commit=
epoch=$(git log -1 --format=%ct 2>/dev/null) || epoch=0
stamp=$(TZ=UTC git log -1 --date=format-local:%Y-%m-%dT%H:%M:%SZ --format=%cd 2>/dev/null) || stamp=

for tar in tar gtar ''; do
  "${tar:-die}" --version 2>/dev/null | grep -q GNU && break
done
[ -n "$tar" ] || die "missing: GNU tar, for archives that are the same each time"
if command -v sha256sum >/dev/null; then sums=sha256sum; else sums='shasum -a 256'; fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
out=$work/dist
mkdir -p "$out" "$work/all"

# build PLATFORM FILE
build() {
  (cd cmd/ganger && CGO_ENABLED=0 GOOS=${1%/*} GOARCH=${1#*/} GOAMD64=v1 GOWORK=off go build -trimpath \
    -ldflags "-s -w -buildid= -X main.releaseVersion=$version -X main.releaseCommit=$commit -X main.releaseDate=$stamp" -o "$2" .)
}

# licences DIR copies the licence of everything that is linked into a binary.
licences() {
  mkdir -p "$1"
  cp "$(go env GOROOT)/LICENSE" "$1/go"
  for p in $platforms; do
    (cd cmd/ganger && GOOS=${p%/*} GOARCH=${p#*/} GOWORK=off go list -deps -f '{{with .Module}}{{if not .Main}}{{.Path}} {{.Dir}}{{end}}{{end}}' .)
  done | sort -u | while read -r module dir; do
    [ "$module" = github.com/ganger-dev/ganger ] && continue
    found=$(find "$dir" -maxdepth 1 -iname 'licen[cs]e*' | sort | head -n 1)
    [ -n "$found" ] || die "$module has no licence in $dir"
    cp "$found" "$1/$(printf %s "$module" | tr / -)"
  done
}

# pack DIRECTORY: an archive that depends on nothing but what it holds.
pack() {
  chmod -R u=rwX,go=rX "$work/$1"
  "$tar" --sort=name --mtime="@$epoch" --owner=0 --group=0 --numeric-owner --format=ustar -C "$work" -cf - "$1" |
    gzip -9n >"$out/$1.tar.gz"
}

# module TAG: in $work/clone, tags a commit behind that of TAG in which the module
# of the tool requires the library by its version. In the tree it is replaced by its
# directory, which go install refuses in a module that it is told by version.
module() {
  git clone -q --no-checkout "$repo_dir" "$work/clone" 2>/dev/null
  (
    cd "$work/clone"
    git checkout -q --detach "$commit"
    git rev-parse -q --verify "refs/tags/$1" >/dev/null || git tag "$1"
    cd cmd/ganger
    go mod edit -dropreplace=github.com/ganger-dev/ganger -require="github.com/ganger-dev/ganger@$1"
    from_clone go mod tidy
    for who in AUTHOR COMMITTER; do
      export "GIT_${who}_NAME=$(git log -1 --format=%cn)" "GIT_${who}_EMAIL=$(git log -1 --format=%ce)" "GIT_${who}_DATE=$(git log -1 --format=%cI)"
    done
    git commit -qam "cmd/ganger: $1 without the replacement of the library"
    git tag "cmd/ganger/$1"
  )
}

# from_clone GO-COMMAND...: with our modules from $work/clone as if it were what is
# published, and all others from what this machine has, into a cache of its own.
from_clone() {
  GOWORK=off GOFLAGS="$GOFLAGS -modcacherw" GOMODCACHE="$work/modules" \
    GOPROXY="file://$(go env GOMODCACHE)/cache/download,$(go env GOPROXY)" \
    GONOPROXY=github.com/ganger-dev/ganger GONOSUMDB=github.com/ganger-dev/ganger \
    GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0="url.file://$work/clone.insteadOf" GIT_CONFIG_VALUE_0=https://github.com/ganger-dev/ganger \
    "$@" 2>"$work/said" || die "$*: $(cat "$work/said")"
}

build "$(go env GOHOSTOS)/$(go env GOHOSTARCH)" "$work/ganger"
cp LICENSE README.md CHANGELOG.md "$work/all"
licences "$work/all/licences"
"$work/ganger" man "$work/all/man/man1"
mkdir "$work/all/completions"
"$work/ganger" completion bash >"$work/all/completions/ganger.bash"
"$work/ganger" completion zsh >"$work/all/completions/_ganger"
"$work/ganger" completion fish >"$work/all/completions/ganger.fish"
for p in $platforms; do
  name=ganger-$version-$(printf %s "$p" | tr / -)
  say "$name.tar.gz"
  cp -R "$work/all" "$work/$name"
  build "$p" "$work/$name/ganger"
  pack "$name"
done
(cd "$out" && $sums ./*.tar.gz | sed 's|  \./|  |' >SHA256SUMS)

if [ -n "$commit" ]; then
  say "tag cmd/ganger/${tag:-v$version}"
  module "${tag:-v$version}"
fi

if [ -z "$dry" ]; then
  git fetch -q "$work/clone" "refs/tags/cmd/ganger/$tag:refs/tags/cmd/ganger/$tag"
  rm -rf dist
  cp -R "$out" dist
  say "dist/ has what is to be published with the section $version of CHANGELOG.md, after: git push origin $tag cmd/ganger/$tag"
  exit
fi

# What a person would look at first.
step() { say "-- $*"; }
want() { # WHAT GOT WANT
  [ "$2" = "$3" ] || die "$1: got
$2
want
$3"
}
step "the sums are those of the archives, and another archive would be the same"
(cd "$out" && $sums -c SHA256SUMS >/dev/null)
cp "$out/SHA256SUMS" "$work/before"
find "$work/$name" -exec touch {} +
chmod -R g+w "$work/$name"
pack "$name"
(cd "$out" && $sums -c "$work/before" >/dev/null)
step "each archive has a binary for its platform, without the paths of this machine"
for p in $platforms; do
  name=ganger-$version-$(printf %s "$p" | tr / -)
  mkdir "$work/look"
  "$tar" -C "$work/look" -xzf "$out/$name.tar.gz"
  bin=$work/look/$name/ganger
  go version -m "$bin" >"$work/facts"
  for fact in "GOOS=${p%/*}" "GOARCH=${p#*/}" CGO_ENABLED=0 -trimpath=true; do
    grep -q "build	$fact\$" "$work/facts" || die "$name: its binary does not say $fact"
  done
  if grep -qF -e "$repo_dir/" "$bin"; then die "$name: its binary holds $repo_dir"; fi
  for f in LICENSE README.md CHANGELOG.md licences/go man/man1/ganger.1 man/man1/ganger-run.1 completions/ganger.bash completions/_ganger completions/ganger.fish; do
    [ -s "$work/look/$name/$f" ] || die "$name has no $f"
  done
  rm -r "$work/look"
done
step "the binary of this machine runs"
want version "$("$work/ganger" version | head -n 1)" "ganger $version"
want commit "$("$work/ganger" version --json | sed -n 's/.*"commit":"\([^"]*\)".*/\1/p')" "$commit"
run=$(printf '%s\n' one two three | "$work/ganger" run --quiet -j 2 -- sh -c 'echo "$1 done"' sh {})
want run "$run" 'one done
two done
three done'
if [ -n "$commit" ]; then
  step "go install finds the tool by its version"
  GOBIN=$work/bin from_clone go install -trimpath "github.com/ganger-dev/ganger/cmd/ganger@v$version"
  want "installed version" "$("$work/bin/ganger" version | head -n 1)" "ganger $version"
fi
say "all of it is well; nothing was published"
