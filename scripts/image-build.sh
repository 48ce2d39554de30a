#!/usr/bin/env bash
# The image: lints the Dockerfile, builds it, and tries the result. Uses docker, podman or buildah, whichever is here.
#
# --stand-ins   Where base images cannot be pulled: make stand-ins for them from Debian's packages and the installed Rust
#               toolchain first (root, buildah, mmdebstrap). It proves the Dockerfile's steps and what the binary needs, not
#               the real bases.
# ENGINE=name   docker, podman or buildah
# TAG=name      default rocketchat-gantry:dev
set -euo pipefail
cd "$(dirname "$0")/.."

tag=${TAG:-rocketchat-gantry:dev}
revision=${GANTRY_REVISION:-$(git rev-parse HEAD 2>/dev/null || echo unknown)}

say() { printf 'image: %s\n' "$*"; }

find_engine() {
    local name
    for name in "${ENGINE:-}" docker podman buildah; do
        [ -n "$name" ] && command -v "$name" >/dev/null && echo "$name" && return
    done
    say "docker, podman or buildah is needed" >&2
    return 1
}

# What leaves the machine from inside a build trusts the machine's certificates.
certificates() {
    local directory
    for directory in /etc/ssl/certs /usr/share/ca-certificates /usr/local/share/ca-certificates; do
        [ ! -d "$directory" ] || printf -- '--volume=%s:%s:ro\n' "$directory" "$directory"
    done
}

# stand_in NAME ARGUMENT...: an image of Debian packages under that name.
stand_in() {
    local name=$1 container root
    shift
    say "making a stand-in for $name"
    mmdebstrap --quiet "$@" bookworm "$work/base.tar"
    container=$(buildah from scratch)
    root=$(buildah mount "$container")
    tar -C "$root" -xf "$work/base.tar"
    buildah umount "$container" >/dev/null
    buildah commit --quiet --rm "$container" "$name" >/dev/null
}

rust_stand_in() {
    local version name container root sysroot
    version=$(sed -n 's/^ARG RUST_VERSION=//p' Dockerfile)
    name=docker.io/library/rust:$version-bookworm
    buildah inspect --type image "$name" >/dev/null 2>&1 && return
    stand_in "$name" --variant=minbase --include=gcc,libc6-dev,make,ca-certificates,pkg-config
    sysroot=$(rustc --print sysroot)
    container=$(buildah from --pull-never "$name")
    root=$(buildah mount "$container")
    mkdir -p "$root/usr/local/rust"
    tar -C "$sysroot" --exclude=./share/doc -cf - . | tar -C "$root/usr/local/rust" -xf -
    buildah umount "$container" >/dev/null
    buildah config --env PATH=/usr/local/rust/bin:/usr/bin:/bin --env CARGO_HOME=/usr/local/cargo "$container"
    buildah commit --quiet --rm "$container" "$name" >/dev/null
}

distroless_stand_in() {
    local name container
    name=$(sed -n 's/^FROM \(gcr[^ ]*\)$/\1/p' Dockerfile)
    buildah inspect --type image "$name" >/dev/null 2>&1 && return
    stand_in "$name" --variant=extract --include=base-files,netbase,tzdata,libc6,libgcc-s1,libssl3,ca-certificates
    container=$(buildah from --pull-never "$name")
    buildah config --user 65532 "$container"
    buildah commit --quiet --rm "$container" "$name" >/dev/null
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

if command -v hadolint >/dev/null; then
    hadolint Dockerfile
else
    say "hadolint is not installed: the Dockerfile is not linted"
fi

arguments=(--build-arg "GANTRY_REVISION=$revision" --tag "$tag")
if [ "${1:-}" = --stand-ins ]; then
    engine=buildah
    rust_stand_in
    distroless_stand_in
    mapfile -t volumes < <(certificates)
    # HEALTHCHECK is kept in Docker's image format only.
    buildah bud --isolation chroot --pull-never --network host --format docker --layers "${volumes[@]}" "${arguments[@]}" .
else
    engine=$(find_engine)
    case $engine in
    buildah) buildah bud --format docker --layers "${arguments[@]}" . ;;
    podman) podman build --format docker "${arguments[@]}" . ;;
    *) docker build "${arguments[@]}" . ;;
    esac
fi

say "trying $tag"
case $engine in
buildah)
    container=$(buildah from --pull-never "$tag")
    buildah run --isolation chroot "$container" -- /usr/local/bin/gantry version
    buildah rm "$container" >/dev/null
    ;;
*) "$engine" run --rm --read-only --cap-drop=ALL --network=none "$tag" version ;;
esac
say "good"
