#include "engine/state/print.h"

#include <bit>
#include <cmath>
#include <type_traits>

#include "engine/state/power_view.h"

namespace lodge {
namespace {

// Print adds one thing after another to a fingerprint.
class Print {
  public:
    Print& add(uint64_t value) {
        hash_ = std::rotl((hash_ ^ value) * 0x9E3779B97F4A7C15ULL, 29);
        return *this;
    }
    template <class T>
    requires std::is_integral_v<T> || std::is_enum_v<T> Print& add(T value) {
        return add(static_cast<uint64_t>(value));
    }
    Print& add(std::string_view text) { return add(std::hash<std::string_view>{}(text)); }
    Print& add(const std::string& text) { return add(std::string_view(text)); }
    Print& add(const void* object) { return add(reinterpret_cast<uintptr_t>(object)); }

    // About three digits: the sign, the exponent and the first nine bits of a float.
    Print& figure(double value) {
        return add(std::bit_cast<uint32_t>(static_cast<float>(value)) >> 14);
    }
    Print& figure(int64_t value) { return figure(static_cast<double>(value)); }
    template <class T>
    Print& figure(const std::optional<T>& value) {
        add(value.has_value());
        return value ? figure(*value) : *this;
    }
    // A part of one, to a thousandth.
    Print& share(double value) { return add(std::llround(value * 1000)); }
    Print& share(const std::optional<double>& value) {
        add(value.has_value());
        return value ? share(*value) : *this;
    }
    Print& duration(int64_t seconds) {
        for (const int64_t unit : {86400, 3600, 60})
            if (seconds >= unit) return add(unit).add(seconds / unit);
        return add(seconds);
    }
    uint64_t value() const { return hash_; }

  private:
    uint64_t hash_ = 0;
};

void add_job(Print& print, const JobView& job) {
    print.add(job.number).add(job.state).add(job.title).add(job.started).add(job.ended);
    print.add(job.steps).add(job.steps_done).add(job.step).add(job.undoing);
    print.figure(job.done).figure(job.total).figure(job.rate).figure(job.time_left);
    print.add(job.error);
}

void add_sensor(Print& print, const SensorView& sensor) {
    print.add(sensor.kind).add(sensor.chip).add(sensor.label).add(sensor.alarm);
    if (sensor.kind == SensorView::Kind::temperature)
        print.add(std::llround(sensor.value));
    else
        print.figure(sensor.value);
    print.figure(sensor.low).figure(sensor.high).figure(sensor.critical);
    print.add(sensor.asleep).add(sensor.note);
}

void add_file_system(Print& print, const FileSystemView& system) {
    print.add(system.device).add(system.mount).add(system.type);
    print.figure(system.total).figure(system.used).figure(system.available);
}

}  // namespace

uint64_t print_of(const GuestView& guest) {
    Print print;
    const Sighting& seen = guest.sighting;
    print.add(static_cast<const void*>(guest.guest.get())).add(seen.state).add(seen.pid);
    print.add(seen.memory_limit).add(seen.emulated);
    for (const std::string& note : seen.notes)
        print.add(note);
    if (guest.is_up()) {
        print.duration(seen.uptime).figure(seen.memory_resident).share(guest.cpu);
        print.figure(guest.disk_read).figure(guest.disk_write);
        print.figure(guest.net_in).figure(guest.net_out).figure(guest.memory_used);
    }
    for (const GuestAddress& address : guest.addresses)
        print.add(address.ip).add(address.configured);
    return print.value();
}

uint64_t print_of(const std::vector<GuestView>& guests) {
    Print print;
    for (const GuestView& guest : guests)
        print.add(print_of(guest));
    return print.value();
}

uint64_t print_of_host(const Seen& seen) {
    const HostView& host = seen.host;
    Print print;
    print.add(host.name).add(host.kernel).add(host.cpus).share(host.cpu);
    print.figure(host.memory_used).figure(host.memory_total);
    print.figure(host.swap_used).figure(host.swap_total);
    print.duration(host.uptime);
    for (const double load : host.load)
        print.add(std::llround(load * 100));
    if (host.hottest) add_sensor(print, *host.hottest);
    print.figure(host.watts);
    print.figure(host.disk_read).figure(host.disk_write).figure(host.net_in).figure(host.net_out);
    for (const double share : host.cpu_shares)
        print.share(share);
    if (host.pressure)
        print.share(host.pressure->cpu).share(host.pressure->memory).share(host.pressure->io);
    for (const SensorView& sensor : seen.sensors)
        add_sensor(print, sensor);
    return print.value();
}

uint64_t print_of_jobs(const Seen& seen) {
    Print print;
    for (const JobView& job : seen.jobs)
        add_job(print, job);
    for (const TrialView& trial : seen.trials)
        print.add(trial.number).add(trial.phase).add(trial.seconds_left).add(trial.trouble);
    print.add(seen.job_count).add(seen.job_page_first);
    for (const JobView& job : seen.job_page)
        add_job(print, job);
    return print.value();
}

uint64_t print_of_disks(const Seen& seen) {
    Print print;
    for (const DiskView& disk : seen.disks) {
        print.add(disk.name).add(disk.model).add(disk.size);
        print.figure(disk.read).figure(disk.write).share(disk.busy);
        for (const FileSystemView& system : disk.file_systems)
            add_file_system(print, system);
    }
    for (const FileSystemView& system : seen.other_file_systems)
        add_file_system(print, system);
    return print.value();
}

uint64_t print_of_links(const Seen& seen) {
    Print print;
    for (const LinkView& link : seen.links) {
        print.add(link.index).add(link.name).add(link.kind).add(link.master).add(link.mac);
        print.add(link.enabled).add(link.carrier.has_value()).add(link.carrier.value_or(false));
        print.add(link.speed.value_or(-1)).add(link.mtu).add(link.guest).add(link.guest_key);
        for (const std::string& address : link.addresses)
            print.add(address);
        print.add(link.leased).add(link.nat.has_value());
        if (link.nat) {
            print.add(link.nat->range).add(link.nat->dhcp);
            for (const NatView::Given& given : link.nat->leases)
                print.add(given.ip).add(given.mac).add(given.name).add(given.guest);
        }
        print.figure(link.received).figure(link.sent).figure(link.in).figure(link.out);
    }
    print.add(seen.link_trouble);
    return print.value();
}

// A view of power is made anew when it is looked at, and numbers itself.
uint64_t print_of_power(const Seen& seen) {
    return seen.power ? seen.power->look + 1 : 0;
}

uint64_t print_of_storages(const Seen& seen) {
    Print print;
    for (const StorageView& storage : seen.storages) {
        print.add(storage.id).add(storage.type).add(storage.path).add(storage.trouble);
        if (storage.space) print.figure(storage.space->used).figure(storage.space->total);
        for (const VolumeView& volume : storage.volumes) {
            print.add(volume.info.id).add(volume.info.size).figure(volume.info.used);
            print.add(volume.time).add(volume.note);
            for (const VolumeView::User& user : volume.users)
                print.add(user.guest).add(user.key).add(user.snapshot);
        }
    }
    for (const std::string& problem : seen.storage_problems)
        print.add(problem);
    return print.value();
}

}  // namespace lodge
