#!/bin/sh
# Set up what a make target needs: `setup.sh` the virtual environment in .venv, `setup.sh drill` what the bundled examples
# run on, `setup.sh slow` the peers and servers of the slow tests, `setup.sh release` what builds the wheels. Says what it
# installs; does nothing where nothing is missing.
set -eu
cd "$(dirname "$0")/.."
say() { printf '%s\n' "setup: $*" >&2; }

# Debian packages by name, for those of the given commands that are missing: `command=package …`.
debian() {
    missing=""
    for pair in "$@"; do
        command -v "${pair%%=*}" >/dev/null 2>&1 || [ -e "${pair%%=*}" ] || missing="$missing ${pair#*=}"
    done
    [ -n "$missing" ] || return 0
    if ! command -v apt-get >/dev/null 2>&1; then
        say "please install:$missing (no apt-get here to do it)"
        return 1
    fi
    root=""
    if [ "$(id -u)" != 0 ]; then
        command -v sudo >/dev/null 2>&1 || { say "please install as root: apt-get install$missing"; return 1; }
        root="sudo"
    fi
    say "installing Debian packages:$missing"
    $root apt-get update -qq || say "the package lists could not be renewed; trying with the old ones"
    # shellcheck disable=SC2086  # a list of words
    $root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
}

environment() {
    stamp=.venv/.seatrial-setup
    if [ -x .venv/bin/pytest ] && [ -e "$stamp" ] && cmp -s pyproject.toml "$stamp"; then
        return 0
    fi
    if ! "${PYTHON:-python3}" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        say "Python 3.11 or newer is needed (PYTHON=/path/to/python3.11 make …)"
        return 1
    fi
    "${PYTHON:-python3}" -c 'import ensurepip, venv' 2>/dev/null || debian /nonexistent=python3-venv
    if [ ! -x .venv/bin/python ]; then
        say "creating .venv"
        "${PYTHON:-python3}" -m venv .venv
    fi
    say "installing the project and its development tools into .venv (PyPI)"
    .venv/bin/python -m pip install -q --disable-pip-version-check -U 'pip>=25.1'
    .venv/bin/python -m pip install -q --disable-pip-version-check -e '.[cli]' --group dev
    cp pyproject.toml "$stamp"
}

# The examples run on node 18.2 and newer; the table of tests/trials was measured with node 20.
node_version() {
    version="$(node -p process.versions.node)"
    minor="${version#*.}"
    major="${version%%.*}" minor="${minor%%.*}"
    [ "$major" -lt 20 ] || return 0
    if [ "$major" -lt 18 ] || { [ "$major" = 18 ] && [ "$minor" -lt 2 ]; }; then
        say "node $version ($(command -v node)) is too old for the examples: 18.2 is the oldest that they run on."
        say "hint: put a newer one first on PATH, from https://nodejs.org/ or by a version manager"
        return 1
    fi
    say "node $version is here: the examples run on it. The slow tests of servers on node were measured with node 20:"
    say "with this one they are skipped, and say so. A newer node is used if it is first on PATH (https://nodejs.org/)."
}

# The static programs: the engine takes those of native/build, an install those of .venv/bin, built if there was a compiler by then.
programs() {
    make -s -C native || { say "the static programs could not be built"; return 1; }
    [ -x .venv/bin/seatrial-init ] && [ -x .venv/bin/seatrial-shim ] && [ -x .venv/bin/seatrial-probe ] && return 0
    say "installing the static programs of native/ into .venv"
    .venv/bin/python -m pip install -q --disable-pip-version-check --no-deps --force-reinstall -e .
    [ -x .venv/bin/seatrial-init ] || { say "the static programs were not built"; return 1; }
}

group() {
    stamp=.venv/.seatrial-$1
    [ -e "$stamp" ] && cmp -s pyproject.toml "$stamp" && return 0
    say "installing the dependency group $1 into .venv (PyPI)"
    .venv/bin/python -m pip install -q --disable-pip-version-check --group "$1"
    cp pyproject.toml "$stamp"
}

node_modules() {
    for folder in "$@"; do
        [ -d "$folder/node_modules" ] && [ ! "$folder/package.json" -nt "$folder/node_modules" ] && continue
        say "installing the packages of $folder (npm)"
        if [ -e "$folder/package-lock.json" ]; then
            (cd "$folder" && npm ci --omit=dev --no-audit --no-fund --silent)
        else
            (cd "$folder" && npm install --no-package-lock --no-audit --no-fund --silent)
        fi
        touch "$folder/node_modules"
    done
}

environment
case "${1:-}" in
drill | slow)
    debian node=nodejs npm=npm tini=tini cc=gcc make=make /usr/include/stdio.h=libc6-dev
    programs
    node_version
    group examples
    node_modules examples/node-api-as-shipped examples/node-api
    ;;
esac
if [ "${1:-}" = slow ]; then
    debian cc=gcc make=make catatonit=catatonit dumb-init=dumb-init busybox=busybox-static chromium=chromium unshare=util-linux \
        setpriv=util-linux ip=iproute2 musl-gcc=musl-tools dockerd=docker.io docker-compose=docker-compose redis-server=redis-server nginx=nginx-light haproxy=haproxy wrk=wrk hey=hey \
        /usr/lib/rabbitmq/bin/rabbitmq-server=rabbitmq-server pg_ctlcluster=postgresql qemu-aarch64-static=qemu-user-static \
        mariadbd=mariadb-server-core memcached=memcached nats-server=nats-server \
        rsyslogd=rsyslog /usr/lib/x86_64-linux-gnu/rsyslog/lmnsd_gtls.so=rsyslog-gnutls openssl=openssl \
        /lib/systemd/systemd-journald=systemd dbus-daemon=dbus-daemon faketime=faketime
    programs
    group slow
    group release
    node_modules tests/trials/servers tests/engine/logs/receivers
fi
if [ "${1:-}" = release ]; then
    debian make=make
    group release
fi
