#include "engine/vm/demo.h"

// The files of the demo guest, which busybox's init, getty, login and ash carry out.

namespace lodge {
namespace {

// The agent's terminal is /dev/null: init sets the terminal of what it starts to its own taste, and
// on the console that would be in the middle of what getty found out about the person's Enter key.
constexpr std::string_view inittab = R"sh(::sysinit:/etc/rc
ttyS0::respawn:/bin/getty -L 115200 ttyS0 vt102
null::respawn:/etc/agent
::ctrlaltdel:/bin/reboot
::shutdown:/etc/down
)sh";

constexpr std::string_view start = R"sh(#!/bin/busybox sh
# What the demo guest does at its start. The login prompt does not wait for the second half.
export PATH=/bin
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sys /sys
/bin/busybox mount -t devtmpfs dev /dev
/bin/busybox --install -s /bin
mkdir -p /dev/pts /dev/shm
mount -t devpts devpts /dev/pts
mount -t tmpfs -o mode=755 run /run
for word in $(cat /proc/cmdline); do
    case $word in demo.name=*) hostname "${word#*=}" ;; esac
done
echo "127.0.0.1 localhost $(hostname)" >/etc/hosts
ip link set lo up
/etc/late >/run/late.log 2>&1 </dev/null &
)sh";

constexpr std::string_view late = R"sh(#!/bin/busybox sh
export PATH=/bin
cd /lib/modules
while read -r module; do
    insmod "$module"
done <order
cd /
acpid -d -p /run/acpid.pid >/run/acpid.log 2>&1 &
for wait in 1 2 3 4 5 6 7 8 9 10; do
    disk=$(ls /sys/class/block | grep -E '^(sd|vd)a$' | head -n 1)
    [ -n "$disk" ] && break
    sleep 0.2
done
if [ -n "$disk" ]; then
    mdev=/dev/$disk
    mount -t ext4 "$mdev" /data 2>/dev/null ||
        { mke2fs -L data "$mdev" >/dev/null && mount -t ext4 "$mdev" /data; }
    if grep -q " /data " /proc/mounts; then
        echo $(($(cat /data/boots 2>/dev/null || echo 0) + 1)) >/data/boots
        sync
    fi
fi
if [ -e /sys/class/net/eth0 ]; then
    ip link set eth0 up
    udhcpc -i eth0 -s /etc/dhcp -t 5 -T 1 -A 5 -b -q
fi
touch /run/ready
)sh";

constexpr std::string_view dhcp = R"sh(#!/bin/busybox sh
case $1 in
    deconfig) ip addr flush dev "$interface" ;;
    bound | renew)
        ip addr replace "$ip/${mask:-24}" dev "$interface"
        for gateway in $router; do
            ip route replace default via "$gateway"
        done
        for server in $dns; do
            echo "nameserver $server"
        done >/etc/resolv.conf
        ;;
esac
)sh";

constexpr std::string_view down = R"sh(#!/bin/busybox sh
export PATH=/bin
sync
umount /data || mount -o remount,ro /data
)sh";

constexpr std::string_view power = R"sh(#!/bin/busybox sh
# The power button: the kernel's, or the agent's.
export PATH=/bin
echo "Power button: going down" >/dev/console
/etc/down
poweroff -f
)sh";

constexpr std::string_view button = R"sh(#!/bin/busybox sh
exec /etc/power
)sh";

constexpr std::string_view profile = R"sh(export PATH=/bin TERM=${TERM:-vt102} PS1='root@\h:\w# '
for wait in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do
    [ -e /run/ready ] && break
    sleep 0.2
done
if [ -r /data/boots ]; then
    echo "Start number $(cat /data/boots). /data is a disk that lasts; all else is in memory."
fi
alias ll='ls -l'
)sh";

constexpr std::string_view issue = R"sh(
This is a guest of Lodge, made out of a Debian kernel and busybox.
Log in as "root"; there is no password. Ctrl-] leaves the console.

)sh";

constexpr std::string_view agent = R"sh(#!/bin/busybox sh
# A small QEMU guest agent: JSON requests and answers, a line each, on a virtio serial port.
export PATH=/bin
while [ ! -e /run/ready ]; do
    sleep 0.5
done
port=
for name in /sys/class/virtio-ports/*/name; do
    [ "$(cat "$name" 2>/dev/null)" = org.qemu.guest_agent.0 ] && port=$(basename "${name%/name}")
done
[ -n "$port" ] || exec sleep 1000000
exec 3<>"/dev/$port" || exec sleep 60
mkdir -p /run/agent
frozen=thawed
count=0

answer() { printf '{"return":%s}\n' "$1" >&3; }
number() { echo "$line" | sed -n "s/.*\"$1\": *\([0-9]*\).*/\1/p"; }

# The words of a guest-exec request, quoted for eval, and its input: "I base64" or "W words".
words() {
    echo "$line" | awk '{
        n = length($0)
        for (i = 1; i <= n; i++) {
            c = substr($0, i, 1)
            if (c != "\"") continue
            s = ""
            for (i++; i <= n && (c = substr($0, i, 1)) != "\""; i++) {
                if (c == "\\") {
                    c = substr($0, ++i, 1)
                    if (c == "n") c = "\n"
                    if (c == "t") c = "\t"
                }
                s = s (c == "\047" ? "\047\\\047\047" : c)
            }
            rest = substr($0, i + 1)
            if (rest ~ /^ *:/) key = s
            else if (key == "path") path = s
            else if (key == "arg") args = args " \047" s "\047"
        }
        print "\047" path "\047" args
    }'
}
input() { echo "$line" | sed -n 's/.*"input-data": *"\([^"]*\)".*/\1/p' | base64 -d; }

