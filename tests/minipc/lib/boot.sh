# shellcheck shell=bash
# shellcheck disable=SC2034,SC2054,SC2120
# Sourced by tests/minipc/run and the scenarios' frame: starts a machine and ends it.

# shellcheck source=/dev/null
. "$minipc/lib/saved.sh"
cold=${LODGE_MINIPC_COLD:-} image=''

# missing: what this host lacks to run the machine that was read, in words; nothing when it can.
missing() {
    local tool words=() free
    for tool in qemu-system-x86_64 qemu-img iasl socat jq flock; do
        command -v $tool >/dev/null || words+=("the program $tool")
    done
    free=$(awk '/^MemAvailable/ {print int($2 / 1024)}' /proc/meminfo)
    # QEMU's translated code and its own needs come on top.
    ((free > memory + 700)) || words+=("memory: $((memory + 700)) MiB are wanted, $free are free")
    printf '%s\n' "${words[@]}"
}

# links_library: what gives QEMU's links ASPM, compiled when its text is new.
links_library() {
    local source=$minipc/tools/pcie_links.cc file
    file=$cache/links-$(sha256sum "$source" | cut -c 1-16).so
    if [[ ! -e $file ]]; then
        mkdir -p "$cache"
        "${CXX:-g++}" -std=c++20 -O2 -Wall -Wextra -Wpedantic -Wshadow -Werror -shared -fPIC \
            -o "$file.$$" "$source" || die "$source does not compile"
        mv "$file.$$" "$file"
    fi
    echo "$file"
}

# start_machine FILE SECONDS [PROGRAM]: starts a fresh copy in $folder, from its saved state unless
# $cold says otherwise, and waits until a command can be run in it, PROGRAM being its "lodge". After so
# many seconds it is ended, whatever happens here.
start_machine() {
    local file=$1 limit=$2 program=${3:-} began lacks state=
    began=$(date +%s%N)
    read_machine "$file"
    lacks=$(missing)
    [[ -z $lacks ]] || { say "$machine cannot run here, it lacks: $lacks"; return 77; }
    image=$("$minipc/build" ${kernel:+--kernel "$kernel"}) || return 125
    make_folder
    make_ssdt "$folder"
    if [[ -n $program ]]; then
        cp "$program" "$folder/host/bin/lodge"
        cp "$(dirname "$program")/lodge-lxc" "$folder/host/bin/"
    fi
    if [[ -z ${cold:-} && -z $unsaved ]]; then
        state=$(saved_state "$file") || { say "it boots instead"; state=; }
    fi
    how=${state:+from its saved state}
    how=${how:-cold}
    if [[ -n $state ]]; then
        launch "$limit" load "$state" || return 125
        load_state "$state" && go_on && late_are_there "$limit" || { report_machine >&2; return 125; }
    else
        launch "$limit" boot || return 125
        wait_until_booted "$limit" || return 125
    fi
    boot_ms=$((($(date +%s%N) - began) / 1000000))
}

