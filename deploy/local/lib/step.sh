# shellcheck shell=bash
# Steps: each has a name, says that it worked and how long it took, or names its log and the likely cause.
#
# Invariants: a step's function runs in a subshell with errexit on, its output goes to the step's log, and what it
# wants to be seen it says through step_note, step_log and step_cause. A step that fails ends the program.

step_dir=''         # scratch files of the step that runs; made by step_init
step_ok='ok' step_failed='FAILED'

step_init() {
    step_dir=$(mktemp -d)
    if [[ -t 1 && -z ${NO_COLOR:-} && ${TERM:-dumb} != dumb ]]; then
        step_ok=$'\e[32mok\e[0m' step_failed=$'\e[31mFAILED\e[0m'
    fi
}

step_finish() {
    if [[ -n $step_dir ]]; then
        rm -rf -- "$step_dir"
        step_dir=''
    fi
}

# For a step's function: what to print behind its time, where to look and what it probably is when it fails.
# step_log may name several files, each by a call; the first one with something new in it is shown.
step_note() { printf '%s' "$*" >"$step_dir/note"; }
step_log() { printf '%s\t%s\n' "$(file_size "$1")" "$1" >>"$step_dir/log"; } # call it before the file is written to
step_cause() { printf '%s' "$*" >"$step_dir/cause"; }

# Seconds since EPOCHREALTIME value $1, as 12.3
step_seconds() {
    local -i tenths=$(((${EPOCHREALTIME/[.,]/} - ${1/[.,]/} + 50000) / 100000))
    printf '%d.%d' $((tenths / 10)) $((tenths % 10))
}

file_size() { stat -c %s -- "$1" 2>/dev/null || printf 0; }

# A log over 64 MiB makes room before more is written to it; one older is kept.
log_rotate() {
    if (($(file_size "$1") > 64 * 1024 * 1024)); then
        mv -f -- "$1" "$1.1"
    fi
}

# step NAME LOG FUNCTION [ARGUMENT...]
step() {
    local name=$1 log=$2 began=$EPOCHREALTIME status
    shift 2
    rm -f -- "$step_dir"/{note,log,cause}
    [[ ! -f $log ]] || log_rotate "$log"
    printf '  %-22s ' "$name"
    # Not `if ( … )`: a condition would switch errexit off inside the function.
    set +e
    (
        set -e
        exec >>"$log" 2>&1
        printf '\n== %s: %s\n' "$(date '+%F %T')" "$name"
        "$@"
    )
    status=$?
    set -e
    if ((status != 0)); then
        step_explain "$log" "$began"
        exit 1
    fi
    printf '%s %6s s   %s\n' "$step_ok" "$(step_seconds "$began")" "$(cat "$step_dir/note" 2>/dev/null || true)"
}

step_explain() {
    local log=$1 began=$2 cause
    printf '%s after %s s\n\n' "$step_failed" "$(step_seconds "$began")"
    cause=$(cat "$step_dir/cause" 2>/dev/null || true)
    step_tail
    printf '  Log: %s\n' "$log"
    tail -n 15 -- "$step_dir/tail" | cut -c 1-240 | sed 's/^/    | /'
    printf '\n  Likely cause: %s\n' "${cause:-$(step_guess "$step_dir/tail")}"
    part_deaths
}

# Writes to $step_dir/tail what this step wrote to its log, and sets log to that log's name.
step_tail() {
    local before file
    if [[ -s $step_dir/log ]]; then
        while IFS=$'\t' read -r before file; do
            tail -c "+$((before + 1))" -- "$file" 2>/dev/null >"$step_dir/tail" || continue
            log=$file
            [[ ! -s $step_dir/tail ]] || return 0
        done <"$step_dir/log"
    else
        tail -n 200 -- "$log" 2>/dev/null |
            awk '/^== [0-9]/ { text = ""; next } { text = text $0 "\n" } END { printf "%s", text }' >"$step_dir/tail"
    fi
}

# The likely cause by what the text in a file says. First match wins: the specific ones come first.
step_guess() {
    local text pattern cause line
    text=$(tail -n 100 -- "$1")
    while IFS='|' read -r pattern cause; do
        if grep -qiE -- "${pattern//;/|}" <<<"$text"; then
            printf '%s' "$cause"
            return
        fi
    done <<'END'
no space left on device;disk quota exceeded|the disk is full
address already in use;could not bind|another program took the port; end it and run up again
dpkg was interrupted|an earlier apt run was cut off: run dpkg --configure -a, then up again
could not get lock;unable to acquire the dpkg|another apt or dpkg is running: wait for it, then run up again
pkix path building;certification path;certificate verif|a certificate on the way to a package registry is not trusted here: is there a proxy with its own?
could not transfer;failed to transfer;could not resolve dependencies|Maven cannot reach its registry: check network, proxy and ~/.m2/settings.xml
could not resolve;temporary failure;unknown host;connection timed out;network is unreachable|no way to the package registry: check network and proxy
unable to locate package;has no installation candidate|this is not Debian 12, or its package lists are old: run apt-get update
dependency .* not found;command not found;no such file or directory|something is not installed: run up without --no-install
unsupportedclassversionerror;unsupported class file|this Java is older than 17
cannot allocate memory;out of memory;outofmemory;killed|not enough memory: the stack needs about 1.5 GB
error: .*sanitizer;runtime error:|the program broke a rule that the sanitizer watches: the log shows where
permission denied;operation not permitted|a file here belongs to another user: was up run as root before?
END
    line=$(grep -m 1 -E 'Exception: |[Ee]rror: |FATAL: ' <<<"$text" ||
        grep -m 1 -iE 'error|fatal|cannot|could not' <<<"$text" || tail -n 1 <<<"$text")
    printf 'not known to this script; the log says %s' "${line:-nothing}" | cut -c 1-300
}
