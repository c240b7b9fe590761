# shellcheck shell=bash
# Sourced by tui/start and tests/run: what both need before they build. Prints on stderr only, so
# that the output of `tui/start guest list --json` stays a program's.

set -euo pipefail
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

say() { printf '%s\n' "$*" >&2; }
die() { say "$(basename "$0"): $*"; exit 1; }

# packages_missing WHEN…: prints "package | why" for what packages.txt wants and dpkg has not.
packages_missing() {
    local have choice package when why found
    have=$(dpkg-query -W -f '${Package} ${db:Status-Status}\n' 2>/dev/null)
    while IFS='|' read -r package when why; do
        [[ -z ${package// /} || $package == \#* ]] && continue
        [[ " $* " == *" ${when// /} "* ]] || continue
        found=
        # Not quoted, so that a file's pattern becomes its names.
        for choice in ${package// or / }; do
            [[ $choice == /* && -e $choice ]] && found=yes
            [[ $'\n'$have$'\n' == *$'\n'"$choice installed"$'\n'* ]] && found=yes
        done
        [[ -n $found ]] || printf '%s |%s\n' "${package%% *}" "$why"
    done <"$top/tui/packages.txt"
}

# as_root COMMAND…: runs it as root, by sudo when we are someone else.
as_root() {
    if [[ $(id -u) == 0 ]]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        die "cannot run '$*': it needs root, and there is no sudo here. Run it as root, then again:" \
            "$0"
    fi
}

# install_missing WHEN…: installs with apt what is missing. When nothing is, it needs neither root
# nor network.
install_missing() {
    command -v dpkg-query >/dev/null ||
        die "this is not Debian: install what tui/packages.txt lists, then build with cmake"
    local missing
    missing=$(packages_missing "$@")
    [[ -n $missing ]] || return 0
    say "Lodge needs these packages of Debian, which apt will install now:"
    local names=() name why
    while IFS='|' read -r name why; do
        names+=("${name// /}")
        say "$(printf '    %-24s %s' "${name// /}" "${why# }")"
    done <<<"$missing"
    # A dead third-party source must not stop what Debian's own can give: apt-get install tells.
    as_root apt-get update -qq >&2 ||
        say "apt-get update did not fully succeed; going on with what apt knows"
    local log=$top/build/apt.log
    mkdir -p "$top/build"
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends \
        -o Dpkg::Use-Pty=0 "${names[@]}" </dev/null 2>&1 | tee "$log" | count_packages || {
        tail -n 30 "$log" >&2
        die "apt could not install what is named above; all it said is in $log"
    }
}

# One line that counts on a terminal, in the place of some hundred.
count_packages() {
    local line count=0
    while IFS= read -r line; do
        [[ $line == "Setting up "* ]] || continue
        count=$((count + 1))
        [[ ! -t 2 ]] || printf '\r    %d packages are set up ' "$count" >&2
    done
    [[ -t 2 ]] && printf '\n' >&2 || say "    $count packages are set up"
}

# As root, Lodge runs QEMU as this user. Same name, home and shell as tui/packaging/sysusers.conf.
ensure_guest_user() {
    [[ $(id -u) == 0 ]] || return 0
    getent passwd lodge-guest >/dev/null && return 0
    say "Making the system user lodge-guest: virtual machines run as it, never as root"
    useradd --system --user-group --no-create-home --home-dir /var/lib/lodge \
        --shell /usr/sbin/nologin --comment "Guests of Lodge" lodge-guest
}

# One compiler takes up to about 1 GB.
build_jobs() {
    local cores memory
    cores=$(nproc)
    memory=$(awk '/^MemAvailable/ {print int($2 / 1000000)}' /proc/meminfo)
    ((memory > 0)) || memory=1
    echo $((cores < memory ? cores : memory))
}

# configure FOLDER OPTIONS…: once; ninja calls cmake again when a CMakeLists.txt changes. A folder
# that was made for another place (a moved clone) or with other options starts afresh.
configure() {
    local folder=$1 stamp
    shift
    stamp="$top $*"
    [[ -f $folder/build.ninja && $(cat "$folder/.configured" 2>/dev/null) == "$stamp" ]] && return 0
    local log=$folder/configure.log
    mkdir -p "$folder"
    cmake --fresh -G Ninja -S "$top" -B "$folder" "$@" >"$log" 2>&1 || {
        cat "$log" >&2
        die "cmake could not configure $folder"
    }
    printf '%s\n' "$stamp" >"$folder/.configured"
}

# build FOLDER WORDS-FOR-NINJA…: silent when there is nothing to do.
build() {
    local folder=$1
    shift
    stdbuf -oL ninja -C "$folder" -j "$(build_jobs)" "$@" |
        sed -u -E '/^ninja: no work to do/d; /^ninja: Entering directory/d; /Re-checking globbed/d
            s,^(\[[0-9]+/[0-9]+\]) Building CXX object ([^ ]*)CMakeFiles/[^ /]*\.dir/([^ ]*)\.o$,\1 \2\3,' |
        count_steps ||
        die "$folder did not build; see above"
}

# The steps in one line on a terminal; what a compiler has to say is left standing.
count_steps() {
    local line last=
    while IFS= read -r line; do
        if [[ -t 2 && $line =~ ^\[[0-9]+/[0-9]+\] ]]; then
            printf '\r%-78.78s' "  $line" >&2
            last=step
        else
            [[ -z $last ]] || printf '\n' >&2
            last=
            printf '%s\n' "$line" >&2
        fi
    done
    [[ -z $last ]] || printf '\n' >&2
}
