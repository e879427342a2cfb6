# For the recipes: read by scripts/build-images before each images/<name>/build. $ROOT is the tree to be filled.

mirror=${BOX_DEBIAN_MIRROR:-http://deb.debian.org/debian}

# The proxy that this machine's apt goes through, unless the environment names one.
apt_proxy() {
    apt-config dump "Acquire::$1::Proxy" 2>/dev/null | sed -n 's/.*"\(.*\)";/\1/p' | grep -v '^DIRECT$' || true
}
export http_proxy="${http_proxy:-$(apt_proxy http)}" https_proxy="${https_proxy:-$(apt_proxy https)}"

# Runs a command inside the tree.
in_root() {
    chroot "$ROOT" /usr/bin/env -i \
        PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
        HOME=/root LC_ALL=C.UTF-8 TZ=UTC DEBIAN_FRONTEND=noninteractive SOURCE_DATE_EPOCH="$SOURCE_DATE_EPOCH" \
        http_proxy="$http_proxy" https_proxy="$https_proxy" "$@"
}

# A file of the recipe, to the same place in the tree: put etc/nginx/nginx.conf 644
put() {
    install -D -m "$2" "$RECIPE/files/$1" "$ROOT/$1"
}

# Installs Debian packages into the tree. Options before the names go to apt-get.
install_packages() {
    mount -t proc proc "$ROOT/proc"
    mount --rbind /dev "$ROOT/dev"
    # Lists, packages and temporary files never reach the layer.
    for folder in tmp run var/lib/apt/lists var/cache/apt; do
        mount -t tmpfs -o mode=1777 tmpfs "$ROOT/$folder"
    done
    mkdir -p "$ROOT/run/build" "$ROOT/var/cache/apt/archives/partial"
    cat /etc/resolv.conf >"$ROOT/run/build/resolv.conf"
    # Bound over the file of the base: the tree itself gets no name server of this machine.
    mount --bind "$ROOT/run/build/resolv.conf" "$ROOT/etc/resolv.conf"
    # Packages must not start what they install.
    printf '#!/bin/sh\nexit 101\n' >"$ROOT/run/build/policy-rc.d"
    chmod 755 "$ROOT/run/build/policy-rc.d"
    ln -s /run/build/policy-rc.d "$ROOT/usr/sbin/policy-rc.d"
    in_root apt-get -q update
    in_root apt-get -q -y --no-install-recommends install "$@"
    rm "$ROOT/usr/sbin/policy-rc.d"
    for folder in etc/resolv.conf tmp run var/lib/apt/lists var/cache/apt proc; do
        umount "$ROOT/$folder"
    done
    umount --recursive --lazy "$ROOT/dev"
    forget_traces
}

# Removes what differs from build to build, or says something about the machine that built.
forget_traces() {
    rm -f "$ROOT"/etc/passwd- "$ROOT"/etc/group- "$ROOT"/etc/shadow- "$ROOT"/etc/gshadow- \
        "$ROOT"/etc/subuid- "$ROOT"/etc/subgid- \
        "$ROOT"/var/lib/dpkg/*-old "$ROOT"/var/cache/debconf/*-old "$ROOT"/var/cache/ldconfig/aux-cache \
        "$ROOT"/var/lib/systemd/catalog/database "$ROOT"/root/.wget-hsts
    find "$ROOT/var/log" -type f -delete
    # Names of temporary files that packages had while they were configured.
    sed -i 's|= /tmp/.*|=|' "$ROOT/var/cache/debconf/config.dat"
    # Empty, so that a program that wants an identity makes one in the container.
    : >"$ROOT/etc/machine-id"
    rm -f "$ROOT/var/lib/dbus/machine-id"
}
