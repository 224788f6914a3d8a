# shellcheck shell=bash
# Redis 7: its append-only file lies in <state>/redis.

redis_start() {
    local part=$1 dir=$local_dir/redis address
    address=$(url_address "$(env_read ZAPORA_REDIS)")
    if ! command -v redis-server >/dev/null; then
        step_cause 'Redis is not installed: run up without --no-install'
        return 1
    fi
    part_must_be_free redis "${address##*:}"
    mkdir -p -- "$dir"
    render "$local_root/deploy/local/redis/redis.conf.in" "PORT=${address##*:}" "DATA_DIR=$dir" >"$dir/redis.conf"
    part_launch "$part" redis-server "$dir/redis.conf"
}

# While it still loads its file it answers LOADING, and that is not PONG.
redis_check() {
    local address answer
    address=$(url_address "$(env_read ZAPORA_REDIS)")
    answer=$(timeout 3 redis-cli -h "${address%:*}" -p "${address##*:}" ping 2>&1)
    printf '%s\n' "$answer"
    [[ $answer == PONG ]]
}

redis_tend() { :; }
