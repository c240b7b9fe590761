# shellcheck shell=bash
# shellcheck disable=SC2034,SC2054
# Sourced by tests/minipc/run: a machine's text becomes QEMU's words. Each word of a machine is a
# function part_WORD here.

cpus=2 memory=2048 iommu=none links='' k10temp='' ports=0 drives=0 disks=0
qemu_words=() kernel_words=() nics=() chips=()
frequencies=() zones=() fan='' power='' epp='' kernel=''
# What a saved state cannot hold: devices that are plugged in after it was loaded ("DRIVER,id=…"), and
# why there can be none at all.
late=() blank_disks=() unsaved=''
# The words of AML are made of these by lib/ssdt.sh. All of them are the firmware's numbers.

# A PCI Express slot of its own, below a root port: an IOMMU group that nobody else is in. Sets $slot
# to the port's id.
root_port() {
    ((ports < 8)) || die "$machine has more than 8 root ports"
    slot=port-$1
    qemu_words+=(-device "pcie-root-port,id=$slot,bus=pcie.0,addr=1c.$ports,chassis=$((ports + 1)),slot=$((ports + 1))$( ((ports)) || echo ,multifunction=on)")
    ports=$((ports + 1))
}
# A fresh, empty disk file behind the drive of that id.
drive() {
    blank_disks+=("$1 $2")
    qemu_words+=(-drive "file=$folder/$1.img,if=none,id=drive-$1,format=raw,cache=unsafe,discard=unmap")
}
card() {
    # Not "restrict=on": what is behind the card answers pings, and nothing leaves this machine,
    # because nobody inside has its address as a way out.
    qemu_words+=(-netdev "user,id=net-$1,restrict=on"
        -device "$2,id=$1,netdev=net-$1,$3,mac=52:54:00:aa:00:$(printf %02x $((${#nics[@]} + 1))),romfile=")
    nics+=("$1")
}

part_cpus() { cpus=$1; }
part_memory() { memory=$1; }
part_iommu() { iommu=$1; }
part_aspm() { links=yes; }
part_frequencies() { frequencies=("$@"); }
# Debian's own kernel of that version instead of its default one.
part_kernel() { kernel=$1; }
# amd_pstate with an energy preference, which kernels from 6.3 on have.
part_epp() { epp=yes kernel_words+=(amd_pstate=active); }
# zone NAME CELSIUS [passive C] [hot C] [critical C]
part_zone() { zones+=("$*"); }
part_fan() { fan=yes; }
part_power-meter() { power=$1; }
part_sensors() { chips+=("$@"); }
# k10temp C: the processor's own sensor, read by the kernel's driver for AMD's family 17h. It finds a
# root and two functions of the data fabric in slot 18; see tools/pcie_links.cc.
part_k10temp() {
    qemu_words+=(-device pci-testdev,id=amd-1480,addr=18.0,multifunction=on
        -device pci-testdev,id=amd-1443,addr=18.3 -device pci-testdev,id=amd-1444,addr=18.4)
    links=yes k10temp=$1
}
part_vga() { qemu_words+=(-device VGA,id=igpu,bus=pcie.0,addr=02.0,romfile=); }
part_gpu() {
    root_port "$1"
    qemu_words+=(-device "secondary-vga,id=$1,bus=$slot,addr=00.0,multifunction=on,romfile="
        -device "ich9-intel-hda,id=$1-audio,bus=$slot,addr=00.1")
}
part_nic() {
    root_port "$1"
    card "$1" "$2" "bus=$slot"
}
# shared NAME…: conventional cards behind one bridge, which are one IOMMU group.
part_shared-nics() {
    local name address=1
    root_port shared
    qemu_words+=(-device "pcie-pci-bridge,id=bridge,bus=$slot")
    for name in "$@"; do
        card "$name" e1000 "bus=bridge,addr=0$address.0"
        address=$((address + 1))
    done
}
part_nvme() {
    drive "$1" "$2"
    root_port "$1"
    if [[ -z ${3:-} ]]; then
        late+=("nvme,id=$1,bus=$slot,serial=$1,drive=drive-$1")
        return
    fi
    # Virtual functions need a subsystem and queues to share out.
    unsaved="an NVMe disk with virtual functions cannot be plugged in later"
    qemu_words+=(-device "nvme-subsys,id=$1-subsystem,nqn=$1"
        -device "nvme,id=$1,bus=$slot,serial=$1,subsys=$1-subsystem,sriov_max_vfs=$3,sriov_vq_flexible=$((2 * $3)),sriov_vi_flexible=$3,max_ioqpairs=$((2 * $3 + 4))"
        -device "nvme-ns,drive=drive-$1,bus=$1,nsid=1,shared=on")
}
part_sata() {
    drive "$1" "$2"
    qemu_words+=(-device "ide-hd,id=$1,drive=drive-$1,bus=ide.$drives,serial=$1,model=MINIPC-SATA,rotation_rate=1")
    drives=$((drives + 1))
}
# After the root disk's slot, which is then /dev/vda.
part_disk() {
    drive "$1" "$2"
    qemu_words+=(-device "virtio-blk-pci,id=$1,drive=drive-$1,serial=$1,addr=16.$disks,multifunction=on")
    disks=$((disks + 1))
}
part_usb() { qemu_words+=(-device qemu-xhci,id=usb,bus=pcie.0,addr=14.0); }
part_usb-disk() {
    drive "$1" "$2"
    qemu_words+=(-device "usb-storage,id=$1,drive=drive-$1,bus=usb.0,serial=$1,removable=on")
}
part_usb-mouse() { qemu_words+=(-device "usb-mouse,id=$1,bus=usb.0"); }
part_audio() {
    qemu_words+=(-device ich9-intel-hda,id=audio,bus=pcie.0,addr=1b.0 -audiodev none,id=silence
        -device hda-output,audiodev=silence)
}
part_free-port() { root_port "$1"; }
# The chipset's own watchdog (iTCO), as Intel's mini PCs have it; when it bites, the machine resets.
part_watchdog() { qemu_words+=(-global ICH9-LPC.noreboot=false -action watchdog=reset); }

# read_machine FILE: fills the lists above.
read_machine() {
    local file=$1 word rest number=0
    machine=$(basename "$file")
    while read -r word rest; do
        number=$((number + 1))
        [[ -z $word || $word == \#* ]] && continue
        declare -F "part_$word" >/dev/null || die "$file:$number: no part is called '$word'"
        rest=${rest%%#*}
        # shellcheck disable=SC2086
        part_$word $rest
    done <"$file"
    case $iommu in
        intel)
            qemu_words=(-machine q35,kernel-irqchip=split
                -device intel-iommu,intremap=on,caching-mode=on "${qemu_words[@]}")
            kernel_words+=(intel_iommu=on)
            ;;
        amd)
            unsaved="QEMU's amd-iommu cannot be saved"
            qemu_words=(-machine q35 -device amd-iommu "${qemu_words[@]}")
            kernel_words+=(amd_iommu=on)
            ;;
        none) qemu_words=(-machine q35 "${qemu_words[@]}") ;;
        *) die "$file: iommu is intel, amd or none, not '$iommu'" ;;
    esac
}