run() {
    count=$((count + 1))
    at=/run/agent/$count
    input >$at.in
    command=$(words)
    (
        cd /
        eval "$command" <$at.in >$at.out 2>$at.err 3>&-
        echo $? >$at.status.new
        mv $at.status.new $at.status
    ) &
    answer "{\"pid\":$count}"
}

status() {
    at=/run/agent/$(number pid)
    if [ -e "$at.status" ]; then
        answer "{\"exited\":true,\"exitcode\":$(cat $at.status),\
            \"out-data\":\"$(base64 -w 0 $at.out)\",\"err-data\":\"$(base64 -w 0 $at.err)\"}"
        rm -f $at.*
    elif [ -e "$at.in" ]; then
        answer '{"exited":false}'
    else
        printf '{"error":{"class":"GenericError","desc":"there is no such process"}}\n' >&3
    fi
}

interfaces() {
    list=
    for card in $(ls /sys/class/net); do
        addresses=$(ip -o addr show dev "$card" | awk '$3 ~ /^inet/ {
            split($4, part, "/")
            printf "%s{\"ip-address\":\"%s\",\"prefix\":%d,\"ip-address-type\":\"%s\"}",
                (seen++ ? "," : ""), part[1], part[2], $3 == "inet" ? "ipv4" : "ipv6" }')
        list="$list${list:+,}{\"name\":\"$card\",\
            \"hardware-address\":\"$(cat /sys/class/net/$card/address)\",\
            \"ip-addresses\":[$addresses]}"
    done
    answer "[$list]"
}

disks() {
    set -- $(df -P -k /data 2>/dev/null | tail -n 1)
    grep -q ' /data ' /proc/mounts || { answer '[]'; return; }
    answer "[{\"name\":\"${1#/dev/}\",\"mountpoint\":\"/data\",\"type\":\"ext2\",\
        \"used-bytes\":$(($3 * 1024)),\"total-bytes\":$(($2 * 1024)),\"disk\":[]}]"
}

freeze() {
    grep -q ' /data ' /proc/mounts || { answer 0; return; }
    if [ "$1" = freeze ]; then
        [ $frozen = thawed ] && sync && fsfreeze --freeze /data && frozen=frozen
    else
        [ $frozen = frozen ] && fsfreeze --unfreeze /data && frozen=thawed
    fi
    answer 1
}

all='sync sync-delimited ping info get-osinfo get-host-name network-get-interfaces get-fsinfo exec
    exec-status shutdown fsfreeze-freeze fsfreeze-thaw fsfreeze-status fstrim'
while :; do
    IFS= read -r line <&3 || { sleep 1; continue; }  # nobody has connected
    name=$(echo "$line" | sed -n 's/.*"execute": *"guest-\([a-z-]*\)".*/\1/p')
    case $name in
        sync-delimited) printf '\377' >&3; answer "$(number id)" ;;
        sync) answer "$(number id)" ;;
        ping) answer '{}' ;;
        info)
            list=
            for one in $all; do
                list="$list${list:+,}{\"name\":\"guest-$one\",\
                    \"enabled\":true,\"success-response\":true}"
            done
            answer "{\"version\":\"lodge-demo\",\"supported_commands\":[$list]}" ;;
        get-osinfo)
            answer "{\"id\":\"demo\",\"name\":\"Lodge demo\",\"pretty-name\":\"Lodge demo\",\
                \"kernel-release\":\"$(uname -r)\",\"machine\":\"x86_64\"}" ;;
        get-host-name) answer "{\"host-name\":\"$(hostname)\"}" ;;
        network-get-interfaces) interfaces ;;
        get-fsinfo) disks ;;
        exec) run ;;
        exec-status) status ;;
        fsfreeze-freeze) freeze freeze ;;
        fsfreeze-thaw) freeze thaw ;;
        fsfreeze-status) answer "\"$frozen\"" ;;
        fstrim) fstrim /data 2>/dev/null; answer '{"paths":[]}' ;;
        shutdown)
            case $line in *reboot*) /etc/down && reboot -f ;; *) /etc/power ;; esac ;;
        *) printf '{"error":{"class":"CommandNotFound","desc":"unknown: %s"}}\n' "$name" >&3 ;;
    esac
done
)sh";

constexpr GuestFile files[] = {
    {"etc/inittab", inittab, false},
    {"etc/rc", start, true},
    {"etc/late", late, true},
    {"etc/dhcp", dhcp, true},
    {"etc/down", down, true},
    {"etc/power", power, true},
    {"etc/acpi/PWRF/00000080", button, true},
    {"etc/agent", agent, true},
    {"etc/profile", profile, false},
    {"etc/issue", issue, false},
    {"etc/passwd", "root::0:0:root:/root:/bin/sh\n", false},
    {"etc/group", "root:x:0:\n", false},
};

}  // namespace

std::span<const GuestFile> demo_guest_files() {
    return files;
}

}  // namespace lodge
