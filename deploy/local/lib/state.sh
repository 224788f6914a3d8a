# shellcheck shell=bash
# State of one stack: its folder, its lock, its env file.
#
# Invariant: a value that is in the env file stays as it is (ports, passwords, keys survive each later up); only
# missing lines are added. The one exception is ZAPORA_BIN, which follows an explicit ZAPORA_BUILD_DIR.

# What up, down and their caller agree on; set by state_init.
local_dir='' build_dir='' env_file='' logs_dir='' run_dir=''
lock_fd=''

state_init() {
    local_dir=$(realpath -ms -- "${ZAPORA_LOCAL_DIR:-$local_root/.local}")
    env_file=$local_dir/env
    logs_dir=$local_dir/logs
    run_dir=$local_dir/run
    build_dir=$(state_build_dir)
    # These are this script's own settings; a role must not take them for its.
    export -n ZAPORA_LOCAL_DIR ZAPORA_BUILD_DIR ZAPORA_MESON_ARGS ZAPORA_WORKERS ZAPORA_GATEWAYS
    export -n ZAPORA_BROKERS ZAPORA_REDIS_CLUSTER ZAPORA_PGBOUNCER ZAPORA_REPLICA ZAPORA_KAFKA_JVM_OPTIONS
}

# An explicit folder, else the one the stack was made with, else one inside the state.
state_build_dir() {
    local bin
    if [[ -n ${ZAPORA_BUILD_DIR:-} ]]; then
        realpath -ms -- "$ZAPORA_BUILD_DIR"
    elif [[ -r $env_file ]] && bin=$(env_read ZAPORA_BIN) && [[ $bin == */"$build_target" ]]; then
        printf '%s' "${bin%"/$build_target"}"
    else
        printf '%s' "$local_dir/build"
    fi
}

state_make_dirs() {
    mkdir -p -- "$local_dir" 2>/dev/null || true
    if [[ ! -w $local_dir || ! -x $local_dir ]]; then
        die "cannot write to $local_dir: it belongs to $(stat -c %U -- "$local_dir" 2>/dev/null || echo another user)"
    fi
    mkdir -p -- "$logs_dir" "$run_dir"
    chmod go-rwx -- "$logs_dir" "$run_dir"
}

die() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

# One up or down at a time for one stack. A purge may remove the file while somebody waits for its lock, so look
# again.
state_lock() {
    local limit_s=$1
    while :; do
        state_make_dirs
        exec {lock_fd}>>"$local_dir/lock"
        if ! flock -n "$lock_fd"; then
            printf '  another up or down is at work on %s: waiting\n' "$local_dir"
            flock -w "$limit_s" "$lock_fd" || die "gave up after $limit_s s; who holds it: fuser -v $local_dir/lock"
        fi
        if [[ $(stat -Lc %d:%i "/proc/$$/fd/$lock_fd") == "$(stat -c %d:%i -- "$local_dir/lock" 2>/dev/null)" ]]; then
            state_make_dirs
            return
        fi
        exec {lock_fd}>&-
    done
}

# ---- the env file: lines of KEY='value' ----------------------------------------------------------

quote() { printf "'%s'" "${1//\'/\'\\\'\'}"; }

env_has() { [[ -r $env_file ]] && grep -q "^$1=" -- "$env_file"; }

# The value of one key; fails when it is not there.
env_read() {
    local line
    line=$(grep -m 1 "^$1=" -- "$env_file") || return 1
    eval "printf '%s' ${line#*=}"
}

# Lines that are to go into the env file; env_flush writes them all at once, so that a reader never sees half a file.
env_new=''

env_add() { # env_add KEY VALUE: unless the key is there
    env_has "$1" || env_new+="$1=$(quote "$2")"$'\n'
}

env_set() { # env_set KEY VALUE: whatever is there
    [[ $(env_read "$1" 2>/dev/null) == "$2" ]] || env_new+="$1=$(quote "$2")"$'\n'
}

env_flush() {
    local temporary
    [[ -n $env_new ]] || return 0
    temporary=$(mktemp "$local_dir/env.XXXXXX")
    # A new line takes the old one's place.
    { cat -- "$env_file" 2>/dev/null || true; printf '%s' "$env_new"; } |
        awk -F= '{ if (/^#/ || !($1 in at)) at[/^#/ ? "#" NR : $1] = ++lines; line[at[/^#/ ? "#" NR : $1]] = $0 }
                 END { for (i = 1; i <= lines; i++) print line[i] }' >"$temporary"
    chmod 600 -- "$temporary"
    mv -f -- "$temporary" "$env_file"
    env_new=''
}

