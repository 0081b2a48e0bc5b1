#!/bin/sh
# The files of a release: for each platform an archive with a static binary, the
# manual pages, the completions and the licences, and the sums of all. The version
# is that of the tag vX.Y.Z on the commit that is checked out. The same commit and
# toolchain make the same bytes, whoever builds them and where.
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

if [ -z "$dry" ]; then
  rm -rf dist
  cp -R "$out" dist
  say "dist/ has what is to be published with the section $version of CHANGELOG.md, after: git push origin $tag"
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
say "all of it is well; nothing was published"
