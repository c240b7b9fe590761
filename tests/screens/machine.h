#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/engine.h"
#include "engine/state.h"
#include "tests/support/scratch.h"

namespace lodge {

// Machine is a machine out of text, for tests that draw screens: an Engine on folders of its own
// (configurations, storage.cfg, jobs, and a small /proc below a system root) and a State whose eyes
// see what the text says. Guests "run" without a process: GuestKind::look() answers from the text
// too, so that commands allow and refuse what they would. The time stands still; the zone is UTC.
//
//     host minipc01
//         clock 2026-03-01 16:28:00
//         kernel 6.1.0-18-amd64
//         cpus 4
//         cpu 12%                        of all CPUs
//         memory 9.1G of 31G
//         swap 0 of 2G
//         load 0.42 0.30 0.21
//         uptime 12d 3h
//         disk read 1M write 2M          bytes a second
//         net in 1K out 2K
//         pressure 1% 0% 3%              cpu, memory, io
//         shares 10% 20% 5% 13%          of each CPU
//         history cpu 10% 20% - 12%      "-" is a gap; cpu memory load celsius watts disk_read
//                                        disk_write net_in net_out
//     guest 101 home-assistant           "guest 102 ct jellyfin" for a container
//         memory: 4096                   lines as the configuration has them, with its [sections]
//         scsi0: local:101/vm-101-disk-0.qcow2,size=32G
//         state running                  stopped when not said
//         uptime 12d
//         cpu 4.1%                       of one CPU
//         resident 1.9G                  on the host; the limit is the configuration's
//         used 1.2G                      in the guest
//         limits memory 4M of 6M swap 0 of 5M pids 1 of 9 cpus 1.5 killed 2 pressure 1% 2% 3%
//         disk read 1M write 2M
//         net in 1K out 2K
//         address 192.168.1.20           the guest's; "address 10.0.0.5 configured"
//         emulated
//         note pending changes
//         history cpu 0.1 0.2            CPUs; cpu memory disk_read disk_write net_in net_out
//     job 7 start 101 (web)
//         guests 101 102
//         state running                  done when not said
//         started 40s                    ago
//         took 12s                       when it has ended
//         step make the disk             in order
//         done 1                         steps
//         progress 12M of 1G bytes
//         rate 10M                       units a second
//         left 1m 41s
//         say a line of its log
//         error why it failed
//     storage local dir /var/lib/lodge
//         content images,iso
//         space 100G of 500G
//         trouble nothing is mounted there
//         volume 101/vm-101-disk-0.qcow2 images qcow2 32G 4G   content, format, size, used; then
//             owner 101                                        words about that volume
//             user 101 scsi0                                   "user 101 scsi0 before-upgrade"
//             date 2026-02-01 10:00:00
//     disk nvme0n1 512G Samsung SSD 980
//         rotational
//         io read 1M write 2M busy 3%
//         mount / ext4 /dev/nvme0n1p2 100G of 500G
//     mount /mnt/x ext4 /dev/dm-0 1G of 2G                     of no disk
//     link vmbr0 bridge
//         mac 52:54:00:00:00:01
//         down                           switched off; up when not said
//         carrier no                     yes when not said
//         speed 1000
//         mtu 1500
//         master vmbr0
//         address 192.168.1.2/24
//         total in 1G out 2G
//         net in 1K out 2K
//         guest 101 net0
//     sensor temperature coretemp-isa-0000 41 Package id 0     kind, chip, value, label
//         high 90
//         critical 100
//         alarm
//
//         asleep                         its value is not known
//         name CPU package               in a person's words
//         note automatic
//         history 40 41 43
//     trial 3 87 set the governor        number, seconds left, title
//     power
//         profile balanced, kept over restarts
//         other tuned (tuned.service, running)
//         meter machine 14.2 ACPI power meter    machine, package, or what it is of; "-" for no
//         watts
//             trouble only root may read it
//             typed                              by a person
//         no-watts why there are none            likewise no-frequencies, no-idle, no-package
//         driver intel_pstate
//         cpu 0 800000 800000 3400000 powersave balance_power    number, now, least, most (kHz)
//         idle C6 85% 127 MWAIT 0x20             share, microseconds to wake
//         package PC8 62%
//         blocker aspm 0000:01:00.0 0 Ethernet enp1s0    kind, raw name or "-", times a second,
//         what
//             why ASPM L1 is off
//         note what could not be looked at
//         limit 100                              likewise throttled 3, warning, busy, rule
//         tariff 0.32 EUR                        and what it costs is told
//
// Lines that begin with "#" at the left edge are comments. Throws Error that names the line.
class Machine {
  public:
    explicit Machine(std::string_view text);
    ~Machine();

    // The same machine a moment later: forgets what it was and becomes what the text says.
    void become(std::string_view text);

    Engine& engine();
    State& state();
    // With the folder of this run, which has another name each time but the same length, as
    // "/tmp/lodge-test-XXXXXX".
    std::string steady(std::string text) const;

  private:
    struct Parts;
    std::unique_ptr<Parts> parts_;
};

}  // namespace lodge
