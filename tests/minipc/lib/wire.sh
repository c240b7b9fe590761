# shellcheck shell=bash
# Sourced: speaking to a running machine, of which $folder holds everything.

alive() {
    local pid
    pid=$(cat "$folder/pid" 2>/dev/null) && [[ -n $pid ]] &&
        grep -qsaF "$folder/" "/proc/$pid/cmdline"
}

# answer NAME WANTED LINE: sends a line down one of QEMU's pipes; prints the line of the answer that
# matches WANTED. One caller at a time; what an earlier one did not wait for is not taken for it.
answer() {
    local line part end=$((SECONDS + 120))
    (
        flock 8
        exec 6<>"$folder/$1.in" 7<>"$folder/$1.out"
        while IFS= read -r -t 0.01 line <&7; do :; done
        printf '%s\n' "$3" >&6
        until [[ $line =~ $2 ]]; do
            line=
            until IFS= read -r -t 1 part <&7; do
                line+=$part
                alive && ((SECONDS < end)) || exit 1
            done
            line+=$part
        done
        printf '%s\n' "$line"
    ) 8>"$folder/$1.lock"
}

# qmp COMMAND [ARGUMENTS-AS-JSON]: what it returns, as JSON.
qmp() {
    local line id=$BASHPID-$RANDOM
    line=$(answer qmp "\"id\": \"$id\"" \
        "{\"execute\":\"$1\",\"arguments\":${2:-"{}"},\"id\":\"$id\"}") ||
        die "QEMU of $folder does not answer to $1"
    [[ $line != *'"error": {'* ]] || die "QEMU did not do $1: $(jq -r .error.desc <<<"$line")"
    jq -c .return <<<"$line"
}
hmp() {
    local said
    said=$(qmp human-monitor-command "$(jq -nc --arg line "$*" '{"command-line": $line}')" | jq -r .)
    [[ -z $said ]] || printf '%s\n' "$said"
}
# qtest WORDS: a bus access as if the machine's own processor made it.
qtest() { answer qtest '^(OK|FAIL|ERR)' "$*" | sed -n 's/^OK *//p'; }

# plug_device JSON: with links as the firmware's own devices have them, before a kernel looks. Call it
# while the machine stands still.
plug_device() {
    local before
    before=$(grep -c 'looked again' "$folder/qemu.log" || true)
    qmp device_add "$1" >/dev/null
    grep -q LODGE_LINKS "$folder/command" || return 0
    echo 1<>"$folder/links"
    until (($(grep -c 'looked again' "$folder/qemu.log" || true) > before)); do
        alive || return 1
        sleep 0.02
    done
}

# run_inside SECONDS COMMAND: runs it in the machine's shell; its output, errors and exit status are ours.
# 124: it took longer; 125: the machine ended meanwhile, or was started anew.
run_inside() {
    local limit=$1 id job status=0 waiter errors
    id=$(mktemp -d "$folder/host/job/XXXXXX")
    job=$id
    id=${job##*/}
    chmod 755 "$job"
    printf '%s\n' "$2" >"$job/command"
    : >"$job/output"
    : >"$job/errors"
    echo "run $id" 1<>"$folder/agent.in"
    (
        end=$((SECONDS + limit))
        until [[ -e $job/status ]]; do
            ((SECONDS < end)) || exit 0
            alive || exit 0
            [[ ! $folder/host/ready -nt $job/command ]] || exit 0
            sleep 0.05
        done
    ) &
    waiter=$!
    tail -q -s 0.1 --pid=$waiter -n +1 -f "$job/errors" >&2 &
    errors=$!
    tail -q -s 0.1 --pid=$waiter -n +1 -f "$job/output"
    wait $waiter $errors
    if [[ -e $job/status ]]; then
        status=$(cat "$job/status")
    elif [[ $folder/host/ready -nt $job/command ]]; then
        say "the machine was started anew before: $2"
        status=125
    elif alive; then
        say "no end within $limit s: $2"
        status=124
    else
        say "the machine ended before: $2"
        status=125
    fi
    rm -rf "$job"
    return "$status"
}
