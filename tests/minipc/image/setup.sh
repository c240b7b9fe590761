#!/bin/sh
# Runs once in the new root (a folder: $1), when the image is made.
set -e
cd "$1"

echo minipc >etc/hostname
printf '127.0.0.1 localhost\n127.0.1.1 minipc\n' >etc/hosts
printf '/dev/vda / ext4 rw,noatime 0 0\n' >etc/fstab
mkdir -p host
# No secret is kept here; scenarios that want a password set one.
sed -i "s/^root:[^:]*:/root::/" etc/shadow

# Boot is emulated and a unit costs a third of a second: only what someone at a mini PC would miss.
for unit in apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer \
    e2scrub_reap.service fstrim.timer logrotate.timer man-db.timer lxc.service lxc-net.service \
    lxc-monitord.service networking.service nvmefc-boot-connections.service \
    nvmf-autoconnect.service lm-sensors.service systemd-timesyncd.service \
    systemd-networkd.service systemd-update-utmp.service systemd-update-utmp-runlevel.service \
    systemd-pstore.service systemd-hwdb-update.service systemd-journal-flush.service \
    systemd-random-seed.service systemd-machine-id-commit.service keyboard-setup.service \
    console-setup.service ldconfig.service systemd-firstboot.service nftables.service \
    smartmontools.service dnsmasq.service; do
    ln -sf /dev/null "etc/systemd/system/$unit"
done
# As "systemctl enable" does it.
enable_unit() {
    mkdir -p "etc/systemd/system/$2.wants"
    ln -sf "$3" "etc/systemd/system/$2.wants/$1"
}
ln -sf /lib/systemd/system/multi-user.target etc/systemd/system/default.target
enable_unit minipc-agent.service sysinit.target /etc/systemd/system/minipc-agent.service
enable_unit serial-getty@ttyS0.service getty.target /lib/systemd/system/serial-getty@.service
tr -d - </proc/sys/kernel/random/uuid >etc/machine-id
printf 'root:100000:65536\n' >etc/subuid
printf 'root:100000:65536\n' >etc/subgid
chmod 755 usr/local/sbin/*
