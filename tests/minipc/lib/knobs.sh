# shellcheck shell=bash
# Sourced by tests/minipc/turn and the scenarios' frame: a function turn_WORD for each knob. All but
# the few that say so need nothing of the kernel inside.

. "$minipc/lib/readings.sh"

# reading OFFSET NUMBER: writes one of the firmware's readings, as a bus access.
reading() { [[ $(qtest "$(printf 'writel 0x%x 0x%x' $((readings + $1)) "$2")") ]] || true; }

turn_temperature() {
    local index
    if [[ $1 == k10temp ]]; then
        # Register 64h of 00:18.0; eighths of a degree from bit 21 on.
        qtest "writel $((ecam + (0x18 << 15) + 0x64)) $(($(awk -v c="$2" 'BEGIN {printf "%d", c * 8}') << 21))" >/dev/null
        return
    fi
    index=$(grep -nx "$1" "$folder/zones" | cut -d: -f1) ||
        die "it has no zone '$1'; it has: $(paste -sd ' ' "$folder/zones")"
    reading $(((index - 1) * 4)) "$(kelvin "$2")"
}
turn_power() { reading $reading_power "$(awk -v w="$1" 'BEGIN {printf "%d", w * 1000}')"; }
# Inside, because the chips' registers are kept there.
turn_sensor() { run_inside 60 "minipc-chips set $1 $2 $3"; }

turn_cable() {
    local up
    case $2 in
        in) up=true ;;
        out) up=false ;;
        *) die "a cable is in or out, not '$2'" ;;
    esac
    qmp set_link "{\"name\":\"$1\",\"up\":$up}" >/dev/null
}
turn_aer() { hmp pcie_aer_inject_error "$@"; }

# address DEVICE: bus, slot and function, as "query-pci" has them: "BUS SLOT FUNCTION".
address() {
    qmp query-pci | jq -r --arg id "$1" 'first(.. | objects | select(.qdev_id? == $id)
        | "\(.bus) \(.slot) \(.function)") // empty'
}
# The port that a device is in.
parent_port() {
    qmp query-pci | jq -r --arg id "$1" 'first(.. | objects
        | select(.pci_bridge?.devices? // [] | any(.qdev_id == $id)) | .qdev_id) // empty'
}
# express PORT: where in memory the registers of its capability "PCI Express" stand. ECAM begins at
# the address that the chipset's register PCIEXBAR (60h of 00:00.0) holds; QEMU's firmware sets it so.
ecam=0xb0000000
express() {
    local place base at
    read -r -a place < <(address "$1")
    base=$((ecam + (place[0] << 20) + (place[1] << 15) + (place[2] << 12)))
    at=$(($(qtest "readb $((base + 0x34))")))
    while ((at >= 0x40)); do
        if (($(qtest "readb $((base + at))") == 0x10)); then
            echo $((base + at))
            return
        fi
        at=$(($(qtest "readb $((base + at + 1))")))
    done
    die "no port $1"
}

turn_pull() {
    local port slot control
    port=$(parent_port "$1")
    if [[ -z $port ]]; then
        # USB has no notice to give.
        qmp device_del "{\"id\":\"$1\"}" >/dev/null
        return
    fi
    # A slot whose power and lamp are off loses its device at once. The kernel did not do that: for it,
    # the device is gone.
    slot=$(express "$port")
    control=$(($(qtest "readw $((slot + 0x18))")))
    qmp stop >/dev/null
    qtest "writew $((slot + 0x18)) $((control | 0x0700))" >/dev/null
    # To the kernel, which saw nothing of it yet, the slot was never switched off.
    qtest "writew $((slot + 0x18)) $control" >/dev/null
    qmp cont >/dev/null
}
turn_plug() {
    local driver=$1 name=$2 port=${3:-port-hot} more=
    case $driver in
        e1000e | virtio-net-pci)
            qmp netdev_add "{\"type\":\"user\",\"id\":\"net-$name\",\"restrict\":true}" >/dev/null
            more=",\"netdev\":\"net-$name\",\"bus\":\"$port\""
            ;;
        nvme | usb-storage)
            [[ -e $folder/$name.img ]] || truncate -s 1G "$folder/$name.img"
            hmp drive_add 0 "file=$folder/$name.img,if=none,id=drive-$name,format=raw,cache=unsafe"
            more=",\"drive\":\"drive-$name\",\"serial\":\"$name\""
            [[ $driver == usb-storage ]] || more+=",\"bus\":\"$port\""
            ;;
    esac
    [[ $driver != usb-* ]] || more+=',"bus":"usb.0"'
    qmp stop >/dev/null
    plug_device "{\"driver\":\"$driver\",\"id\":\"$name\"$more}"
    qmp cont >/dev/null
}

