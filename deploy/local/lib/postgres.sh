# shellcheck shell=bash
# PostgreSQL 15: a cluster of the stack's own, below <state>/postgres. It refuses to run as root, so root runs it as
# postgres.

postgres_bin=/usr/lib/postgresql/15/bin

# Fills postgres_as: what to put before a PostgreSQL program. Root's state may lie below a folder of mode 0700 that
# the user postgres cannot enter; the capability lets it through for reading and searching, no more. setpriv execs, so
# the process that is started is the server itself (runuser forks).
postgres_become() {
    postgres_as=()
    ((EUID == 0)) || return 0
    postgres_as=(setpriv --reuid=postgres --regid=postgres --init-groups)
    if ! "${postgres_as[@]}" test -e "$env_file"; then
        postgres_as+=(--inh-caps=+dac_read_search --ambient-caps=+dac_read_search)
    fi
    if ! "${postgres_as[@]}" test -e "$env_file"; then
        step_cause "the user postgres cannot reach $local_dir, and this container withholds the capability for it:" \
            'set ZAPORA_LOCAL_DIR to a folder that it can enter'
        return 1
    fi
}

postgres_start() {
    local part=$1 dir=$local_dir/postgres address
    local -a postgres_as
    address=$(url_address "$(env_read ZAPORA_POSTGRES)")
    if [[ ! -x $postgres_bin/postgres ]]; then
        step_cause 'PostgreSQL 15 is not installed: run up without --no-install'
        return 1
    fi
    postgres_become
    part_must_be_free postgres "${address##*:}"
    mkdir -p -- "$dir"
    ((EUID != 0)) || chown postgres:postgres -- "$dir"
    [[ -d $dir/data ]] || postgres_init "$dir"
    postgres_launch "$part" "$dir/data" "${address##*:}"
}

postgres_launch() { # postgres_launch PART DATA PORT
    postgres_clear_orphans "$2"
    postgres_clear_lock "$2/postmaster.pid"
    render "$local_root/deploy/local/postgres/postgresql.conf.in" "PORT=$3" >"$2/postgresql.conf"
    cat -- "$local_root/deploy/local/postgres/pg_hba.conf" >"$2/pg_hba.conf"
    part_launch "$1" "${postgres_as[@]}" "$postgres_bin/postgres" -D "$2"
}

# Makes the cluster under another name first: a folder `data` is a whole one.
postgres_init() {
    local dir=$1 password
    password=$(env_read ZAPORA_LOCAL_POSTGRES_ADMIN)
    password=${password#*://postgres:}
    rm -rf -- "$dir/data.new"
    (umask 077 && printf '%s\n' "${password%%@*}" >"$dir/password")
    ((EUID != 0)) || chown postgres:postgres -- "$dir/password"
    "${postgres_as[@]}" "$postgres_bin/initdb" -D "$dir/data.new" --username=postgres --auth=scram-sha-256 \
        --pwfile="$dir/password" --encoding=UTF8 --locale=C.UTF-8 --data-checksums
    rm -f -- "$dir/password"
    mv -- "$dir/data.new" "$dir/data"
}

# Backends of a server that was killed see its death and go, except one that is frozen: as long as it is attached to
# the shared memory no new server starts. Nothing they hold is lost by ending them: the server that could commit it is
# dead.
postgres_clear_orphans() {
    local data=$1 proc signal
    for signal in '' '' '' '' QUIT '' KILL '' ''; do
        local -a orphans=()
        for proc in /proc/[0-9]*; do
            [[ $(readlink -- "$proc/cwd" 2>/dev/null) != "$data" ]] || orphans+=("${proc#/proc/}")
        done
        ((${#orphans[@]} > 0)) || return 0
        [[ -z $signal ]] || kill -s "$signal" "${orphans[@]}" 2>/dev/null || true
        sleep 0.5
    done
}

# A killed server that its parent has not waited for yet still has its pid, and to the next server that looks like a
# running one. It is dead all the same, and its backends are gone.
postgres_clear_lock() {
    local pid
    if { read -r pid <"$1"; } 2>/dev/null && ! part_born "$pid"; then
        rm -f -- "$1"
    fi
}

# Serves means: takes a query. The first time, the stack's own role and database are made on the way.
postgres_check() {
    if [[ ! -e $local_dir/postgres/role-made ]]; then
        postgres_make_role || return 1
        : >"$local_dir/postgres/role-made"
    fi
    postgres_query ZAPORA_POSTGRES <<<'SELECT 1'
}

postgres_tend() { :; }

# postgres_query ENV-KEY: runs the SQL on its standard input, prints bare values. Secrets travel by environment and
# standard input only: a command line is there for everybody to read.
postgres_query() {
    local uri rest address
    uri=$(env_read "$1")
    rest=${uri#*://}
    address=$(url_address "$uri")
    rest=${rest%%@*}
    PGHOST=${address%:*} PGPORT=${address##*:} PGUSER=${rest%%:*} PGPASSWORD=${rest#*:} PGDATABASE=${uri##*/} \
        PGCONNECT_TIMEOUT=3 PGAPPNAME=zapora-up timeout 10 "$postgres_bin/psql" -X -q -A -t -v ON_ERROR_STOP=1
}

postgres_admin() { postgres_query ZAPORA_LOCAL_POSTGRES_ADMIN; }

# Each statement only if its effect is missing: an up that was cut off here goes on where it stopped.
postgres_make_role() {
    local password found
    password=$(env_read ZAPORA_POSTGRES)
    password=${password#*://zapora:}
    found=$(postgres_admin <<<"SELECT 1 FROM pg_roles WHERE rolname = 'zapora'") || return 1
    if [[ -z $found ]]; then
        postgres_admin <<<"CREATE ROLE zapora LOGIN PASSWORD '${password%%@*}'" || return 1
    fi
    found=$(postgres_admin <<<"SELECT 1 FROM pg_database WHERE datname = 'zapora'") || return 1
    if [[ -z $found ]]; then
        postgres_admin <<<'CREATE DATABASE zapora OWNER zapora' || return 1
    fi
}
