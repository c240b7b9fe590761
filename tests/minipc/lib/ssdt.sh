# shellcheck shell=bash
# Sourced by tests/minipc/run: what a mini PC's firmware tells of power and heat, as ACPI source text
# (ACPI 6.5: 8.4 processors, 11 thermal, 10.4 power meters).

. "$minipc/lib/readings.sh"

# A processor's performance register is a byte of the page registers of the ISA DMA controller: plain
# latches in QEMU, which nothing else uses.
dma_pages=(0x81 0x82 0x83 0x87 0x89 0x8a 0x8b 0x8f)

processors() {
    local i mhz control=0
    for ((i = 0; i < cpus; i++)); do printf 'External (\\_SB.CPUS.C%03X, DeviceObj)\n' $i; done
    echo 'Name (MPSS, Package () {'
    # MHz, mW, latency and bus master latency in us, control, status.
    for mhz in "${frequencies[@]}"; do
        echo "Package (6) {$mhz, $((mhz * mhz / 900)), 10, 10, $control, $control},"
        control=$((control + 1))
    done
    # Each is entered by HLT, so that an idle machine leaves its host idle too.
    cat <<'AML'
})
Name (MCST, Package () { 3,
  Package (4) {ResourceTemplate () {Register (FFixedHW, 0, 0, 0)}, 1, 1, 1000},
  Package (4) {ResourceTemplate () {Register (FFixedHW, 0, 0, 0)}, 1, 100, 500},
  Package (4) {ResourceTemplate () {Register (FFixedHW, 0, 0, 0)}, 1, 600, 200} })
AML
    for ((i = 0; i < cpus; i++)); do
        printf 'Scope (\\_SB.CPUS.C%03X) {\n' $i
        if [[ -n $epp ]]; then performance_control $i; else performance_states $i; fi
        cat <<AML
  Method (_CST) {Return (MCST)}
  Name (_PSD, Package () {Package (5) {5, 0, $i, 0xFC, 1}})
}
AML
    done
}

performance_states() {
    local register="ResourceTemplate () {Register (SystemIO, 8, 0, ${dma_pages[$1]})}"
    cat <<AML
  Name (_PCT, Package () {$register, $register})
  Method (_PSS) {Return (MPSS)}
  Method (_PPC) {Return (0)}
AML
}

# Collaborative processor performance control (8.4.6): performance levels as a processor of 3.6 GHz has
# them, and an energy preference. Its registers stand in a shared page, see pcct_text.
performance_control() {
    local none='ResourceTemplate () {Register (SystemMemory, 0, 0, 0, 0)}' registers=() i
    for ((i = 0; i < 6; i++)); do
        registers+=("$(printf 'ResourceTemplate () {Register (PCC, 32, 0, 0x%X, 0)}' $(($1 * 32 + i * 4)))")
    done
    counter() { printf 'ResourceTemplate () {Register (SystemMemory, 64, 0, 0x%X, 4)}' $((readings + $1)); }
    cat <<AML
  Name (_CPC, Package (23) {23, 3, 200, 150, 80, 30, $none, ${registers[0]}, ${registers[1]}, ${registers[2]},
    $none, $none, $none, $(counter 0x90), $(counter 0x98), $none, ${registers[3]}, ${registers[4]}, $none,
    ${registers[5]}, 150, ${frequencies[-1]}, ${frequencies[0]}})
AML
}

# The shared page's doorbell (14.1) is its own status word, and what is written there is "command
# complete": a mailbox that needs nobody to empty it.
pcct_text() {
    cat <<TABLE
Signature : "PCCT"
Table Length : 00000000
Revision : 01
Checksum : 00
Oem ID : "LODGE"
Oem Table ID : "MINIPC"
Oem Revision : 00000001
Asl Compiler ID : "INTL"
Asl Compiler Revision : 00000001
Flags (decoded below) : 00000000
Platform : 0
Reserved : 0000000000000000
Subtable Type : 00
Length : 3E
Reserved : 000000000000
Base Address : $(printf %016X $((readings + 0x1000)))
Address Length : 0000000000001000
Doorbell Register : [Generic Address Structure]
Space ID : 00
Bit Width : 10
Bit Offset : 00
Encoded Access Width : 02
Address : $(printf %016X $((readings + 0x1006)))
Preserve Mask : 0000000000000000
Write Mask : 0000000000000001
Command Latency : 00000001
Maximum Access Rate : 00000064
Minimum Turnaround Time : 0000
TABLE
}

