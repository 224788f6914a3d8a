# shellcheck shell=bash
# Builds the program with meson and ninja, in the stack's own build folder.

build_target=src/zapora # the program, below the build folder

# Step: configures if needed and builds the given ninja targets (none: all).
build_zapora() {
    local -a arguments
    read -ra arguments <<<"${ZAPORA_MESON_ARGS:---buildtype=release}"
    build_configure "${arguments[@]}"
    if ! ninja -C "$build_dir" "$@" | tee "$step_dir/ninja"; then
        step_cause "the compiler or the linker refused something: $(build_first_fault <"$step_dir/ninja")"
        return 1
    fi
    step_note "${arguments[*]}"
}

build_first_fault() { grep -m 1 -E 'error:|undefined reference|cannot find' || printf 'see the log'; }

# meson is asked only when the folder is new, or was made with other arguments or for a checkout that was elsewhere.
# Options that are not named would keep their old value if it were configured again, so such a folder starts afresh.
build_configure() {
    local stamp=$build_dir/zapora-setup made_for="$local_root $build_dir $*"
    local -a again=()
    if [[ -e $build_dir/build.ninja && $(cat "$stamp" 2>/dev/null) == "$made_for" ]]; then
        return
    fi
    if [[ -e $stamp ]]; then
        rm -rf -- "${build_dir:?}"
    elif [[ -e $build_dir/meson-private/coredata.dat ]]; then
        again=(--reconfigure) # somebody made it by hand: it is not ours to empty
    fi
    mkdir -p -- "$build_dir"
    if ! meson setup "${again[@]}" "$build_dir" "$local_root" "$@"; then
        step_cause 'meson could not configure the build: the last lines say which dependency or option;' \
            'the packages come with an up without --no-install'
        return 1
    fi
    printf '%s' "$made_for" >"$stamp"
}
