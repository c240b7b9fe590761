#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/guest.h"
#include "engine/job.h"
#include "engine/state/counters.h"
#include "engine/state/history.h"
#include "engine/storage/storage.h"
#include "engine/trial.h"

namespace lodge {
struct PowerView;  // engine/state/power_view.h
}

// What a screen draws from: plain data. Texts that came from outside (names, labels, errors) are as
// they came: printable() before they reach a terminal. An empty optional is "not known", shown as
// nothing, never as 0. Rates are bytes a second.
namespace lodge {

// GuestAddress is an address of a guest.
struct GuestAddress {
    std::string ip;           // "192.168.1.20", "fd00::20"
    bool configured = false;  // the configuration says so (ipconfig<N>); the guest itself did not
    bool operator==(const GuestAddress&) const = default;
};

// LastSnapshot is the newest snapshot in a guest's configuration.
struct LastSnapshot {
    std::string name;
    int64_t time = 0;  // Unix time, seconds; 0 when not known
    bool operator==(const LastSnapshot&) const = default;
};

// GuestHistory is a running guest's last minutes.
struct GuestHistory {
    History cpu;     // CPUs: 1.0 is one whole CPU
    History memory;  // bytes on the host
    History disk_read, disk_write;
    History net_in, net_out;
};

// GuestView is one guest as last seen.
struct GuestView {
    std::shared_ptr<const Guest> guest;  // never null; the same object while its file is the same
    Sighting sighting;
    double cpu = 0;  // CPUs used since the look before (1.0: one whole CPU); 0 at the first look
    std::optional<double> disk_read, disk_write;  // what its QEMU reads and writes
    std::optional<double> net_in, net_out;        // as the guest sees it; of its taps, else unknown
    std::optional<GroupUse> use;         // of a running container: what it uses and what it may
    std::optional<int64_t> memory_used;  // bytes in use inside the guest, as its balloon tells
    // The guest's own, by its agent; without one those of its configuration. Loopback and
    // link-local ones are left out, IPv4 comes first.
    std::vector<GuestAddress> addresses;
    std::optional<LastSnapshot> last_snapshot;
    std::shared_ptr<const GuestHistory> history;  // null when it does not run