thermal_zone() {
    local index=$1 name=$2 now=$3 i
    shift 3
    printf 'ThermalZone (TZ%02d) {\n  Name (_STR, Unicode ("%s"))\n  Name (_TZP, 10)\n' "$index" "$name"
    printf '  Method (_TMP) {If (T%03d == 0) {Return (%d)} Return (T%03d)}\n' "$index" "$(kelvin "$now")" "$index"
    while (($# > 1)); do
        case $1 in
            critical) echo "  Method (_CRT) {Return ($(kelvin "$2"))}" ;;
            hot) echo "  Method (_HOT) {Return ($(kelvin "$2"))}" ;;
            passive)
                echo "  Method (_PSV) {Return ($(kelvin "$2"))} Name (_TC1, 1) Name (_TC2, 5) Name (_TSP, 20)"
                printf '  Name (_PSL, Package () {'
                for ((i = 0; i < cpus; i++)); do printf '\\_SB.CPUS.C%03X, ' $i; done
                echo '})'
                ;;
            *) die "$machine: a zone has passive, hot and critical, not '$1'" ;;
        esac
        shift 2
    done
    echo '}'
}

fan_device() {
    cat <<'AML'
Device (FAN0) {
  Name (_HID, EisaId ("PNP0C0B"))
  Name (_UID, 0)
  Name (_FIF, Package (4) {0, 0, 1, 0})
  Name (_FPS, Package () {0, Package (5) {0, 0xFFFFFFFF, 0, 0, 0}, Package (5) {1, 0, 1200, 100, 500},
    Package (5) {2, 0, 2400, 200, 1500}, Package (5) {3, 0, 4200, 300, 3000}})
  Method (_FSL, 1) {FANL = Arg0}
  Name (FSTP, Package (3) {0, 0, 0})
  Method (_FST, 0, Serialized) {FSTP [1] = FANL FSTP [2] = (FANL * 1400) Return (FSTP)}
}
AML
}

power_meter() {
    local milliwatts
    milliwatts=$(awk -v w="$1" 'BEGIN {printf "%d", w * 1000}')
    cat <<AML
Device (PMTR) {
  Name (_HID, "ACPI000D")
  Name (_UID, 0)
  Name (_PMC, Package (14) {1, 0, 0, 95000, 1000, 1000, 1000, 0xFFFFFFFF, 0, 0, 0, "MINI", "1", "psu"})
  Method (_PMM) {If (POWR == 0) {Return ($milliwatts)} Return (POWR)}
  Method (_GAI) {Return (1000)}
  Method (_PAI, 1) {Return (0)}
  Method (_PTP, 2) {Return (0)}
  Method (_PMD) {Return (Package () {\\_SB})}
}
AML
}

ssdt_text() {
    local i zone
    echo 'DefinitionBlock ("", "SSDT", 2, "LODGE", "MINIPC", 1) {'
    printf 'OperationRegion (READ, SystemMemory, 0x%X, 0x100)\n' $readings
    echo 'Field (READ, DWordAcc, NoLock, Preserve) {'
    for ((i = 0; i < ${#zones[@]}; i++)); do printf 'T%03d, 32, ' $i; done
    echo "Offset ($reading_power), POWR, 32, Offset ($reading_fan), FANL, 32}"
    [[ ${#frequencies[@]} == 0 ]] || processors
    echo 'Scope (\_SB) {'
    [[ -z $fan ]] || fan_device
    [[ -z $power ]] || power_meter "$power"
    printf '}\nScope (\\_TZ) {\n'
    i=0
    for zone in "${zones[@]}"; do
        # shellcheck disable=SC2086
        thermal_zone $i $zone
        i=$((i + 1))
    done
    printf '}\n}\n'
}

# make_ssdt FOLDER: ssdt.aml there, and pcct.aml; their QEMU and kernel words are appended to the lists.
make_ssdt() {
    local table tables=(ssdt)
    ((${#frequencies[@]} + ${#zones[@]})) || return 0
    ((cpus <= ${#dma_pages[@]})) || die "$machine: at most ${#dma_pages[@]} cpus can have frequencies"
    ssdt_text >"$1/ssdt.dsl"
    if [[ -n $epp ]]; then
        pcct_text >"$1/pcct.dsl"
        tables+=(pcct)
    fi
    for table in "${tables[@]}"; do
        iasl -p "$1/$table" "$1/$table.dsl" >"$1/$table.log" 2>&1 || {
            grep -A 3 Error "$1/$table.log" >&2
            die "the ACPI table of $machine does not compile: $1/$table.log"
        }
        qemu_words+=(-acpitable "file=$1/$table.aml")
    done
    kernel_words+=("$(printf 'memmap=%s$0x%x' $readings_size $readings)")
    printf '%s\n' "${zones[@]%% *}" >"$1/zones"
}
