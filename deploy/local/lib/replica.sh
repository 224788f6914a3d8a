# shellcheck shell=bash
# A read replica of PostgreSQL, when the stack has one: a copy that streams, in <state>/replica.

replica_start() {
    local part=$1 dir=$local_dir/replica address
    local -a postgres_as
    address=$(url_address "$(env_read ZAPORA_POSTGRES_LISTS)")
    postgres_become
    part_must_be_free replica "${address##*:}"
    mkdir -p -- "$dir"
    ((EUID != 0)) || chown postgres:postgres -- "$dir"
    [[ -d $dir/data ]] || replica_init "$dir"
    postgres_launch "$part" "$dir/data" "${address##*:}"
}

# A folder `data` is a whole copy: it is made under another name first.
replica_init() {
    local dir=$1 uri address
    uri=$(env_read ZAPORA_LOCAL_POSTGRES_ADMIN)
    address=$(url_address "$uri")
    uri=${uri#*://postgres:}
    rm -rf -- "$dir/data.new"
    PGPASSWORD=${uri%%@*} "${postgres_as[@]}" "$postgres_bin/pg_basebackup" -D "$dir/data.new" -h "${address%:*}" \
        -p "${address##*:}" -U postgres --checkpoint=fast --wal-method=stream --write-recovery-conf
    mv -- "$dir/data.new" "$dir/data"
}

replica_check() { postgres_query ZAPORA_POSTGRES_LISTS <<<'SELECT 1'; }

replica_tend() { :; }
