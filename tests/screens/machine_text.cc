#include "tests/screens/machine_text.h"

#include "tests/screens/machine_lines.h"
#include "tests/screens/machine_power.h"

namespace lodge::machine_text {
namespace {

double figure(const Line& line, size_t index) {
    const std::string& word = line.word(index);
    if (word.ends_with('%') || parse_number(word)) return line.number_at(index);
    return static_cast<double>(line.size(index));
}

void add_history(const Line& line, const std::map<std::string_view, History*>& histories) {
    const auto found = histories.find(line.word(1));
    if (found == histories.end()) line.wrong("no such history");
    for (size_t i = 2; i < line.words.size(); ++i) {
        if (line.words[i] == "-")
            found->second->add_gap();
        else
            found->second->add(figure(line, i));
    }
}

void read_host(const Block& block, MachineText& machine) {
    HostView& host = machine.seen.host;
    host.name = block.line.word(1);
    HostHistory& past = host.history;
    const std::map<std::string_view, History*> histories = {
        {"cpu", &past.cpu},        {"memory", &past.memory},
        {"load", &past.load},      {"celsius", &past.celsius},
        {"watts", &past.watts},    {"disk_read", &past.disk_read},
        {"net_in", &past.net_in},  {"disk_write", &past.disk_write},
        {"net_out", &past.net_out}};
    const Words words = {
        {"clock", [&](const Line& l) { machine.clock = l.time(1); }},
        {"kernel", [&](const Line& l) { host.kernel = l.rest(1); }},
        {"system", [&](const Line& l) { host.system = l.rest(1); }},
        {"processor", [&](const Line& l) { host.processor = l.rest(1); }},
        {"cpus", [&](const Line& l) { host.cpus = l.whole(1); }},
        {"cpu", [&](const Line& l) { host.cpu = l.number_at(1); }},
        {"memory",
         [&](const Line& l) {
             host.memory_used = l.size(1);
             host.memory_total = l.size(3);
         }},
        {"swap",
         [&](const Line& l) {
             host.swap_used = l.size(1);
             host.swap_total = l.size(3);
         }},
        {"load",
         [&](const Line& l) {
             for (size_t i = 0; i < 3; ++i)
                 host.load[i] = l.number_at(i + 1);
         }},
        {"uptime", [&](const Line& l) { host.uptime = l.duration(1); }},
        {"disk",
         [&](const Line& l) {
             host.disk_read = l.named("read");
             host.disk_write = l.named("write");
         }},
        {"net",
         [&](const Line& l) {
             host.net_in = l.named("in");
             host.net_out = l.named("out");
         }},
        {"pressure",
         [&](const Line& l) {
             host.pressure = Pressure{l.number_at(1), l.number_at(2), l.number_at(3)};
         }},
        {"shares",
         [&](const Line& l) {
             for (size_t i = 1; i < l.words.size(); ++i)
                 host.cpu_shares.push_back(l.number_at(i));
         }},
        {"history", [&](const Line& l) { add_history(l, histories); }},
    };
    for (const Block& inner : block.inner)
        obey(inner.line, words);
}

GuestState state_of(const Line& line) {
    for (const GuestState state :
         {GuestState::stopped, GuestState::running, GuestState::paused, GuestState::suspended,
          GuestState::starting, GuestState::unknown})
        if (line.word(1) == guest_state_word(state)) return state;
    line.wrong("no state of a guest");
}

// "memory 40M of 64M swap 0 of 512M pids 12 of 100 cpus 1.5 killed 2 pressure 1% 2% 3%"
GroupUse read_use(const Line& line) {
    return {.memory = GroupUse::Share{line.size(2), line.size(4)},
            .swap = GroupUse::Share{line.size(6), line.size(8)},
            .pids = GroupUse::Share{line.whole(10), line.whole(12)},
            .cpus = line.number_at(14),
            .throttled = 0,
            .killed = line.whole(16),
            .pressure = Pressure{line.number_at(18), line.number_at(19), line.number_at(20)}};
}

void read_guest(const Block& block, MachineText& machine) {
    MachineGuest guest;
    guest.id = block.line.whole(1);
    guest.container = block.line.word(2) == "ct";
    guest.name = block.line.word(guest.container ? 3 : 2);
    guest.history = std::make_shared<GuestHistory>();
    GuestView& view = guest.view;
    Sighting& seen = view.sighting;
    GuestHistory& past = *guest.history;
    const std::map<std::string_view, History*> histories = {
        {"cpu", &past.cpu},       {"memory", &past.memory},         {"disk_read", &past.disk_read},
        {"net_in", &past.net_in}, {"disk_write", &past.disk_write}, {"net_out", &past.net_out}};
    const Words words = {
        {"state", [&](const Line& l) { seen.state = state_of(l); }},
        {"uptime", [&](const Line& l) { seen.uptime = l.duration(1); }},
        {"cpu", [&](const Line& l) { view.cpu = l.number_at(1); }},
        {"resident", [&](const Line& l) { seen.memory_resident = l.size(1); }},
        {"used", [&](const Line& l) { view.memory_used = l.size(1); }},
        {"limits", [&](const Line& l) { view.use = read_use(l); }},
        {"disk",
         [&](const Line& l) {
             view.disk_read = l.named("read");
             view.disk_write = l.named("write");
         }},
        {"net",
         [&](const Line& l) {
             view.net_in = l.named("in");
             view.net_out = l.named("out");
         }},
        {"address",
         [&](const Line& l) {
             view.addresses.push_back({l.word(1), l.rest(2) == "configured"});
         }},
        {"emulated", [&](const Line&) { seen.emulated = true; }},
        {"note", [&](const Line& l) { seen.notes.push_back(l.rest(1)); }},
        {"history", [&](const Line& l) { add_history(l, histories); }},
    };
    for (const Block& inner : block.inner) {
        const Line& line = inner.line;
        if (line.word(0).ends_with(':') || line.text.starts_with("[") || line.text[0] == '#')
            guest.config += line.text + "\n";
        else
            obey(line, words);
    }
    machine.guests.push_back(std::move(guest));
}

JobState job_state_of(const Line& line) {
    for (const JobState state : {JobState::running, JobState::done, JobState::failed,
                                 JobState::cancelled, JobState::interrupted, JobState::cleaned})
        if (line.word(1) == job_state_word(state)) return state;
    line.wrong("no state of a job");
}

void read_job(const Block& block, MachineText& machine) {
    MachineJob job;
    JobView& view = job.view;
    view.number = block.line.whole(1);
    view.title = block.line.rest(2);
    view.state = JobState::done;
    const Words words = {
        {"guests",
         [&](const Line& l) {
             for (size_t i = 1; i < l.words.size(); ++i)
                 view.guests.push_back(l.whole(i));
         }},
        {"state", [&](const Line& l) { view.state = job_state_of(l); }},
        {"started", [&](const Line& l) { view.started = l.duration(1); }},
        {"took", [&](const Line& l) { job.took = l.duration(1); }},
        {"step", [&](const Line& l) { job.steps.push_back(l.rest(1)); }},
        {"done", [&](const Line& l) { view.steps_done = static_cast<size_t>(l.whole(1)); }},
        {"progress",
         [&](const Line& l) {
             view.done = l.size(1);
             view.total = l.size(3);
             view.unit = l.word(4);
         }},
        {"rate", [&](const Line& l) { view.rate = static_cast<double>(l.size(1)); }},
        {"left", [&](const Line& l) { view.time_left = l.duration(1); }},
        {"say", [&](const Line& l) { job.log.push_back(l.rest(1)); }},
        {"error", [&](const Line& l) { view.error = l.rest(1); }},
    };
    for (const Block& inner : block.inner)
        obey(inner.line, words);
    view.steps = job.steps.size();
    if (view.state == JobState::done) view.steps_done = view.steps;
    if (view.state == JobState::running && view.steps_done < view.steps)
        view.step = job.steps[view.steps_done];
    machine.jobs.push_back(std::move(job));
}

VolumeView volume_of(const Block& block, const std::string& storage) {
    const Line& line = block.line;
    VolumeView volume;
    volume.info.content = line.word(2);
    // One that a server offers is on no storage.
    volume.info.id =
        volume.info.content == "available" ? line.word(1) : storage + ":" + line.word(1);
    volume.info.format = line.word(3);
    volume.info.size = line.size(4);
    volume.info.used = line.size(5);
    const Words words = {
        {"owner", [&](const Line& l) { volume.info.owner = l.whole(1); }},
        {"backing", [&](const Line& l) { volume.info.backing = l.word(1); }},
        {"date", [&](const Line& l) { volume.time = l.time(1); }},
        {"note", [&](const Line& l) { volume.note = l.rest(1); }},
        {"user",
         [&](const Line& l) {
             volume.users.push_back({l.whole(1), l.word(2), l.rest(3)});
         }},
    };
    for (const Block& inner : block.inner)
        obey(inner.line, words);
    return volume;
}

void read_storage(const Block& block, MachineText& machine) {
    StorageView storage;
    storage.id = block.line.word(1);
    storage.type = block.line.word(2);
    storage.path = block.line.rest(3);
    const Words words = {
        {"content", [&](const Line& l) { storage.contents = split(l.word(1), ','); }},
        {"space",
         [&](const Line& l) {
             storage.space = StorageSpace{l.size(3), l.size(1), l.size(3) - l.size(1)};
         }},
        {"trouble", [&](const Line& l) { storage.trouble = l.rest(1); }},
    };
    for (const Block& inner : block.inner) {
        if (inner.line.word(0) == "volume")
            storage.volumes.push_back(volume_of(inner, storage.id));
        else
            obey(inner.line, words);
    }
    machine.seen.storages.push_back(std::move(storage));
}

FileSystemView file_system_of(const Line& line) {
    FileSystemView system{line.word(3), line.word(1), line.word(2), 0, 0, 0};
    system.used = line.size(4);
    system.total = line.size(6);
    system.available = system.total - system.used;
    return system;
}

void read_disk(const Block& block, MachineText& machine) {
    DiskView disk;
    disk.name = block.line.word(1);
    disk.size = block.line.size(2);
    disk.model = block.line.rest(3);
    const Words words = {
        {"rotational", [&](const Line&) { disk.rotational = true; }},
        {"removable", [&](const Line&) { disk.removable = true; }},
        {"io",
         [&](const Line& l) {
             disk.read = l.named("read");
             disk.write = l.named("write");
             disk.busy = l.named("busy");
         }},
        {"mount", [&](const Line& l) { disk.file_systems.push_back(file_system_of(l)); }},
    };
    for (const Block& inner : block.inner)
        obey(inner.line, words);
    machine.seen.disks.push_back(std::move(disk));
}

void read_link(const Block& block, MachineText& machine) {
    LinkView link;
    link.index = static_cast<int>(machine.seen.links.size()) + 1;
    link.name = block.line.word(1);
    link.kind = block.line.word(2);
    link.enabled = true;
    link.carrier = true;
    link.mtu = 1500;
    const Words words = {
        {"mac", [&](const Line& l) { link.mac = l.word(1); }},
        {"down",
         [&](const Line&) {
             link.enabled = false;
             link.carrier.reset();
         }},
        {"carrier", [&](const Line& l) { link.carrier = l.word(1) == "yes"; }},
        {"speed", [&](const Line& l) { link.speed = l.whole(1); }},
        {"mtu", [&](const Line& l) { link.mtu = l.whole(1); }},
        {"master", [&](const Line& l) { link.master = l.word(1); }},
        {"address", [&](const Line& l) { link.addresses.push_back(l.word(1)); }},
        {"total",
         [&](const Line& l) {
             link.received = static_cast<int64_t>(l.named("in").value_or(0));
             link.sent = static_cast<int64_t>(l.named("out").value_or(0));
         }},
        {"net",
         [&](const Line& l) {
             link.in = l.named("in");
             link.out = l.named("out");
         }},
        {"guest",
         [&](const Line& l) {
             link.guest = l.whole(1);
             link.guest_key = l.word(2);
         }},
        {"leased", [&](const Line& l) { link.leased = l.word(1); }},
        {"nat",
         [&](const Line& l) {
             link.nat = NatView{l.word(1), l.word(2), l.word(3) == "dhcp", {}};
         }},
        {"lease",
         [&](const Line& l) {
             link.nat->leases.push_back({l.word(1), l.word(2), l.word(3), l.whole(4), l.word(5)});
         }},
    };
    for (const Block& inner : block.inner)
        obey(inner.line, words);
    machine.seen.links.push_back(std::move(link));
}

SensorView::Kind sensor_kind(const Line& line) {
    using Kind = SensorView::Kind;
    const std::map<std::string_view, Kind> kinds = {
        {"temperature", Kind::temperature}, {"fan", Kind::fan},         {"duty", Kind::duty},
        {"voltage", Kind::voltage},         {"current", Kind::current}, {"power", Kind::power},
        {"humidity", Kind::humidity}};
    const auto found = kinds.find(line.word(1));
    if (found == kinds.end()) line.wrong("no kind of sensor");
    return found->second;
}

void read_sensor(const Block& block, MachineText& machine) {
    SensorView sensor;
    sensor.kind = sensor_kind(block.line);
    sensor.chip = block.line.word(2);
    sensor.value = block.line.number_at(3);
    sensor.label = block.line.rest(4);
    const Words words = {
        {"low", [&](const Line& l) { sensor.low = l.number_at(1); }},
        {"high", [&](const Line& l) { sensor.high = l.number_at(1); }},
        {"critical", [&](const Line& l) { sensor.critical = l.number_at(1); }},
        {"alarm", [&](const Line&) { sensor.alarm = true; }},
        {"asleep", [&](const Line&) { sensor.asleep = true; }},
        {"name", [&](const Line& l) { sensor.name = l.rest(1); }},
        {"note", [&](const Line& l) { sensor.note = l.rest(1); }},
        {"history",
         [&](const Line& l) {
             auto past = std::make_shared<History>();
             for (size_t i = 1; i < l.words.size(); ++i)
                 past->add(l.number_at(i));
             sensor.history = past;
         }},
    };
    for (const Block& inner : block.inner)
        obey(inner.line, words);
    machine.seen.sensors.push_back(std::move(sensor));
}

}  // namespace

MachineText parse(std::string_view text) {
    MachineText machine;
    machine.clock = 1772382480;  // 2026-03-01 16:28:00
    HostView& host = machine.seen.host;
    host.name = "minipc01";
    host.kernel = "6.1.0-18-amd64";
    host.cpus = 4;
    host.memory_total = int64_t{16} << 30;
    host.memory_used = int64_t{4} << 30;
    host.uptime = 86400;
    const std::map<std::string_view, void (*)(const Block&, MachineText&)> readers = {
        {"host", read_host},
        {"guest", read_guest},
        {"job", read_job},
        {"storage", read_storage},
        {"disk", read_disk},
        {"link", read_link},
        {"sensor", read_sensor},
        {"power", read_power},
        {"trial",
         [](const Block& block, MachineText& all) {
             all.seen.trials.push_back({block.line.whole(1), block.line.rest(3),
                                        TrialPhase::waiting, block.line.whole(2), ""});
         }},
        {"mount", [](const Block& block, MachineText& all) {
             all.seen.other_file_systems.push_back(file_system_of(block.line));
         }}};
    const std::vector<Line> lines = lines_of(text);
    size_t at = 0;
    for (const Block& block : blocks_of(lines, at, 0)) {
        const auto reader = readers.find(block.line.word(0));
        if (reader == readers.end()) block.line.wrong("not known");
        reader->second(block, machine);
    }
    return machine;
}

}  // namespace lodge::machine_text
