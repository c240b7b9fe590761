# shellcheck shell=bash
# Sourced by the end-to-end tests: a root of their own, checks, and an end that leaves nothing. A
# test says what it does by `step`, tries by `check` and `refuses`, and ends in bounded time.

set -uo pipefail
: "${LODGE_PROGRAM:?is set by ctest: the lodge to test}"
failures=0
started=$SECONDS

skip() { echo "skipped: $*"; exit 77; }
for tool in qemu-system-x86_64 qemu-img busybox; do
    command -v "$tool" >/dev/null || skip "$tool is not installed"
done

root=$(mktemp -d "${TMPDIR:-/tmp}/lodge-e2e-XXXXXX")
chmod 755 "$root"  # QEMU's own user passes through
export LODGE_ROOT=$root

# Nobody is there to be asked.
lodge() { "$LODGE_PROGRAM" --yes "$@"; }
step() { printf '== %3d s  %s\n' $((SECONDS - started)) "$*"; }
bad() {
    echo "FAILED: $*"
    failures=$((failures + 1))
}

# check WHAT COMMAND…: it ends with 0. Its output is shown when it does not.
check() {
    local what=$1 output status
    shift
    output=$("$@" 2>&1 </dev/null)
    status=$?
    ((status == 0)) || { bad "$what: '$*' ended with $status"; sed 's/^/    /' <<<"$output"; }
    return $status
}

# refuses STATUS WORDS COMMAND…: it ends with that status and says the words.
refuses() {
    local wanted=$1 words=$2 output status
    shift 2
    output=$("$@" 2>&1 </dev/null)
    status=$?
    ((status == wanted)) || bad "'$*' ended with $status, not $wanted: $output"
    [[ $output == *"$words"* ]] || bad "'$*' did not say '$words' but: $output"
}

# has TEXT WORDS: the text has the words.
has() { [[ $1 == *"$2"* ]] || bad "'$2' is missing in: $1"; }
is() { [[ $1 == "$2" ]] || bad "expected '$2', got '$1'"; }

# within SECONDS COMMAND…: tries it until it succeeds.
within() {
    local end=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        ((SECONDS < end)) || { bad "in vain for long: $*"; return 1; }
        sleep 0.2
    done
}

state() { lodge list "$1" --json | sed -n 's/.*"state": "\([a-z]*\)".*/\1/p'; }
is_state() { [[ $(state "$1") == "$2" ]]; }
qemu_pid() { cut -d' ' -f1 "$root/run/lodge/guest/$1/pid" 2>/dev/null; }

# log_in ID: waits for the login prompt, logs in, and waits until disk and network are there too.
log_in() {
    lodge console "$1" --until 'login: ' --timeout 60 </dev/null >/dev/null || bad "no login prompt"
    printf 'root\n' | lodge console "$1" --until '# ' --timeout 30 >/dev/null || bad "no shell"
    inside "$1" 'while [ ! -e /run/ready ]; do sleep 0.2; done' >/dev/null
}
# inside ID COMMAND: the output of a command typed at the console of someone logged in.
inside() {
    printf '%s; echo "=""=$?"\n' "$2" |
        lodge console "$1" --until '==' --timeout 30 | tr -d '\r' | sed -e '1d' -e '/^==/,$d'
}

end() {
    local file pid
    for file in "$root"/run/lodge/guest/*/pid; do
        pid=$(cut -d' ' -f1 "$file" 2>/dev/null)
        [[ $pid =~ ^[0-9]+$ && $(tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null) == *"$root"* ]] &&
            kill -KILL "$pid"
    done
    # A template's disks are kept from change.
    chattr -R -i "$root" 2>/dev/null
    rm -rf "$root"
}
trap end EXIT
trap 'exit 1' INT TERM HUP

finish() {
    step "done: $failures failures"
    exit $((failures > 0))
}
