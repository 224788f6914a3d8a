# shellcheck shell=bash
# The tests beyond the units that need no server: torture, fuzz, coverage. Sourced by tests/run, whose variables and
# functions these use.
# shellcheck disable=SC2154 # build_dir, logs_dir and the like are the stack's

# ---- torture: each call fails once ---------------------------------------------------------------

run_torture() {
    printf '\nTorture: each call that can fail fails once\n\n'
    sanitizers
    run_meson_test --num-processes "$(nproc)" --suite torture
    grep -ohE '[0-9]+ points failed in [0-9]+ scenarios of [a-z ]+' "$build_dir/meson-logs/testlog.txt" |
        awk '{ points += $1; rows += $5; print "  " $0 }
             END { print "  " points + 0 " points failed in " rows + 0 " scenarios" }' || true
}

# ---- fuzz ------------------------------------------------------------------------------------------

readonly fuzz_packages=(clang-14 libclang-rt-14-dev)
fuzz_seconds=30
fuzz_targets=()

# The words behind `tests/run fuzz`.
fuzz_words() {
    while (($# > 0)); do
        case $1 in
            --seconds)
                [[ ${2:-} =~ ^[1-9][0-9]{0,5}$ ]] || { printf 'tests/run: --seconds wants a number\n' >&2 && exit 2; }
                fuzz_seconds=$2
                shift 2
                ;;
            *)
                [[ -e $local_root/tests/fuzz/fuzz_$1.c ]] ||
                    { printf 'tests/run: there is no tests/fuzz/fuzz_%s.c\n' "$1" >&2 && exit 2; }
                fuzz_targets+=("$1")
                shift
                ;;
        esac
    done
    if ((${#fuzz_targets[@]} == 0)); then
        mapfile -t fuzz_targets < <(cd "$local_root/tests/fuzz" && printf '%s\n' fuzz_*.c | sed 's/^fuzz_//; s/\.c$//')
    fi
}

# libFuzzer is clang's: a build folder of its own.
fuzz_build() {
    export CC=clang-14 CFLAGS=-fsanitize=fuzzer-no-link
    ZAPORA_MESON_ARGS=${ZAPORA_MESON_ARGS% --werror} # gcc's warnings are the house's
    build_zapora "${fuzz_targets[@]/#/tests/fuzz/fuzz_}"
}

# One target, from its corpus on; what it learns is thrown away, what it finds stays beside the logs.
fuzz_one() { # fuzz_one TARGET
    local log=$logs_dir/fuzz-$1.log corpus=$local_dir/corpus/$1 status=0
    mkdir -p -- "$corpus"
    "$build_dir/tests/fuzz/fuzz_$1" -max_total_time="$fuzz_seconds" -timeout=20 -rss_limit_mb=2048 \
        -print_final_stats=1 -artifact_prefix="$logs_dir/$1-" "$corpus" "$local_root/tests/fuzz/corpus/$1" \
        >"$log" 2>&1 || status=$?
    printf '%s %s %s\n' "$1" "$status" "$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")" >"$log.result"
}

run_fuzz() {
    local target status executions
    printf '\nFuzz: %d targets, %d s each\n\n' "${#fuzz_targets[@]}" "$fuzz_seconds"
    sanitizers
    for target in "${fuzz_targets[@]}"; do
        while (($(jobs -pr | wc -l) >= $(nproc))); do wait -n || true; done
        fuzz_one "$target" &
    done
    wait
    for target in "${fuzz_targets[@]}"; do
        read -r target status executions <"$logs_dir/fuzz-$target.log.result"
        if ((status == 0 && ${executions:-0} > 0)); then
            printf '  %-16s %12d inputs, nothing found\n' "$target" "$executions"
            tally '1 0 0'
        else
            printf '  %-16s FAILED after %d inputs; the input is kept as %s-*\n' "$target" "${executions:-0}" \
                "$logs_dir/$target"
            grep -m 3 -E '"condition"|ERROR:|runtime error' "$logs_dir/fuzz-$target.log" || true
            tally '0 1 0'
        fi
    done
}

# ---- coverage ----------------------------------------------------------------------------------------

readonly coverage_packages=(gcovr python3)
# The rooms whose every branch is tried, assertions aside: those are for our own bugs.
readonly coverage_rooms=(order message)

# Prints the names of the tests of these rooms, or with "paths" their programs below the build folder.
coverage_tests() {
    meson introspect --tests "$build_dir" | "$python" "$local_root/tests/stack/coverage.py" "$build_dir" "$@"
}

coverage_build() {
    build_configure --buildtype=debug -Db_coverage=true -Db_lundef=false
    ninja -C "$build_dir" build.ninja # a test that is new to meson.build is listed, too
    local -a programs
    mapfile -t programs < <(coverage_tests paths)
    ninja -C "$build_dir" "${programs[@]}"
    find "$build_dir" -name '*.gcda' -delete # counts of an earlier run
}

run_coverage() {
    local -a names filters
    local room
    printf '\nBranch coverage of src/order and src/message by their tests and torture\n\n'
    mapfile -t names < <(coverage_tests names)
    run_meson_test --num-processes "$(nproc)" "${names[@]}"
    for room in "${coverage_rooms[@]}"; do filters+=(--filter "src/$room/"); done
    if (cd "$local_root" && gcovr --root . --object-directory "$build_dir" "${filters[@]}" --branches \
        --exclude-branches-by-pattern '.*ZP_ASSERT\(' --fail-under-branch 100 \
        "${coverage_rooms[@]/#/$build_dir/src/}"); then
        tally '1 0 0'
    else
        printf '\n---- failed: a branch of these rooms is never taken: a test is missing, or the code is not needed\n'
        tally '0 1 0'
    fi
}