# make_folder: $folder, with all that the machine that was read wants in it but the firmware's tables.
make_folder() {
    local disk
    mkdir -p "$folder"/host/{bin,job}
    mkfifo "$folder"/{agent,qmp,qtest}.{in,out} "$folder/links"
    # QEMU's user inside looks at it too.
    chmod 755 "$folder" "$folder"/host "$folder"/host/*
    for disk in "${blank_disks[@]}"; do truncate -s "${disk#* }" "$folder/${disk%% *}.img"; done
    [[ ${#chips[@]} == 0 ]] || printf '%s\n' "${chips[@]}" >"$folder/host/chips"
    cp "$image/vmlinuz" "$image/nested-initrd" "$folder/host/"
}

# qemu_command boot|save|load [STATE]: sets $command.
qemu_command() {
    local device ram=() root="file=$image/root.img,format=raw,snapshot=on" now=()
    case $1 in
        boot) for device in "${late[@]}"; do now+=(-device "$device"); done ;;
        save)
            ram=(-object "memory-backend-file,id=ram,size=${memory}M,mem-path=$2/ram,share=on")
            root="file=$2/root.qcow2,format=qcow2"
            ;;
        load)
            # Memory is the file's, and what is written to it stays with this machine.
            ram=(-object "memory-backend-file,id=ram,size=${memory}M,mem-path=$2/ram,share=off"
                -incoming defer -S)
            root="file=$2/root.qcow2,format=qcow2,snapshot=on"
            ;;
    esac
    [[ ${#ram[@]} == 0 ]] || ram+=(-machine "memory-backend=ram")
    # no_timer_check: where processors are scarce, no tick may come in the time that a kernel waits for
    # the first. What comes first of the devices is the plumbing, which no real machine has: the root
    # disk, the host's folder, the agent's port. Debian's kernel is entered without a boot menu.
    command=(qemu-system-x86_64 -name "$machine" -accel tcg,thread=multi,tb-size=512
        -cpu "max,la57=off,+invtsc,x-force-features=on,family=23,model=113,stepping=0,model-id=Lodge mini PC"
        -smp "$cpus" -m "$memory" "${ram[@]}" -nodefaults -display none -vga none -rtc base=utc
        -kernel "$image/vmlinuz" -initrd "$image/initrd"
        -append "console=tty0 console=ttyS0 quiet loglevel=4 mitigations=off nowatchdog nokaslr no_timer_check random.trust_cpu=1 tsc=reliable ${kernel_words[*]} ${MINIPC_KERNEL_WORDS:-}"
        -drive "$root,if=none,id=root,cache=unsafe"
        -device virtio-blk-pci,drive=root,addr=10.0,serial=root
        -fsdev "local,id=host,path=$folder/host,security_model=none,multidevs=remap"
        -device virtio-9p-pci,fsdev=host,mount_tag=host,addr=15.0
        -device virtio-serial-pci,id=serial,addr=12.0
        # A pipe, whose other end never hangs up.
        -chardev "pipe,path=$folder/agent,id=agent"
        -device virtserialport,bus=serial.0,nr=1,chardev=agent,name=minipc.agent
        -chardev "socket,path=$folder/serial.sock,server=on,wait=off,id=line,logfile=$folder/console"
        -serial chardev:line
        -pidfile "$folder/pid"
        # A machine that starts anew by itself leaves in qemu.log what its processors were at.
        -d cpu_reset
        -chardev "pipe,path=$folder/qmp,id=qmp" -mon chardev=qmp,mode=control
        -qtest "pipe:$folder/qtest" -qtest-log none
        # A device that comes or goes is told of by its port, as on a real machine, not by firmware.
        -global ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off
        "${qemu_words[@]}" "${now[@]}")
    [[ -z $links ]] ||
        command=(env "LD_PRELOAD=$(links_library)" "LODGE_LINKS=$folder/links" "LODGE_K10TEMP=$k10temp" "${command[@]}")
}

# launch SECONDS boot|save|load [STATE]: starts QEMU.
launch() {
    local command file limit=$1
    shift
    qemu_command "$@"
    printf '%q ' "${command[@]}" >"$folder/command"
    # A copy of the root disk's changes goes where there is room.
    local with=()
    ((limit == 0)) || with=(setpriv --pdeathsig TERM timeout --foreground --kill-after=5 "$limit"
        setpriv --pdeathsig KILL)
    (
        # A machine that is kept holds no lock of its caller's.
        for file in /proc/self/fd/*; do
            (("${file##*/}" < 3)) || eval "exec ${file##*/}>&-"
        done
        TMPDIR=$folder exec setsid "${with[@]}" "${command[@]}" </dev/null >"$folder/qemu.log" 2>&1
    ) &
    local starter=$!
    until [[ -s $folder/pid ]]; do
        kill -0 $starter 2>/dev/null || { cat "$folder/qemu.log" >&2; say "QEMU did not start"; return 1; }
        sleep 0.05
    done
    qmp qmp_capabilities >/dev/null
}

# wait_until_booted SECONDS: until commands can be run and the drivers of what was found are there.
wait_until_booted() {
    until [[ -e $folder/host/ready ]]; do
        # Where a panic is what is tried, something else ends it.
        [[ -n ${may_panic:-} ]] || ! grep -qas 'end Kernel panic' "$folder/console" || stop_machine
        alive || { report_machine >&2; say "the machine ended while it booted (limit $1 s)"; return 1; }
        sleep 0.05
    done
    run_inside "$(($1 ? $1 : 600))" 'systemctl is-system-running --wait >/dev/null
udevadm settle -t 600' || true
}

# stop_machine: ends it as a pulled plug does.
stop_machine() {
    local pid tries=0
    pid=$(cat "$folder/pid" 2>/dev/null) || return 0
    while alive && ((tries < 100)); do
        kill -TERM "$pid" 2>/dev/null
        sleep 0.05
        tries=$((tries + 1))
    done
    ! alive || kill -KILL "$pid"
    rm -f "$folder/pid"
}

# report_machine: what the machine said, for whoever must find out why something failed.
report_machine() {
    local file
    for file in qemu.log console host/journal; do
        [[ -s $folder/$file ]] || continue
        echo "---- $machine: the last of its ${file##*/}"
        tail -n "${1:-80}" "$folder/$file" | tr -d '\r\033' | sed 's/^/    /'
    done
}
