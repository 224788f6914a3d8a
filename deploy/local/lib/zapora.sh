# shellcheck shell=bash
# The roles of zapora: they are told everything by ZAPORA_* in their environment.

# A role is told ZAPORA_LOCAL_VIA_KAFKA, _POSTGRES or _REDIS instead of the server's own address, if the env file has it:
# tests/fault writes it there before the first up, and lies in between.
zapora_environment() { # fills the array zapora_env
    local key
    zapora_env=("ZAPORA_TOPICS_DIR=$local_root/topics" "ZAPORA_MIGRATIONS_DIR=$local_root/migrations")
    for key in KAFKA POSTGRES REDIS JWT_KEY_FILE ID_KEY_FILE; do
        zapora_env+=("ZAPORA_$key=$(env_read "ZAPORA_LOCAL_VIA_$key" || env_read "ZAPORA_$key")")
    done
    for key in POSTGRES_READ POSTGRES_LISTS PARTITIONS; do
        ! env_has "ZAPORA_$key" || zapora_env+=("ZAPORA_$key=$(env_read "ZAPORA_$key")")
    done
}

# Runs one of its commands to the end.
zapora_run() {
    local -a zapora_env
    zapora_environment
    printf '+ zapora %s\n' "$*"
    (export "${zapora_env[@]}"; exec "$(env_read ZAPORA_BIN)" "$@")
}

zapora_launch() { # zapora_launch PART NAME=VALUE...
    local part=$1 ops bin
    local -a zapora_env
    ops=$(url_address "$(env_read "$(url_key "${part%-*}" "${part##*-}" OPS_)")")
    bin=$(env_read ZAPORA_BIN)
    shift
    if [[ ! -x $bin ]]; then
        step_cause "$bin is not there: run up without --no-install"
        return 1
    fi
    part_must_be_free "$part's operations listener" "${ops##*:}"
    zapora_environment
    part_env=("${zapora_env[@]}" "ZAPORA_OPS_LISTEN=$ops" "$@")
    part_launch "$part" "$bin" "${part%-*}"
}

gateway_start() {
    local listen
    listen=$(url_address "$(env_read "$(url_key gateway "${1##*-}")")")
    part_must_be_free "$1" "${listen##*:}"
    zapora_launch "$1" "ZAPORA_LISTEN=$listen"
}

# A stable id for each worker: its static membership of the group.
worker_start() { zapora_launch "$1" "ZAPORA_WORKER_ID=$1"; }

gateway_check() { zapora_check "$1"; }
worker_check() { zapora_check "$1"; }

gateway_tend() { zapora_tend; }
worker_tend() { zapora_tend; }

zapora_check() {
    local url
    url=$(env_read "$(url_key "${1%-*}" "${1##*-}" OPS_)")
    curl -sS --noproxy '*' --max-time 3 --fail-with-body "$url/readyz?verbose"
}

# What a role waits for may die while we wait for the role.
zapora_tend() {
    local part part_child
    for part in "${backing[@]}"; do
        if ! part_pid "$part" >/dev/null && [[ -e $run_dir/$part.pid ]]; then
            printf '%s died meanwhile: started again\n' "$part"
            "$(part_kind "$part")_start" "$part"
        fi
    done
}

# Prints which of the given parts run another file than the one that was built last: up does not restart what runs.
zapora_stale_parts() {
    local part pid bin
    bin=$(env_read ZAPORA_BIN)
    for part in "$@"; do
        if pid=$(part_pid "$part") && [[ ! "/proc/$pid/exe" -ef $bin ]]; then
            printf '%s ' "$part"
        fi
    done
}
