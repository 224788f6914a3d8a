# shellcheck shell=bash
# Kafka: one KRaft node from the cache's jars. See deploy/local/kafka/ for its settings and its log's.

# Measured with 4.4.0 on two cores at 500 orders/s, warm: the parallel collector with two threads pauses for 8 to 10 ms
# (99 % of the orders visible within 36 to 84 ms), the serial one for 14 to 24 (80 to 196), Shenandoah for less than 1
# (51 to 106) at twice the memory. Start-up takes 2.5 s with the C1 compiler alone against 3.5 s with both, but a message
# then costs more for ever; short-lived test stacks therefore add -XX:TieredStopAtLevel=1 by ZAPORA_KAFKA_JVM_OPTIONS.
# -UsePerfData: its statistics file makes the JVM wait for the disk. Out of memory ends it: half a broker is worse than
# none.
kafka_jvm=(-Xms256m -Xmx512m -XX:+UseParallelGC -XX:ParallelGCThreads=2 -XX:-UsePerfData -XX:+ExitOnOutOfMemoryError
    -Djava.awt.headless=true)

kafka_java() { # kafka_java LOG CLASS [ARGUMENT...]: fills the array kafka_command
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
    mkdir -p -- "$local_dir/kafka/tmp"
    kafka_command=("$java" "${kafka_jvm[@]}" "${options[@]}" -cp "$cache/*"
        "-Djava.io.tmpdir=$local_dir/kafka/tmp" "-Dzapora.kafka.log=$log"
        "-Dlog4j2.configurationFile=$local_root/deploy/local/kafka/log4j2.properties" "$@")
}

kafka_start() {
    local part=$1 dir=$local_dir/kafka address controller
    local -a kafka_command
    address=$(env_read ZAPORA_KAFKA)
    controller=$(env_read ZAPORA_LOCAL_KAFKA_CONTROLLER)
    part_must_be_free kafka "${address##*:}"
    part_must_be_free "kafka's controller" "${controller##*:}"
    rm -rf -- "$dir/tmp"
    mkdir -p -- "$dir"
    render "$local_root/deploy/local/kafka/server.properties.in" \
        "PORT=${address##*:}" "CONTROLLER_PORT=${controller##*:}" "DATA_DIR=$dir/data" >"$dir/server.properties"
    [[ -e $dir/formatted ]] || kafka_format "$dir"
    kafka_java "$logs_dir/kafka.log" kafka.Kafka "$dir/server.properties"
    step_log "$logs_dir/kafka.log"
    part_log_suffix=.out part_launch "$part" "${kafka_command[@]}"
}

# The cluster gets its id. The stamp comes last: a folder without it was cut off halfway and holds nothing yet.
kafka_format() {
    local dir=$1 id
    local -a kafka_command
    id=$(head -c 16 /dev/urandom | base64 | tr '+/' '-_' | tr -d '=\n')
    rm -rf -- "$dir/data"
    ZAPORA_KAFKA_JVM_OPTIONS=-XX:TieredStopAtLevel=1 kafka_java "$logs_dir/kafka.log" kafka.tools.StorageTool \
        format --standalone --cluster-id "${id/#-/A}" --config "$dir/server.properties"
    "${kafka_command[@]}"
    : >"$dir/formatted"
}

kafka_check() {
    "$local_root/deploy/local/kafka/ready" "$(env_read ZAPORA_KAFKA)"
}

kafka_tend() { :; }
