# shellcheck shell=bash
# shellcheck disable=SC2154
# Sourced by lib/boot.sh: a machine's state right after its boot is kept, so that the next one starts
# there. A state is a folder: ram (the memory, mapped by whoever starts from it), devices (QEMU's
# migration stream without the memory), root.qcow2 (what the boot wrote to the root disk).
#
# The host's folder cannot be mounted in a saved state and an NVMe disk cannot be in one: the agent
# inside mounts the one, late_are_there waits for the other.

states=$cache/states

# saved_state FILE: prints the folder of the state of the machine that was read, which is made when
# all that makes it was never booted before.
saved_state() {
    local state command
    qemu_command load @
    state=$states/$machine-$({
        printf '%s\n' "${command[@]//"$folder"/@}" "${late[@]}"
        cat "$folder/ssdt.aml" "$folder/host/chips" "$minipc/lib/saved.sh" 2>/dev/null
        qemu-system-x86_64 --version
    } | sha256sum | cut -c 1-16)
    mkdir -p "$states"
    (
        flock 9
        [[ -d $state ]] || make_state "$1" "$state" || exit 1
    ) 9>"$states/.lock-$machine" >&2 || { say "the state of $machine could not be saved"; return 1; }
    touch "$state"
    echo "$state"
}

# make_state FILE STATE: boots the machine once more, aside, and keeps what it then is.
make_state() {
    local state=$2 making=$states/.making-$machine began=$SECONDS
    say "$machine boots once, to be started from there from now on"
    (
        folder=$running/.state-$machine
        trap 'stop_machine; rm -rf "$folder" "$making"' EXIT
        rm -rf "$folder" "$making"
        mkdir -p "$making"
        make_folder
        qemu-img create -q -f qcow2 -b "$image/root.img" -F raw "$making/root.qcow2"
        launch 1500 save "$making" && wait_until_booted 1500 && save_state "$making" || exit 1
        # Pages of zeros take no room.
        fallocate --dig-holes "$making/ram" 2>/dev/null || true
        mv "$making" "$state"
    ) 9>&- || return 1
    say "$machine is saved after $((SECONDS - began)) s; $(du -sh "$state" | cut -f1) on disk"
    # Older ones, which nobody used for a day.
    find "$states" -mindepth 1 -maxdepth 1 -type d -name "$machine-*" -mmin +1440 -exec rm -rf {} +
}

# Only what is not in a shared file goes down the stream.
memory_is_kept() {
    qmp migrate-set-capabilities \
        '{"capabilities":[{"capability":"x-ignore-shared","state":true}]}' >/dev/null
}

save_state() {
    local status line
    echo save 1<>"$folder/agent.in"
    exec 5<>"$folder/agent.out"
    until IFS= read -r -t 1 line <&5 && [[ $line == saved ]]; do
        alive || { say "the machine ended before it could be saved"; return 1; }
    done
    exec 5>&-
    qmp stop >/dev/null
    memory_is_kept
    qmp migrate "{\"uri\":\"exec:cat >'$1/devices'\"}" >/dev/null
    until status=$(qmp query-migrate | jq -r .status) && [[ $status == completed ]]; do
        [[ $status != failed ]] || { qmp query-migrate; return 1; }
        sleep 0.1
    done
    stop_machine
}

# load_state STATE: the machine is as it was, but for its late devices, and goes on.
load_state() {
    local device status
    memory_is_kept
    qmp migrate-incoming "{\"uri\":\"exec:cat '$1/devices'\"}" >/dev/null
    until status=$(qmp query-status | jq -r .status) && [[ $status != inmigrate ]]; do
        alive || return 1
        sleep 0.02
    done
    for device in "${late[@]}"; do
        plug_device "$(jq -Rc 'split(",") | {driver: .[0]} + ([.[1:][] | split("=") | {(.[0]): .[1]}] | add)' \
            <<<"$device")"
    done
    qmp cont >/dev/null
}

# go_on: the agent inside mounts the host's folder, sets the clock and takes the host's programs.
go_on() {
    echo "resume $(date +%s)" 1<>"$folder/agent.in"
    until [[ -e $folder/host/ready ]]; do
        alive || return 1
        sleep 0.05
    done
}

# late_are_there SECONDS: until the drivers of the late devices are.
late_are_there() {
    ((${#late[@]})) || return 0
    run_inside "$(($1 ? $1 : 600))" "until set -- /sys/class/nvme/nvme*/nvme*n1 && [ -e \"\$1\" ] && [ \$# -ge ${#late[@]} ]
do sleep 0.1; done; udevadm settle -t 600"
}
