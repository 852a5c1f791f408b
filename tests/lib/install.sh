# shellcheck shell=bash
# shellcheck disable=SC2154 # here and root are set by tests/run
# Packages, node modules and the build. Sourced by tests/run. Each step is quick when nothing is to do.

# Debian 12 and 13 name these alike but for wslay, which has no pkg-config file in 12.
packages=(
    build-essential clang libclang-rt-dev clang-format lld meson ninja-build pkg-config python3 python3-yaml shellcheck
    libevent-dev libssl-dev libjansson-dev libjwt-dev libcrypt-dev libyaml-dev libsodium-dev libpq-dev libwslay-dev liboath-dev libcurl4-openssl-dev libpango1.0-dev fonts-dejavu-core
    lxc-dev libbtrfsutil-dev libarchive-dev libnftables-dev libnl-route-3-dev libzstd-dev libseccomp-dev check
    postgresql postgresql-client btrfs-progs nftables iproute2 iputils-ping uidmap zstd
    busybox-static dropbear-bin openssh-client curl nodejs npm wrk
    pdns-server pdns-backend-sqlite3
    lxc lxcfs crun mmdebstrap umoci skopeo jq openssl procps universal-ctags git ca-certificates dpkg-dev adduser lintian
    php-cli php-curl poppler-utils
)

# shellcheck disable=SC2034 # tests/run adds them when that suite is named
packages_vm=(qemu-system-x86 qemu-utils e2fsprogs)

# shellcheck disable=SC2034 # likewise; a font, since a minimal system has none
packages_web=(chromium fonts-dejavu-core)

installed()
{
    dpkg-query -W -f '${Status}\n' "$1" 2>/dev/null | grep -q '^install ok installed$'
}

# A program that came from elsewhere (a newer Node, say) counts as well.
wanted()
{
    case $1 in
    nodejs) command -v node >/dev/null && return 1 ;;
    npm) command -v npm >/dev/null && return 1 ;;
    esac
    ! installed "$1"
}

install_packages()
{
    local missing=() package
    for package in "${packages[@]}"; do
        ! wanted "$package" || missing+=("$package")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    echo "installing ${missing[*]}"
    # A cluster of the distribution's own is not wanted.
    mkdir -p /etc/postgresql-common
    [ -e /etc/postgresql-common/createcluster.conf ] ||
        echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.conf
    # Nor a name server on port 53: tests start their own.
    installed pdns-server || [ -e /etc/systemd/system/pdns.service ] ||
        { mkdir -p /etc/systemd/system && ln -s /dev/null /etc/systemd/system/pdns.service; }
    export DEBIAN_FRONTEND=noninteractive
    apt-get install -y --no-install-recommends "${missing[@]}" >/dev/null ||
        { apt-get update -q && apt-get install -y --no-install-recommends "${missing[@]}"; }
}

install_node_modules()
{
    local folder=$here/system
    if ! cmp -s "$folder/package-lock.json" "$folder/node_modules/.installed-lock"; then
        (cd "$folder" && npm ci --ignore-scripts --no-audit --no-fund --fetch-retries=5) || return 1
        cp "$folder/package-lock.json" "$folder/node_modules/.installed-lock"
    fi
    compile_system_tests
}

# What builds the panel, and its client of the same contract.
install_web_modules()
{
    local folder=$root/web
    if ! cmp -s "$folder/package-lock.json" "$folder/node_modules/.installed-lock"; then
        (cd "$folder" && npm ci --ignore-scripts --no-audit --no-fund --fetch-retries=5) || return 1
        cp "$folder/package-lock.json" "$folder/node_modules/.installed-lock"
    fi
    (cd "$folder" && npm run --silent generate >/dev/null)
}

# The client is generated from the contract; a test that no longer fits it does not compile.
compile_system_tests()
{
    local bin=$here/system/node_modules/.bin
    (
        cd "$here/system" || exit 1
        mkdir -p client
        "$bin/openapi-typescript" ../../docs/openapi.yaml --default-non-nullable false -o client/schema.d.ts >/dev/null &&
            "$bin/tsc" --noEmit &&
            rm -rf dist &&
            "$bin/esbuild" --log-level=warning --platform=node --format=esm --target=node18 --sourcemap=inline \
                --outdir=dist --outbase=. ./*.ts harness/*.ts api/*.ts e2e/*.ts web/*.ts isolation/*.ts bench/*.ts
    )
}

# build_programs OPTION…: into $CROFT_BUILD, and the small image that tests make guests from.
build_programs()
{
    if [ ! -f "$CROFT_BUILD/build.ninja" ]; then
        CC=gcc meson setup "$CROFT_BUILD" "$root" "$@" >/dev/null || return 1
    fi
    ninja -C "$CROFT_BUILD" --quiet || return 1
    local image=$CROFT_BUILD/images/busybox.tar.zst
    if [ ! -f "$image" ] || [ -n "$(find "$root/deploy/images" -newer "$image" -print -quit)" ]; then
        mkdir -p "$CROFT_BUILD/images"
        "$root/deploy/images/build" busybox "$image" || return 1
    fi
}

build_tests()
{
    build_programs -Dtests=true -Dfaults=true -Dbuildtype=debugoptimized "-Db_sanitize=address,undefined"
}
