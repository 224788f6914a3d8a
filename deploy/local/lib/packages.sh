# shellcheck shell=bash
# What Debian 12 has to install, and Kafka's jars from Maven. Only what is missing is installed; root installs as it
# is, anybody else by sudo, and sudo is asked for nothing else.

# Programs that any installation may provide, as program=package.
local_programs=(
    gcc=gcc meson=meson ninja=ninja-build pkg-config=pkgconf
    mvn=maven curl=curl jq=jq
    redis-server=redis-server redis-cli=redis-tools
)
# gcc alone brings no C library headers without recommended packages.
local_packages=(
    ca-certificates libc6-dev
    libcmocka-dev libh2o-evloop-dev libhiredis-dev libjansson-dev libjwt-dev libmsgpack-dev
    libpq-dev librdkafka-dev libsodium-dev libssl-dev libyaml-dev zlib1g-dev
    postgresql-15 postgresql-client-15
)

# A Java of 17 or newer: JAVA_HOME's, the one on PATH, or Debian's. Fails when there is none.
java_find() {
    local java
    for java in "${JAVA_HOME:+$JAVA_HOME/bin/java}" java /usr/lib/jvm/java-17-openjdk-*/bin/java; do
        if [[ -n $java ]] && (($(java_major "$java") >= 17)); then
            command -v "$java"
            return
        fi
    done
    return 1
}

java_major() {
    local version
    version=$("$1" -version 2>&1 | awk -F'"' '/version "/ { print $2; exit }') || true
    version=${version%%[.-]*}
    [[ $version =~ ^[0-9]+$ ]] || version=0
    printf '%d' "$version"
}

package_is_installed() {
    [[ $(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null) == installed ]]
}

# What of the stack's list, and of further packages given, is missing; one a line.
packages_missing() {
    local pair package
    for pair in "${local_programs[@]}"; do
        command -v "${pair%%=*}" >/dev/null || printf '%s\n' "${pair#*=}"
    done
    java_find >/dev/null || printf '%s\n' openjdk-17-jre-headless
    for package in "${local_packages[@]}" "$@"; do
        package_is_installed "$package" || printf '%s\n' "$package"
    done
}

# Step: installs what is missing. Arguments: further packages.
packages_install() {
    local -a missing
    if ! command -v apt-get dpkg-query >/dev/null; then
        step_cause 'there is no apt-get: on another system install what deploy/local/lib/packages.sh names by hand,' \
            'then run up --no-install'
        return 1
    fi
    mapfile -t missing < <(packages_missing "$@")
    if ((${#missing[@]} == 0)); then
        step_note 'all there'
        return
    fi
    printf 'missing: %s\n' "${missing[*]}"
    if ((EUID != 0)) && ! command -v sudo; then
        step_cause "these packages are missing and there is no sudo: as root, apt-get install ${missing[*]}"
        return 1
    fi
    packages_apt update
    packages_without_system_services "${missing[@]}"
    step_note "${#missing[@]} installed"
}

packages_apt() {
    local -a as_root=()
    ((EUID == 0)) || as_root=(sudo)
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300 "$@"
}

packages_as_root() {
    if ((EUID == 0)); then "$@"; else sudo "$@"; fi
}

# Debian's PostgreSQL package makes and starts a cluster of its own, and so does redis-server with its service. This
# machine asked for neither: no cluster is made, and with systemd the services that came with these packages are
# switched off again.
packages_without_system_services() {
    local conf=/etc/postgresql-common/createcluster.conf status=0 package
    local -a services=()
    for package in "$@"; do
        case $package in
            postgresql-15) services+=(postgresql) ;;
            redis-server) services+=(redis-server) ;;
            pgbouncer) services+=(pgbouncer) ;;
        esac
    done
    if [[ ! -e $conf && " $* " == *' postgresql-15 '* ]]; then
        packages_apt install -y --no-install-recommends postgresql-common
        packages_as_root cp -p "$conf" "$conf.zapora"
        printf '\ncreate_main_cluster = false\n' | packages_as_root tee -a "$conf" >/dev/null
    fi
    packages_apt install -y --no-install-recommends "$@" || status=$?
    if [[ -e $conf.zapora ]]; then
        packages_as_root mv -f "$conf.zapora" "$conf"
    fi
    if ((status == 0 && ${#services[@]} > 0)) && [[ -d /run/systemd/system ]]; then
        packages_as_root systemctl disable --now "${services[@]}" || true
    fi
    return "$status"
}

# ---- Kafka's jars ----------------------------------------------------------------------------------

kafka_pom=$local_root/deploy/local/kafka/pom.xml

# One folder for each Kafka version, shared by all clones of this user.
kafka_cache() {
    local version
    version=$(sed -n 's,.*<kafka.version>\(.*\)</kafka.version>.*,\1,p' "$kafka_pom")
    printf '%s' "${XDG_CACHE_HOME:-${HOME:-$local_dir}/.cache}/zapora/kafka-$version"
}

# What a complete folder holds: by the pom's names and versions, and each jar with its size.
kafka_jars_list() {
    grep -E 'Id>|ersion>' "$kafka_pom" | sha256sum
    (cd "$1" && stat -c '%n %s' -- *.jar)
}

kafka_jars_complete() {
    [[ -r $1/stamp ]] && [[ $(kafka_jars_list "$1" 2>/dev/null) == "$(<"$1/stamp")" ]]
}

# Step: resolves the jars that the pom pins. The folder appears whole or not at all; its stamp is written last.
kafka_jars_resolve() {
    local cache fresh jars
    cache=$(kafka_cache)
    mkdir -p -- "${cache%/*}"
    exec {cache_lock}>>"$cache.lock"
    flock "$cache_lock"
    if kafka_jars_complete "$cache"; then
        step_note "$(kafka_jars_summary "$cache"), from the cache"
        return
    fi
    fresh=$(mktemp -d "$cache.XXXXXX")
    # --update-snapshots also makes Maven try again what failed the last time, instead of remembering the failure for
    # a day.
    if ! mvn --batch-mode --no-transfer-progress --strict-checksums --update-snapshots -Dstyle.color=never \
        -f "$kafka_pom" dependency:copy-dependencies "-DoutputDirectory=$fresh"; then
        rm -rf -- "$fresh"
        return 1
    fi
    jars=$(kafka_jars_list "$fresh")
    printf '%s\n' "$jars" >"$fresh/stamp"
    rm -rf -- "$cache"
    mv -- "$fresh" "$cache"
    step_note "$(kafka_jars_summary "$cache"), resolved into $cache"
}

kafka_jars_summary() {
    printf '%s jars of Kafka %s' "$(find "$1" -name '*.jar' | wc -l)" "${1##*-}"
}
