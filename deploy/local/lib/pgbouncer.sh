# shellcheck shell=bash
# PgBouncer, when the stack has one: what the gateway reads goes through it. Its files lie in <state>/pgbouncer.

pgbouncer_start() {
    local part=$1 dir=$local_dir/pgbouncer address server secret
    local -a postgres_as
    address=$(url_address "$(env_read ZAPORA_POSTGRES_READ)")
    server=$(url_address "$(env_read ZAPORA_POSTGRES)")
    secret=$(env_read ZAPORA_POSTGRES)
    secret=${secret#*://zapora:}
    if ! command -v pgbouncer >/dev/null; then
        step_cause 'PgBouncer is not installed: run up without --no-install'
        return 1
    fi
    postgres_become # it refuses to run as root, too
    part_must_be_free pgbouncer "${address##*:}"
    mkdir -p -- "$dir"
    render "$local_root/deploy/local/pgbouncer/pgbouncer.ini.in" "PORT=${address##*:}" \
        "POSTGRES_PORT=${server##*:}" "DIR=$dir" >"$dir/pgbouncer.ini"
    (umask 077 && printf '"zapora" "%s"\n' "${secret%%@*}" >"$dir/userlist.txt")
    ((EUID != 0)) || chown -R postgres:postgres -- "$dir"
    part_launch "$part" "${postgres_as[@]}" pgbouncer "$dir/pgbouncer.ini"
}

pgbouncer_check() { postgres_query ZAPORA_POSTGRES_READ <<<'SELECT 1'; }

pgbouncer_tend() { :; }
