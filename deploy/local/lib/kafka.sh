# shellcheck shell=bash
# Kafka: one KRaft node, or three, from the cache's jars. The part kafka is the first node. See deploy/local/kafka/ for its settings and its log's.

# Measured with 4.4.0 on two cores at 500 orders/s, warm: the parallel collector with two threads pauses for 8 to 10 ms
# (99 % of the orders visible within 36 to 84 ms), the serial one for 14 to 24 (80 to 196), Shenandoah for less than 1
# (51 to 106) at twice the memory. Start-up takes 2.5 s with the C1 compiler alone against 3.5 s with both, but a message
# then costs more for ever; short-lived test stacks therefore add -XX:TieredStopAtLevel=1 by ZAPORA_KAFKA_JVM_OPTIONS.
# -UsePerfData: its statistics file makes the JVM wait for the disk. Out of memory ends it: half a broker is worse than
# none.
kafka_jvm=(-Xms256m -Xmx512m -XX:+UseParallelGC -XX:ParallelGCThreads=2 -XX:-UsePerfData -XX:+ExitOnOutOfMemoryError
    -Djava.awt.headless=true)

kafka_java() { # kafka_java LOG CLASS [ARGUMENT...], with its node's folder in dir: fills the array kafka_command
    local log=$1 java cache
    local -a options
    shift
    cache=$(kafka_cache)
    if ! kafka_jars_complete "$cache"; then
        step_cause "Kafka's jars are not in $cache: run up without --no-install"
        return 1
    fi
    if ! java=$(java_find); then
        step_cause 'there is no Java 17 or newer: run up without --no-install'
        return 1
    fi
    read -ra options <<<"${ZAPORA_KAFKA_JVM_OPTIONS:-}"
    # Its libraries unpack native code, and a killed JVM leaves that behind: in our folder, not in everybody's.
    mkdir -p -- "$dir/tmp"
    kafka_command=("$java" "${kafka_jvm[@]}" "${options[@]}" -cp "$cache/*"
        "-Djava.io.tmpdir=$dir/tmp" "-Dzapora.kafka.log=$log"
        "-Dlog4j2.configurationFile=$local_root/deploy/local/kafka/log4j2.properties" "$@")
}

# Node number of a part: kafka is 1, kafka-2 is 2.
kafka_node() {
    if [[ $1 == kafka-* ]]; then printf '%d' "${1#kafka-}"; else printf 1; fi
}

# kafka_address PART KEY: this node's of the addresses in the env file.
kafka_address() {
    local -a all
    IFS=, read -ra all <<<"$(env_read "$2")"
    printf '%s' "${all[$(kafka_node "$1") - 1]}"
}

kafka_start() {
    local part=$1 dir=$local_dir/$1 address controller
    local -a kafka_command
    address=$(kafka_address "$part" ZAPORA_KAFKA)
    controller=$(kafka_address "$part" ZAPORA_LOCAL_KAFKA_CONTROLLER)
    part_must_be_free "$part" "${address##*:}"
    part_must_be_free "$part's controller" "${controller##*:}"
    rm -rf -- "$dir/tmp"
    mkdir -p -- "$dir"
    kafka_render "$part" "$address" "$controller" >"$dir/server.properties"
    [[ -e $dir/formatted ]] || kafka_format "$part"
    kafka_java "$logs_dir/$part.log" kafka.Kafka "$dir/server.properties"
    step_log "$logs_dir/$part.log"
    part_log_suffix=.out part_launch "$part" "${kafka_command[@]}"
}

kafka_render() { # kafka_render PART ADDRESS CONTROLLER
    local quorum="controller.quorum.bootstrap.servers=$3" replication=1 in_sync=1 number=0 address
    local -a controllers
    IFS=, read -ra controllers <<<"$(env_read ZAPORA_LOCAL_KAFKA_CONTROLLER)"
    if ((${#controllers[@]} > 1)); then
        quorum='' replication=3 in_sync=2
        for address in "${controllers[@]}"; do
            number=$((number + 1))
            quorum+=,$number@$address
        done
        quorum=controller.quorum.voters=${quorum#,}
    fi
    render "$local_root/deploy/local/kafka/server.properties.in" "NODE=$(kafka_node "$1")" "QUORUM=$quorum" \
        "PORT=${2##*:}" "ADVERTISED=$(env_read ZAPORA_LOCAL_VIA_KAFKA || printf '%s' "$2")" \
        "CONTROLLER_PORT=${3##*:}" "DATA_DIR=$local_dir/$1/data" "REPLICATION=$replication" "IN_SYNC=$in_sync"
}

# Each node gets the cluster's id. The stamp comes last: a folder without it was cut off halfway and holds nothing yet.
kafka_format() { # kafka_format PART
    local dir=$local_dir/$1 id
    local -a kafka_command standalone=(--standalone)
    if [[ ! -s $local_dir/kafka-cluster ]]; then
        id=$(head -c 16 /dev/urandom | base64 | tr '+/' '-_' | tr -d '=\n')
        printf '%s' "${id/#-/A}" >"$local_dir/kafka-cluster"
    fi
    ! grep -q '^controller.quorum.voters=' "$dir/server.properties" || standalone=()
    rm -rf -- "$dir/data"
    ZAPORA_KAFKA_JVM_OPTIONS=-XX:TieredStopAtLevel=1 kafka_java "$logs_dir/$1.log" kafka.tools.StorageTool \
        format "${standalone[@]}" --cluster-id "$(<"$local_dir/kafka-cluster")" --config "$dir/server.properties"
    "${kafka_command[@]}"
    : >"$dir/formatted"
}

# Step: one of three nodes alone never serves, so none is waited for before all run.
kafka_start_all() {
    local part part_child
    for part in "${backing[@]}"; do
        if [[ $part == kafka* ]] && ! part_pid "$part" >/dev/null; then
            kafka_start "$part"
            until part_pid "$part" >/dev/null; do
                kill -0 "$part_child"
                sleep 0.05
            done
        fi
    done
}

kafka_check() {
    "$local_root/deploy/local/kafka/ready" "$(kafka_address "$1" ZAPORA_KAFKA)"
}

kafka_tend() { :; }
