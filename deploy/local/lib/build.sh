# shellcheck shell=bash
# Builds the program with meson and ninja, in the stack's own build folder.

build_target=src/zapora # the program, below the build folder

# Step: configures if needed and builds the given ninja targets (none: all).
build_zapora() {
    local -a arguments
    read -ra arguments <<<"${ZAPORA_MESON_ARGS:---buildtype=release}"
    build_configure "${arguments[@]}"
    if ! ninja -C "$build_dir" "$@" | tee "$step_dir/ninja"; then
        step_cause "the compiler or the linker refused something: $(grep -m 1 -E 'error:|undefined reference|cannot find' "$step_dir/ninja" || printf 'see the log')"
        return 1
    fi
    step_note "${arguments[*]}"
}

# meson is asked only when the folder is new or the arguments are not the ones it was made with.
build_configure() {
    local stamp=$build_dir/zapora-meson-args
    local -a again=()
    if [[ -e $build_dir/build.ninja && $(cat "$stamp" 2>/dev/null) == "$*" ]]; then
        return
    fi
    # Options that are not named keep their old value when a folder is configured again, so a changed list starts afresh.
    [[ ! -e $build_dir/meson-private/coredata.dat ]] || again=(--wipe)
    mkdir -p -- "$build_dir"
    if ! meson setup "${again[@]}" "$build_dir" "$local_root" "$@"; then
        step_cause 'meson could not configure the build: the last line of the log says which dependency or option; the packages come with up without --no-install'
        return 1
    fi
    printf '%s' "$*" >"$stamp"
}
