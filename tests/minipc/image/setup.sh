#!/bin/sh
# Runs once in the new root, when the image is made.
set -e

echo minipc >/etc/hostname
printf '127.0.0.1 localhost\n127.0.1.1 minipc\n' >/etc/hosts
printf '/dev/vda / ext4 rw,noatime 0 0\n' >/etc/fstab
mkdir -p /host
# No secret is kept here; scenarios that want a password set one.
passwd -d root >/dev/null

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
    ln -sf /dev/null "/etc/systemd/system/$unit"
done
systemctl set-default multi-user.target
systemctl enable minipc-agent.service serial-getty@ttyS0.service
: >/etc/machine-id
systemd-machine-id-setup
printf 'root:100000:65536\n' >/etc/subuid
printf 'root:100000:65536\n' >/etc/subgid
chmod 755 /usr/local/sbin/*
