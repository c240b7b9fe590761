# shellcheck shell=bash
# Sourced: speaking to a running machine, of which $folder holds everything.

alive() {
    local pid
    pid=$(cat "$folder/pid" 2>/dev/null) && [[ -n $pid ]] &&
        grep -qsaF "$folder/" "/proc/$pid/cmdline"
}

# answer SOCKET WANTED LINE…: sends lines to one of QEMU's sockets; prints the first line of answer to
# the last of them that matches WANTED, and fails when there is none.
answer() {
    local socket=$1 wanted=$2 line found=
    shift 2
    [[ -S $socket ]] || return 1
    coproc WIRE { exec socat - "UNIX-CONNECT:$socket" 2>/dev/null; }
    # shellcheck disable=SC2153
    local wire=$WIRE_PID in=${WIRE[0]} out=${WIRE[1]}
    while (($#)); do
        found=
        printf '%s\n' "$1" >&"$out"
        while IFS= read -r -t 60 line <&"$in"; do
            if [[ $line =~ $wanted ]]; then
                found=$line
                break
            fi
        done
        shift
    done
    { kill "$wire" && wait "$wire"; } 2>/dev/null
    [[ -n $found ]] && printf '%s\n' "$found"
}

# qmp COMMAND [ARGUMENTS-AS-JSON]: what it returns, as JSON.
qmp() {
    local line
    line=$(answer "$folder/qmp.sock" '^\{"(return|error)"' '{"execute":"qmp_capabilities"}' \
        "{\"execute\":\"$1\",\"arguments\":${2:-"{}"}}") || die "QEMU of $folder does not answer to $1"
    [[ $line == '{"return"'* ]] || die "QEMU did not do $1: $(jq -r .error.desc <<<"$line")"
    jq -c .return <<<"$line"
}
hmp() {
    local said
    said=$(qmp human-monitor-command "$(jq -nc --arg line "$*" '{"command-line": $line}')" | jq -r .)
    [[ -z $said ]] || printf '%s\n' "$said"
}
# qtest WORDS: a bus access as if the machine's own processor made it.
qtest() { answer "$folder/qtest.sock" '^(OK|FAIL|ERR)' "$*" | sed -n 's/^OK *//p'; }

# inside SECONDS COMMAND: runs it in the machine's shell; its output, errors and exit status are ours.
# 124: it took longer; 125: the machine ended meanwhile.
inside() {
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
