# shellcheck shell=bash
# shellcheck disable=SC2034
# Sourced by the scenarios: starts the machine that the scenario's head names, gives words to look and
# to turn knobs, and ends it. A scenario is a script in scenarios/ with this head:
#   # machine: n100          a text of machines/
#   # suite: short           or full: runs with the label minipc-full only
#   # seconds: 300           by then it is ended; a limit ends a hang and measures nothing
#   # start: cold            only where the boot itself is looked at; else it starts from a saved state
# Below the line that sources this file: inside, check, soon, shown, is, has, lacks, step, turn, and
# finish at the end (scenarios/readings shows them all). Run by hand, "scenarios/NAME --keep" leaves the
# machine as the scenario left it, for tests/minipc/run --keep NAME and tests/minipc/turn NAME.

. "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"
for part in machine ssdt wire boot knobs; do
    # shellcheck source=/dev/null
    . "$minipc/lib/$part.sh"
done
set +e

scenario=$(basename "$0")
head_line() { sed -n "s/^# $1: *//p" "$0"; }
limit=$(head_line seconds)
machine=$(head_line machine)
keep='' folder=$running/$scenario-$$
case ${1:-} in
    '') ;;
    --keep)
        keep=yes folder=$running/$scenario
        alive && stop_machine
        ;;
    *) die_usage "usage: tests/minipc/scenarios/$scenario [--keep]" ;;
esac
[[ $(head_line start) != cold ]] || cold=yes
export LODGE_PROGRAM=${LODGE_PROGRAM:-$(newest_lodge)}
[[ -n $LODGE_PROGRAM ]] || exit 1
failures=0

step() { printf '== %3d s  %s\n' $SECONDS "$*"; }
bad() {
    echo "FAILED: $*"
    failures=$((failures + 1))
}
has() { [[ $1 == *"$2"* ]] || bad "'$2' is missing in: $1"; }
lacks() { [[ $1 != *"$2"* ]] || bad "'$2' is in: $1"; }
is() { [[ $1 == "$2" ]] || bad "expected '$2', got '$1'"; }

# inside COMMAND: runs it in the machine; its output and exit status.
inside() { run_inside $((limit - SECONDS)) "$1"; }
# check WHAT COMMAND: it ends well inside. Its output is shown when it does not.
check() {
    local output status
    output=$(inside "$2" 2>&1)
    status=$?
    ((status == 0)) || { bad "$1: '$2' ended with $status"; sed 's/^/    /' <<<"$output"; }
    return $status
}
# soon COMMAND: it ends well inside, if not now then later, until the scenario's time is over.
soon() {
    run_inside $((limit - SECONDS)) "until $1; do sleep 0.3; done >/dev/null 2>&1" ||
        { bad "in vain for long: $1"; return 1; }
}
turn() { "turn_$1" "${@:2}" || bad "the knob did not turn: $*"; }
# shown WORDS [N]: waits until the words stand on virtual console N.
shown() {
    local seen=
    until seen=$(turn_tty "${2:-1}") && [[ $seen == *"$1"* ]]; do
        if ((SECONDS > limit - 20)) || ! alive; then
            bad "'$1' does not come on the screen, which shows:"
            printf '    %s\n' "${seen//$'\n'/$'\n'    }"
            return 1
        fi
        sleep 0.5
    done
}
# reboot: as a person does it, and waits until it is up again.
reboot() {
    rm -f "$folder/host/ready"
    inside 'systemctl reboot'
    booted
}
# booted: waits until the machine is up after "turn reset", or whatever else took "ready" away.
booted() { wait_until_booted "$limit" || { bad "the machine did not come back"; finish; }; }
# install_package: the .deb that CPack makes of this build is installed inside, without a network.
install_package() {
    local build=${LODGE_BUILD:-$top/build/gcc}
    cmake --build "$build" --target lodge lodge-lxc lodge_texts >"$folder/deb.log" 2>&1 &&
        cpack --config "$build/CPackConfig.cmake" -G DEB -B "$folder/deb" >>"$folder/deb.log" 2>&1 ||
        { cat "$folder/deb.log"; bad "CPack made no .deb"; finish; }
    mv "$folder"/deb/lodge_*.deb "$folder/host/lodge.deb"
    chmod a+r "$folder/host/lodge.deb"
    # What is in the path first is the program that run puts there.
    check "install the .deb" 'rm -f /usr/local/bin/lodge && dpkg -i /host/lodge.deb' || finish
}

finish() {
    step "done: $failures failures"
    exit $((failures > 0))
}
end() {
    local status=$?
    ((status == 0 || status == 77)) || report_machine
    if [[ -n $keep ]] && alive; then
        say "it goes on: tests/minipc/run --keep $scenario -- COMMAND; tests/minipc/turn $scenario serial | off | …"
        return
    fi
    stop_machine
    rm -rf "$folder"
}
trap end EXIT
trap 'exit 1' INT TERM HUP

rm -rf "$folder"
start_machine "$minipc/machines/$machine" "$([[ -n $keep ]] && echo 0 || echo "$limit")" "$LODGE_PROGRAM"
status=$?
# Where everything must run, nothing is left out for want of a program or of memory.
if ((status == 77)); then
    [[ ${CI:-} != true ]] || exit 1
    exit 77
fi
((status == 0)) || exit 1
step "$machine is up ($how, $((boot_ms / 1000)) s)"