turn_slow() {
    local rate=$2
    if [[ $rate == never ]]; then
        # A SATA or NVMe driver gives a command up after 30 s, and QEMU then stands still with it.
        [[ $(qmp qom-get "{\"path\":\"/machine/peripheral/$1\",\"property\":\"type\"}") == *virtio-blk-pci* ]] ||
            die "only the writes of a virtio disk (disk NAME in the machine's text) can take for ever"
        rate=1
    fi
    hmp block_set_io_throttle "drive-$1" 0 0 "$rate" 0 0 0
}
turn_fill() {
    # Root's reserve too: most of it at once, the rest until nothing goes in any more.
    run_inside 300 "file='$1/filled'
fallocate -l \$((\$(stat -f -c '%f * %S' '$1') * 31 / 32)) \"\$file\"
cat /dev/zero >>\"\$file\" 2>/dev/null
truncate -s -${2:-0} \"\$file\"
df -h '$1' | tail -n 1"
}

turn_button() { qmp system_powerdown >/dev/null; }
turn_reset() {
    local since
    if [[ -n ${1:-} ]]; then
        since=$(stat -c %s "$folder/console")
        until tail -c +$((since + 1)) "$folder/console" | grep -qaF -- "$1"; do
            alive || die "the machine ended before it said '$1'"
            sleep 0.02
        done
    fi
    rm -f "$folder/host/ready"
    qmp system_reset >/dev/null
}
turn_off() {
    local pid
    pid=$(cat "$folder/pid")
    kill "$pid"
    while kill -0 "$pid" 2>/dev/null; do sleep 0.05; done
    rm -rf "$folder"
}

turn_key() {
    local key
    for key in "$@"; do hmp sendkey "$key"; done
}
# The characters of an American keyboard, as QEMU names their keys.
declare -A key_names=([' ']=spc ['-']=minus ['=']=equal ['/']=slash ['.']=dot [',']=comma [';']=semicolon
    ["'"]=apostrophe ['[']=bracket_left [']']=bracket_right ['\']=backslash ['`']=grave_accent
    ['_']=shift-minus ['+']=shift-equal ['?']=shift-slash ['>']=shift-dot ['<']=shift-comma
    [':']=shift-semicolon ['"']=shift-apostrophe ['|']=shift-backslash ['~']=shift-grave_accent
    ['!']=shift-1 ['@']=shift-2 ['#']=shift-3 ['$']=shift-4 ['%']=shift-5 ['^']=shift-6 ['&']=shift-7
    ['*']=shift-8 ['(']=shift-9 [')']=shift-0 [$'\n']=ret [$'\t']=tab)
turn_type() {
    local text=$* letter i
    for ((i = 0; i < ${#text}; i++)); do
        letter=${text:i:1}
        case $letter in
            [a-z0-9]) turn_key "$letter" ;;
            [A-Z]) turn_key "shift-${letter,}" ;;
            *) turn_key "${key_names[$letter]:?has no key: $letter}" ;;
        esac
    done
}
# Inside, from the kernel's copy of the console's characters.
turn_tty() {
    run_inside 60 "size=(\$(od -An -tu1 -N2 /dev/vcsa${1:-1})); iconv -f utf-32le -t utf-8 </dev/vcsu${1:-1} |
LC_ALL=C.UTF-8 sed -E \"s/.{\${size[1]}}/&\\n/g\" | sed 's/ *\$//'"
}
turn_screen() {
    local file=$folder/seen.png
    rm -f "$file"
    qmp screendump "{\"filename\":\"$file\",\"format\":\"png\"}" >/dev/null
    cp "$file" "$1"
}
turn_serial() {
    say "Ctrl-] leaves the serial line."
    socat -,raw,echo=0,escape=0x1d "UNIX-CONNECT:$folder/serial.sock"
}
turn_console() { cat "$folder/console"; }
turn_journal() { cat "$folder/host/journal"; }
turn_hmp() { hmp "$@"; }
turn_qmp() { qmp "$@"; }
