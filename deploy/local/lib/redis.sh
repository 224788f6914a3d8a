# shellcheck shell=bash
# Redis 7: one server, or a cluster of three primaries and three replicas. The part redis is the first node; each one's
# append-only file lies in <state>/<part>.

# Node number of a part: redis is 1, redis-2 is 2.
redis_node() {
    if [[ $1 == redis-* ]]; then printf '%d' "${1#redis-}"; else printf 1; fi
}

# redis_address PART: this node's of the addresses in the env file.
redis_address() {
    local -a all
    IFS=, read -ra all <<<"$(url_address "$(env_read ZAPORA_REDIS)")"
    printf '%s' "${all[$(redis_node "$1") - 1]}"
}

redis_is_cluster() { [[ $(env_read ZAPORA_LOCAL_REDIS_NODES) != 1 ]]; }

redis_bus_port() { # redis_bus_port PART
    local -a all
    IFS=, read -ra all <<<"$(env_read ZAPORA_LOCAL_REDIS_BUS)"
    printf '%s' "${all[$(redis_node "$1") - 1]##*:}"
}

redis_start() {
    local part=$1 dir=$local_dir/$1 address cluster=''
    address=$(redis_address "$part")
    if ! command -v redis-server >/dev/null; then
        step_cause 'Redis is not installed: run up without --no-install'
        return 1
    fi
    part_must_be_free "$part" "${address##*:}"
    mkdir -p -- "$dir"
    if redis_is_cluster; then
        cluster=$(printf '%s\n' 'cluster-enabled yes' 'cluster-node-timeout 2000' \
            "cluster-config-file $dir/nodes.conf" "cluster-port $(redis_bus_port "$part")")
    fi
    render "$local_root/deploy/local/redis/redis.conf.in" "PORT=${address##*:}" "DATA_DIR=$dir" "CLUSTER=$cluster" \
        >"$dir/redis.conf"
    part_launch "$part" redis-server "$dir/redis.conf"
}

redis_ask() { # redis_ask PART WORD...
    local address
    address=$(redis_address "$1")
    timeout 3 redis-cli -h "${address%:*}" -p "${address##*:}" "${@:2}" 2>&1
}

# While it still loads its file it answers LOADING, and that is not PONG.
redis_check() {
    local answer
    answer=$(redis_ask "$1" ping)
    printf '%s\n' "$answer"
    [[ $answer == PONG ]]
}

# Step: the nodes find each other, once; then every slot is served and every replica has synced, which a replica must
# have before its primary is killed.
redis_cluster_form() {
    local part
    local -a addresses=()
    local -i deadline=$((SECONDS + 60))
    for part in "${backing[@]}"; do
        [[ $part != redis* ]] || addresses+=("$(redis_address "$part")@$(redis_bus_port "$part")")
    done
    if [[ ! -e $local_dir/redis-cluster ]]; then
        redis-cli --cluster create "${addresses[@]}" --cluster-replicas 1 --cluster-yes
        : >"$local_dir/redis-cluster"
    fi
    for part in "${backing[@]}"; do
        until [[ $part != redis* ]] || redis_has_joined "$part"; do
            if ((SECONDS >= deadline)); then
                step_cause "$part did not find its place in the cluster: redis-cli cluster nodes says more"
                return 1
            fi
            sleep 0.1
        done
    done
}

redis_has_joined() {
    redis_ask "$1" cluster info | grep -q '^cluster_state:ok' || return 1
    redis_ask "$1" info replication | grep -qE '^(role:master|master_link_status:up)'
}

redis_tend() { :; }