    bool is_up() const;  // there is a process: running, paused, starting, unknown
};

// What a guest's configuration says by itself.
std::optional<LastSnapshot> last_snapshot_of(const Config& config);
std::vector<GuestAddress> configured_addresses(const Config& config);

// SensorView is one reading of the machine's own sensors.
struct SensorView {
    enum class Kind { temperature, fan, duty, voltage, current, power, humidity };
    Kind kind = Kind::temperature;
    std::string chip;                           // "coretemp-isa-0000", "thermal_zone0"
    std::string label;                          // "Package id 0", "x86_pkg_temp"
    double value = 0;                           // °C, rpm, %, V, A, W, %; 0 when it sleeps
    std::optional<double> low, high, critical;  // limits the chip knows, in the same unit
    bool alarm = false;                         // the chip says so, or the value is beyond a limit
    bool asleep = false;                        // not read, so that the device sleeps on
    std::string name;  // in a person's words: "CPU package"; "" where the label has to do
    std::string note;  // "automatic", "read 5m ago": what else is to be known of it
    std::shared_ptr<const History> history;  // null: none is kept
};

// The hottest temperature; one with an alarm goes before all without. nullopt: none is known.
std::optional<SensorView> hottest_of(const std::vector<SensorView>& sensors);

// HostHistory is the machine's last minutes.
struct HostHistory {
    History cpu;     // share of all CPUs, 0…1
    History memory;  // bytes used
    History load;    // of one minute
    History celsius;
    History watts;
    History disk_read, disk_write;
    History net_in, net_out;  // of the physical links
};

// HostView is the machine as last seen.
struct HostView {
    std::string name, kernel;
    std::string system;     // "Debian GNU/Linux 12 (bookworm)"; "" when not known
    std::string processor;  // "Intel(R) N100"; "" when not known
    int cpus = 0;
    double cpu = 0;  // share of all CPUs in use, 0…1; 0 at the first look
    int64_t memory_total = 0, memory_used = 0;  // bytes; used = total - available
    int64_t swap_total = 0, swap_used = 0;      // bytes
    int64_t uptime = 0;                         // seconds
    double load[3] = {0, 0, 0};                 // of 1, 5, 15 minutes
    std::optional<SensorView> hottest;          // the hottest temperature, one with an alarm first
    std::optional<double> watts;                // measured; nothing measures: none
    std::optional<double> disk_read, disk_write, net_in, net_out;
    HostHistory history;
    // Only after State::look_at_host():
    std::vector<double> cpu_shares;  // of each CPU, 0…1, since that look before
    std::optional<Pressure> pressure;
};

// FileSystemView is a mounted file system of this machine's own disks.
struct FileSystemView {
    std::string device, mount, type;
    int64_t total = 0, used = 0, available = 0;  // bytes; available to those who are not root
};

// DiskView is a block device of the machine (a whole one, no partition).
struct DiskView {
    std::string name;   // "nvme0n1"
    std::string model;  // "" when not known
    int64_t size = 0;   // bytes
    bool rotational = false, removable = false;
    std::optional<double> read, write, busy;  // bytes a second; share of the time, 0…1
    std::vector<FileSystemView>
        file_systems;  // on it or its partitions, also by way of LVM or RAID
};

// NatView is a network of Lodge's own, as its bridge shows it.
struct NatView {
    struct Given {
        std::string ip, mac, name;  // name: as the guest calls itself, or ""
        int guest = 0;              // whose card has that address, 0 when no guest's has
        std::string guest_key;      // "net0"
    };
    std::string range, gateway;  // "10.87.0.0/24", "10.87.0.1"
    bool dhcp = false;           // somebody gives addresses
    std::vector<Given> leases;
};

// LinkView is a network interface.
struct LinkView {
    int index = 0;
    std::string name;
    std::string kind;    // "physical", "bridge", "tap", "veth", "vlan", "bond", "loopback", …
    std::string master;  // the bridge or bond it belongs to, or ""
    std::string mac;
    bool enabled = false;         // switched on
    std::optional<bool> carrier;  // a cable, a peer; unknown when switched off
    std::optional<int> speed;     // Mbit/s
    int mtu = 0;
    std::vector<std::string> addresses;  // "192.168.1.2/24"
    int64_t received = 0, sent = 0;      // bytes
    std::optional<double> in, out;       // bytes a second, as the host sees it
    int guest = 0;                       // whose card it is, 0 for none
    std::string guest_key;               // "net0"
    std::string leased;  // the address that Lodge's own network gave to that card, "" for none
    std::optional<NatView> nat;  // what it is more than a bridge
};

// VolumeView is a volume of a storage, and who uses it.
struct VolumeView {
    VolumeInfo info;
    int64_t time = 0;  // Unix time of its last change, 0 when not known
    // Of a template: where it came from, or that there is a newer one; of one that a server offers
    // (content "available", which is on no storage): that it is here.
    std::string note;
    struct User {
        int guest = 0;
        std::string key;       // "scsi0", "unused0", "vmstate"
        std::string snapshot;  // "" for the guest as it is now
    };
    std::vector<User> users;
};

// StorageView is an entry of storage.cfg.
struct StorageView {
    std::string id, type, path;         // path "" for kinds without one
    std::vector<std::string> contents;  // "images", "iso", …
    std::string trouble;                // why it cannot be used or listed; "" when it can
    std::optional<StorageSpace> space;
    std::vector<VolumeView> volumes;  // by content, then name
    bool active() const { return trouble.empty(); }
};

// JobView is a job in short; its log and plan: Jobs::load().
struct JobView {
    int number = 0;
    JobState state = JobState::running;
    std::string title;
    std::vector<int> guests;
    int64_t started = 0, ended = 0;  // Unix time, seconds; 0 while it runs
    size_t steps = 0, steps_done = 0;
    std::string step;  // why of the present step, "" when none is at work
    bool undoing = false;
    int64_t done = 0, total = 0;       // progress of the present step; total 0: not known
    std::string unit;                  // "bytes", "%"
    std::optional<double> rate;        // units a second, over the last seconds
    std::optional<int64_t> time_left;  // seconds, at that rate
    std::string error;
};

// Seen is everything that was seen.
struct Seen {
    std::vector<GuestView> guests;  // by id
    HostView host;
    std::vector<JobView> jobs;      // unfinished, newest first
    std::vector<TrialView> trials;  // that have not ended
    // What is looked at only when it is shown:
    std::vector<JobView> job_page;  // part of all jobs, newest first
    size_t job_page_first = 0;      // how many newer ones come before it
    size_t job_count = 0;           // all there are
    std::vector<DiskView> disks;
    std::vector<FileSystemView> other_file_systems;  // of no disk in `disks`
    std::vector<LinkView> links;
    std::string link_trouble;  // why they cannot be seen, "" when they can
    std::vector<SensorView> sensors;
    std::shared_ptr<const PowerView> power;  // null: not looked at
    std::vector<StorageView> storages;
    std::vector<std::string> storage_problems;  // lines of storage.cfg that could not be taken
};

// Showing is what a screen shows of the running guests that only they themselves can tell. It is
// asked rarely, and only while it is wanted.
struct Showing {
    bool memory_used = false;  // asks the balloon each 5 s
    bool addresses = false;    // asks the agent each 30 s
    bool operator==(const Showing&) const = default;
};

}  // namespace lodge
