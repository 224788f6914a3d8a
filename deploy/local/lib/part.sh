# shellcheck shell=bash
# Parts: the servers of a stack. run/<part>.pid holds one integer, the server's own process; run/<part>.born, written
# before it, says which process that was (boot and start time), so that a pid that was given to somebody else is not
# taken for ours.
#
# A part of kind KIND (gateway-1: gateway) has three functions: KIND_start PART launches it by part_launch, KIND_check
# PART exits 0 when it serves, KIND_tend PART, called while it is waited for, looks after what it waits for itself.

# Which process a pid is: two processes never share boot, pid and start time.
part_born() {
    local line boot
    local -a field
    { read -r line <"/proc/$1/stat"; } 2>/dev/null || return 1
    # The name in brackets may hold anything, so count from behind it: state is field 3, start time field 22.
    read -ra field <<<"${line##*) }"
    [[ ${field[0]} != [ZX] ]] || return 1
    read -r boot </proc/sys/kernel/random/boot_id
    printf '%s %s\n' "$boot" "${field[19]}"
}

# Prints the pid of a part that runs; fails when it doesn't.
part_pid() {
    local pid born
    { read -r pid <"$run_dir/$1.pid" && read -r born <"$run_dir/$1.born"; } 2>/dev/null || return 1
    [[ $pid =~ ^[0-9]+$ && $(part_born "$pid" || true) == "$born" ]] || return 1
    printf '%s' "$pid"
}

# Stopped by a signal: alive, and not ours to judge.
part_is_frozen() {
    local pid line
    pid=$(part_pid "$1") || return 1
    { read -r line <"/proc/$pid/stat"; } 2>/dev/null || return 1
    line=${line##*) }
    [[ ${line%% *} == [Tt] ]]
}

part_kind() { printf '%s' "${1%%-*}"; }

part_env=() # NAME=VALUE: what part_launch exports; not on a command line, which everybody on the machine can read

# part_launch PART COMMAND...: runs the command as a daemon of its own session, its output in the part's log. The
# process that writes the pid file becomes the command, so there is no moment in which the server runs and nobody
# knows its pid.
part_launch() {
    local part=$1 log=$logs_dir/$1${part_log_suffix:-}.log
    shift
    log_rotate "$log"
    step_log "$log"
    rm -f -- "$run_dir/$part.pid"
    (
        part_born "$BASHPID" >"$run_dir/$part.born"
        printf '%s\n' "$BASHPID" >"$run_dir/$part.pid.new"
        mv -f -- "$run_dir/$part.pid.new" "$run_dir/$part.pid"
        ((${#part_env[@]} == 0)) || export "${part_env[@]}"
        # bash lets its background jobs ignore SIGINT, which PostgreSQL for one has a use for.
        exec setsid env --default-signal=INT,QUIT "$@"
    ) </dev/null >>"$log" 2>&1 {lock_fd}>&- &
    part_child=$!
    part_env=()
}

# Step: has a part running and serving. What dies meanwhile by somebody's kill -9 is started once more, at most three
# times.
part_ensure() { # part_ensure PART LIMIT_S
    local part=$1 limit_s=$2 kind attempt word outcome part_child
    kind=$(part_kind "$part")
    for attempt in 1 2 3; do
        word=running part_child=''
        if part_is_frozen "$part"; then
            step_note "frozen by a signal, left as it is, pid $(part_pid "$part")"
            return
        elif ! part_pid "$part" >/dev/null; then
            word=started
            "${kind}_start" "$part"
        fi
        part_wait "$part" "$limit_s"
        case $outcome in
            serves) step_note "$word, pid $(part_pid "$part")" && return ;;
            failed) return 1 ;;
            killed) printf '%s was killed while it was waited for (attempt %d)\n' "$part" "$attempt" ;;
        esac
    done
    step_cause "somebody keeps killing $part"
    return 1
}

# Waits until a part serves; sets outcome. (A return value would need a condition, and that switches errexit off in
# here.)
part_wait() {
    local part=$1 limit_s=$2 kind
    local -i deadline=$((SECONDS + limit_s))
    kind=$(part_kind "$part")
    outcome=serves
    until "${kind}_check" "$part" >"$step_dir/check" 2>&1; do
        if ! part_is_coming "$part" && ! part_pid "$part" >/dev/null; then
            part_ended "$part"
            return
        elif ((SECONDS >= deadline)); then
            part_late "$part"
            return
        fi
        "${kind}_tend" "$part"
        sleep 0.05
    done
}

# The first moments of a launch, before its pid file is there.
part_is_coming() { [[ -n $part_child && ! -e $run_dir/$1.pid ]] && kill -0 "$part_child" 2>/dev/null; }

part_ended() {
    local status=0 log how
    outcome=killed # one that ran when we came is no child of ours, so what ended it can't be known: it is started
    [[ -n $part_child ]] || return 0
    wait "$part_child" || status=$?
    if ((status != 137)); then
        outcome=failed
        step_tail
        how="ended by itself with status $status"
        ((status < 129)) || how="was ended by SIG$(kill -l $((status - 128)))"
        step_cause "$1 $how: $(step_guess "$step_dir/tail")"
    fi
}

# Which parts were started and run no more: often the reason why another step failed.
part_deaths() {
    local file part
    for file in "$run_dir"/*.pid; do
        part=$(basename -- "$file" .pid)
        if [[ -e $file ]] && ! part_pid "$part" >/dev/null; then
            printf '  Ran and died: %s; see %s\n' "$part" "$logs_dir/$part.log"
        fi
    done
}

part_late() {
    outcome=failed
    [[ -s $step_dir/log ]] || step_log "$logs_dir/$1.log"
    step_cause "$1 runs (pid $(part_pid "$1" || true)) but did not serve in time; the last try said:" \
        "$(tr '\n' ' ' <"$step_dir/check" | cut -c 1-400)"
}

# part_stop SIGNAL LIMIT_S PART...: asks all of them at once and waits; who does not go is killed, with a word.
part_stop() {
    local signal=$1 limit_s=$2 part pid
    local -A pids=()
    shift 2
    for part in "$@"; do
        if pid=$(part_pid "$part"); then
            pids[$part]=$pid
            kill -s "$signal" "$pid" 2>/dev/null || true
            kill -s CONT "$pid" 2>/dev/null || true # a frozen one would never hear it
        fi
    done
    local -i deadline=$((SECONDS + limit_s))
    local killed=''
    for part in "${!pids[@]}"; do
        while part_pid "$part" >/dev/null; do
            if ((SECONDS >= deadline)); then
                kill -s KILL "${pids[$part]}" 2>/dev/null || true
                killed+=" $part"
                deadline=$((SECONDS + 10))
            fi
            sleep 0.05
        done
    done
    for part in "$@"; do
        rm -f -- "$run_dir/$part".{pid,born}
    done
    if ((${#pids[@]} == 0)); then
        step_note 'not running'
    elif [[ -n $killed ]]; then
        step_note "killed, for not going within $limit_s s:$killed"
    else
        step_note 'stopped'
    fi
}

# part_must_be_free PART PORT: a clear word before the server's own.
part_must_be_free() {
    if ! port_is_free "$2"; then
        step_cause "port $2 of $1 is taken by another program:" \
            'end it, or forget this stack by down --purge and run up again'
        return 1
    fi
}

# render TEMPLATE NAME=VALUE...: prints the template with each @NAME@ filled in.
render() {
    local text pair
    text=$(<"$1")
    shift
    for pair in "$@"; do
        text=${text//"@${pair%%=*}@"/"${pair#*=}"}
    done
    printf '%s\n' "$text"
}
