# shellcheck shell=bash
# Sourced by the test of the wizard: small media made on the spot out of Debian's own kernel, busybox
# and boot loader. The Linux on them says on the serial line where it started from, does what a
# cloud-init seed says about who can log in, and asks for a login.

# The newest kernel of this machine that has its modules.
media_kernel() {
    local image
    for image in $(printf '%s\n' /boot/vmlinuz-* | sort -Vr); do
        [[ -r $image && -d /lib/modules/${image#/boot/vmlinuz-}/kernel ]] || continue
        echo "$image"
        return 0
    done
    return 1
}

# media_modules VERSION MODULE…: their files in the order they are loaded.
media_modules() {
    local version=$1
    shift
    for module; do
        modprobe -d / -S "$version" --show-depends "$module" 2>/dev/null
    done | awk '$1 == "insmod" && !seen[$2]++ { print $2 }'
}

# make_initrd FILE: an initramfs of busybox and the drivers of a CD.
make_initrd() {
    local tree=$1.tree version file
    version=$(basename "$(media_kernel)") version=${version#vmlinuz-}
    mkdir -p "$tree"/{bin,proc,sys,dev,run,etc,root,seed,modules}
    cp "$(command -v busybox)" "$tree/bin/busybox"
    for file in $(media_modules "$version" virtio_pci virtio_scsi sr_mod isofs); do
        cp "$file" "$tree/modules/" && basename "$file" >>"$tree/modules/order"
    done
    echo 'root::0:0:root:/root:/bin/sh' >"$tree/etc/passwd"
    : >"$tree/etc/group"
    cat >"$tree/init" <<'INIT'
#!/bin/busybox sh
export PATH=/bin
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sys /sys
/bin/busybox mount -t devtmpfs dev /dev
/bin/busybox --install -s /bin
cd /modules && while read -r module; do insmod "$module"; done <order
cd /
# The seed is YAML with its values in quotes.
seed_value() { sed -n "s/^$1: *\"\{0,1\}\([^\"]*\)\"\{0,1\}\$/\1/p" /seed/user-data | head -n 1; }
for word in $(cat /proc/cmdline); do
    case $word in medium=*) medium=${word#*=} ;; esac
done
exec >/dev/ttyS0 2>&1
echo "A small Linux, started from the $medium"
if [ "$medium" = image ]; then
    for wait in 1 2 3 4 5 6 7 8 9 10; do
        [ -e /dev/sr0 ] && break
        sleep 0.3
    done
    if mount -t iso9660 -o ro /dev/sr0 /seed 2>/dev/null && [ -e /seed/user-data ]; then
        user=$(seed_value user)
        echo "$user:$(seed_value password):1000:1000::/:/bin/sh" >>/etc/passwd
        hostname "$(seed_value hostname)"
        echo "The seed made the user $user"
    fi
fi
while :; do setsid getty -L 115200 ttyS0 vt102; done
INIT
    chmod 755 "$tree/init"
    (cd "$tree" && find . | cpio --quiet -o -H newc | gzip -1) >"$1"
    rm -rf "$tree"
}

boot_menu() {
    printf 'SERIAL 0 115200\nDEFAULT linux\nLABEL linux\n  KERNEL vmlinuz\n  APPEND %s\n' \
        "initrd=initrd console=ttyS0 quiet tsc=reliable no_timer_check mitigations=off apparmor=0 cryptomgr.notests medium=$1"
}

# make_iso FILE INITRD: an installer's CD in small, by ISOLINUX.
make_iso() {
    local tree=$1.tree
    mkdir -p "$tree"
    cp /usr/lib/ISOLINUX/isolinux.bin /usr/lib/syslinux/modules/bios/ldlinux.c32 "$tree/"
    cp "$(media_kernel)" "$tree/vmlinuz"
    cp "$2" "$tree/initrd"
    boot_menu CD >"$tree/isolinux.cfg"
    xorriso -as mkisofs -quiet -o "$1" -b isolinux.bin -c boot.cat -no-emul-boot \
        -boot-load-size 4 -boot-info-table "$tree"
    rm -rf "$tree"
}

# make_disk FILE INITRD: a disk image as clouds have them, by SYSLINUX.
make_disk() {
    local raw=$1.raw
    truncate -s 64M "$raw"
    mformat -i "$raw" -v LODGE -T 131072 -h 16 -s 63 ::
    boot_menu image >"$1.cfg"
    mcopy -i "$raw" "$(media_kernel)" ::vmlinuz
    mcopy -i "$raw" "$2" ::initrd
    mcopy -i "$raw" "$1.cfg" ::syslinux.cfg
    syslinux -i "$raw"
    qemu-img convert -O qcow2 "$raw" "$1"
    rm -f "$raw" "$1.cfg"
}

# make_ova FILE DISK: an appliance with that disk, as other programs export them.
make_ova() {
    local tree=$1.tree
    mkdir -p "$tree"
    qemu-img convert -O vmdk -o subformat=streamOptimized "$2" "$tree/disk1.vmdk"
    cat >"$tree/small.ovf" <<OVF
<?xml version="1.0"?>
<Envelope xmlns="http://schemas.dmtf.org/ovf/envelope/1"
    xmlns:ovf="http://schemas.dmtf.org/ovf/envelope/1"
    xmlns:rasd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData">
  <References>
    <File ovf:id="file1" ovf:href="disk1.vmdk" ovf:size="$(stat -c %s "$tree/disk1.vmdk")"/></References>
  <DiskSection><Info>Disks</Info>
    <Disk ovf:diskId="vmdisk1" ovf:fileRef="file1" ovf:capacity="67108864"
      ovf:format="http://www.vmware.com/interfaces/specifications/vmdk.html#streamOptimized"/></DiskSection>
  <VirtualSystem ovf:id="small"><Info>A small one</Info><Name>appliance</Name>
    <OperatingSystemSection ovf:id="96"><Info>Debian</Info></OperatingSystemSection>
    <VirtualHardwareSection><Info>Hardware</Info>
      <Item>
        <rasd:ElementName>1 CPU</rasd:ElementName>
        <rasd:InstanceID>1</rasd:InstanceID>
        <rasd:ResourceType>3</rasd:ResourceType>
        <rasd:VirtualQuantity>1</rasd:VirtualQuantity>
      </Item>
      <Item>
        <rasd:AllocationUnits>byte * 2^20</rasd:AllocationUnits>
        <rasd:ElementName>192 MB</rasd:ElementName>
        <rasd:InstanceID>2</rasd:InstanceID>
        <rasd:ResourceType>4</rasd:ResourceType>
        <rasd:VirtualQuantity>192</rasd:VirtualQuantity>
      </Item>
      <Item>
        <rasd:Address>0</rasd:Address>
        <rasd:ElementName>SATA</rasd:ElementName>
        <rasd:InstanceID>3</rasd:InstanceID>
        <rasd:ResourceSubType>AHCI</rasd:ResourceSubType>
        <rasd:ResourceType>20</rasd:ResourceType>
      </Item>
      <Item>
        <rasd:AddressOnParent>0</rasd:AddressOnParent>
        <rasd:ElementName>Disk 1</rasd:ElementName>
        <rasd:HostResource>ovf:/disk/vmdisk1</rasd:HostResource>
        <rasd:InstanceID>4</rasd:InstanceID>
        <rasd:Parent>3</rasd:Parent>
        <rasd:ResourceType>17</rasd:ResourceType>
      </Item>
    </VirtualHardwareSection>
  </VirtualSystem>
</Envelope>
OVF
    (cd "$tree" && tar --format=ustar -cf "$1" small.ovf disk1.vmdk)
    rm -rf "$tree"
}