random_hex() { od -An -v -N "$1" -tx1 /dev/urandom | tr -d ' \n'; }
random_uuid() { cat /proc/sys/kernel/random/uuid; }

# $1 free ports below the range the kernel hands out for outgoing connections. A random start keeps two stacks that
# are made at the same time apart; each port is bound to be sure, and all are held until the last is found. perl-base
# is always there.
free_ports() {
    perl -MIO::Socket::INET -e '
        my ($wanted) = @ARGV;
        for (1 .. 50) {
            my $base = 12000 + 20 * int rand 990;
            my @ports = map { $base + $_ } 0 .. $wanted - 1;
            my @held = map { IO::Socket::INET->new(Listen => 1, LocalAddr => "127.0.0.1", LocalPort => $_) } @ports;
            next if grep { !defined } @held;
            print "@ports\n";
            exit 0;
        }
        exit 1;' "$1"
}

# Sets port_taken to the next of a row of free ports.
ports_left=() port_taken=''
port_take() {
    local row
    if ((${#ports_left[@]} == 0)); then
        row=$(free_ports 16) || die 'found no free ports on loopback'
        read -ra ports_left <<<"$row"
    fi
    port_taken=${ports_left[0]}
    ports_left=("${ports_left[@]:1}")
}

env_add_address() { # env_add_address KEY PREFIX [SUFFIX]: with a port of its own, unless the key is there
    env_has "$1" && return
    port_take
    env_add "$1" "${2}127.0.0.1:$port_taken${3:-}"
}

env_add_addresses() { # env_add_addresses KEY COUNT [PREFIX [SUFFIX]]: host:port, COUNT of them with commas between
    local number list=''
    env_has "$1" && return
    for ((number = 1; number <= $2; number++)); do
        port_take
        list+=,127.0.0.1:$port_taken
    done
    env_add "$1" "${3:-}${list#,}${4:-}"
}

port_is_free() {
    perl -MIO::Socket::INET -e '
        exit !IO::Socket::INET->new(Listen => 1, LocalAddr => "127.0.0.1", LocalPort => $ARGV[0], ReuseAddr => 1)' "$1"
}

# ---- what a stack consists of --------------------------------------------------------------------

# How many of a role: what the caller asks for, else what the stack has.
state_count() { # state_count VARIABLE DEFAULT
    local key=ZAPORA_LOCAL_${1#ZAPORA_} count
    count=${!1:-$(env_read "$key" 2>/dev/null || printf '%s' "$2")}
    [[ $count =~ ^[1-8]$ ]] || die "$1: \"$count\" is not a number from 1 to 8"
    printf '%s' "$count"
}

# Whether a part that a stack may have is wanted: what the caller says when the stack is made, else what it has.
state_switch() { # state_switch VARIABLE
    local key=ZAPORA_LOCAL_${1#ZAPORA_} value
    value=$(env_read "$key" 2>/dev/null || printf '%s' "${!1:-0}")
    [[ $value =~ ^[01]$ ]] || die "$1: \"$value\" is neither 0 nor 1"
    printf '%s' "$value"
}

# Writes what is missing in the env file, and the two key files. Later calls change nothing.
state_fill_env() {
    local workers gateways brokers pgbouncer replica redis=1
    workers=$(state_count ZAPORA_WORKERS 2)
    gateways=$(state_count ZAPORA_GATEWAYS 1)
    brokers=$(state_count ZAPORA_BROKERS 1)
    ((brokers == 1 || brokers == 3)) || die "ZAPORA_BROKERS: \"$brokers\" is neither 1 nor 3"
    pgbouncer=$(state_switch ZAPORA_PGBOUNCER)
    replica=$(state_switch ZAPORA_REPLICA)
    env_has ZAPORA_REDIS || [[ $(state_switch ZAPORA_REDIS_CLUSTER) == 0 ]] || redis=6
    if [[ ! -e $env_file ]]; then
        env_new='# Written by deploy/local/up, once: what is here survives each later up. To use it in a shell:'$'\n'
        env_new+="#   set -a; . $(quote "$env_file"); set +a"$'\n'
    fi
    env_set ZAPORA_BIN "$build_dir/$build_target"
    env_add ZAPORA_LOCAL_REDIS_CLUSTER $((redis > 1))
    env_add ZAPORA_LOCAL_REDIS_NODES "$redis"
    state_fill_ports "$gateways" "$workers" "$brokers" "$redis"
    env_add ZAPORA_LOCAL_PGBOUNCER "$pgbouncer"
    env_add ZAPORA_LOCAL_REPLICA "$replica"
    ((pgbouncer == 0)) || state_fill_reader ZAPORA_POSTGRES_READ
    ((replica == 0)) || state_fill_reader ZAPORA_POSTGRES_LISTS
    state_fill_keys
    state_fill_demo
    env_set ZAPORA_LOCAL_GATEWAYS "$gateways"
    env_set ZAPORA_LOCAL_WORKERS "$workers"
    env_add ZAPORA_LOCAL_BROKERS "$brokers" # a log does not change its number of brokers later
    env_add ZAPORA_PARTITIONS "${ZAPORA_PARTITIONS:-64}" # nor of partitions
    env_flush
}

# The key of a role's URL: the first gateway's are the stack's own.
url_key() { # url_key ROLE NUMBER [OPS_]
    if [[ $1 == gateway && $2 == 1 ]]; then
        printf 'ZAPORA_%sURL' "${3:-}"
    else
        printf 'ZAPORA_%s_%s_%sURL' "${1^^}" "$2" "${3:-}"
    fi
}

state_fill_ports() {
    local number address
    for ((number = 1; number <= $1; number++)); do
        env_add_address "$(url_key gateway "$number")" http://
        env_add_address "$(url_key gateway "$number" OPS_)" http://
    done
    for ((number = 1; number <= $2; number++)); do
        env_add_address "$(url_key worker "$number" OPS_)" http://
    done
    env_add_addresses ZAPORA_KAFKA "$3"
    env_add_addresses ZAPORA_LOCAL_KAFKA_CONTROLLER "$3"
    env_add_addresses ZAPORA_REDIS "$4" redis:// /0
    (($4 == 1)) || env_add_addresses ZAPORA_LOCAL_REDIS_BUS "$4"
    if ! env_has ZAPORA_POSTGRES; then
        port_take
        address=127.0.0.1:$port_taken
        env_add ZAPORA_POSTGRES "postgresql://zapora:$(random_hex 16)@$address/zapora"
        env_add ZAPORA_LOCAL_POSTGRES_ADMIN "postgresql://postgres:$(random_hex 16)@$address/postgres"
    fi
}

# The same user and database at another port.
state_fill_reader() { # state_fill_reader KEY
    local uri
    env_has "$1" && return
    port_take
    uri=$(sed -n "s/^ZAPORA_POSTGRES='\\(.*\\)'$/\\1/p" <<<"$env_new")
    uri=${uri:-$(env_read ZAPORA_POSTGRES)}
    env_add "$1" "${uri%@*}@127.0.0.1:$port_taken/zapora"
}

state_fill_keys() {
    local name file
    mkdir -p -- "$local_dir/keys"
    chmod 700 -- "$local_dir/keys"
    for name in jwt id; do
        file=$local_dir/keys/$name.key
        if [[ ! -s $file ]]; then
            (umask 077; random_hex 32 >"$file.new"; mv -f -- "$file.new" "$file")
        fi
        env_add "ZAPORA_${name^^}_KEY_FILE" "$file"
    done
}

state_fill_demo() {
    local role
    env_add ZAPORA_DEMO_LOCATION "$(random_uuid)"
    for role in customer kitchen manager admin; do
        env_add "ZAPORA_DEMO_${role^^}_EMAIL" "$role@demo.example"
        env_add "ZAPORA_DEMO_${role^^}_PASSWORD" "$(random_hex 12)"
    done
}

backing=()
# The servers of this stack: Kafka's first node is called kafka, the others kafka-2 and kafka-3.
state_backing() { # fills the array backing
    local number
    backing=(kafka)
    for ((number = 2; number <= $(env_read ZAPORA_LOCAL_BROKERS || printf 1); number++)); do
        backing+=("kafka-$number")
    done
    backing+=(postgres)
    [[ $(env_read ZAPORA_LOCAL_PGBOUNCER) != 1 ]] || backing+=(pgbouncer)
    [[ $(env_read ZAPORA_LOCAL_REPLICA) != 1 ]] || backing+=(replica)
    backing+=(redis)
    for ((number = 2; number <= $(env_read ZAPORA_LOCAL_REDIS_NODES || printf 1); number++)); do
        backing+=("redis-$number")
    done
}

# "host:port" of a URL such as http://host:port/… or postgresql://user:password@host:port/…
url_address() {
    local rest=${1#*://}
    rest=${rest%%/*}
    printf '%s' "${rest##*@}"
}
