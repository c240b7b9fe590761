#include "tests/bad_days/walk.h"

#include <signal.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include <algorithm>
#include <cstdlib>
#include <set>

#include "engine/container/container.h"
#include "engine/state/mounts.h"
#include "engine/units.h"
#include "engine/vm/change.h"
#include "engine/vm/vm.h"

namespace lodge {
namespace {

using Texts = std::vector<std::string>;

void add_named(const Section& section, std::set<std::string>& volumes) {
    for (const auto& [key, value] : section.entries()) {
        const bool names_one =
            key == "vmstate" || key.starts_with("unused") || is_disk_key(key) || is_mount_key(key);
        if (!names_one) continue;
        const std::string volume = key == "vmstate" ? value : volume_of(value);
        if (!volume.empty()) volumes.insert(volume);
    }
}

std::set<std::string> named_volumes(const Config& config) {
    std::set<std::string> volumes;
    add_named(config.current, volumes);
    add_named(config.pending, volumes);
    for (const auto& [name, section] : config.snapshots())
        add_named(section, volumes);
    return volumes;
}

}  // namespace

Walk::~Walk() {
    for (const std::string& name : host.list(host.run_folder() + "/guest")) {
        const auto id = parse_integer(name);
        if (!id) continue;
        const std::string kind =
            host.exists(engine.store.path("qemu-server", static_cast<int>(*id))) ? "vm" : "ct";
        Plan plan;
        plan.step("end it", {kind + "-kill", {{"guest", *id}}});
        plan.step("clean up", {kind + "-clean", {{"guest", *id}}});
        try {
            carry_out(plan);
        } catch (const std::exception& trouble) {
            ADD_FAILURE() << "guest " << name << " could not be ended: " << trouble.what();
        }
    }
    // What is mounted for a look, and its configuration says so, is no leftover.
    for (const Mount& mount : parse_mounts(host.read("/proc/self/mountinfo").value_or(""))) {
        const std::string places = host.run_folder() + "/mount/";
        if (!mount.point.starts_with(places)) continue;
        ::umount2(mount.point.c_str(), MNT_DETACH);
        const auto id = parse_integer(mount.point.substr(places.size()));
        if (!id || config(static_cast<int>(*id)).find("lock: mounted") == std::string::npos)
            ADD_FAILURE() << mount.point << " was still mounted";
    }
    // A template's disks are immutable, and would outlive the folder.
    for (const std::string& volume : volumes()) {
        Plan plan;
        plan.step("let it go", {"volume-unprotect", {{"path", engine.storages.info(volume).path}}});
        carry_out(plan);
    }
}

void Walk::make_guest(int id, const Texts& more) {
    Texts values = {
        fmt::format("name=tiny{}", id), "memory=32", "machine=pc", "cpu=kvm64", "vga=none",
        "scsihw=virtio-scsi-pci",       "agent=0"};
    values.insert(values.end(), more.begin(), more.end());
    carry_out(vm().create(engine, id, {{"values", values}, {"disk", "16M"}, {"net", "none"}}));
}

void Walk::make_container(int id, Values more) {
    more.set({"template", "demo"});
    more.set({"net", "none"});
    more.add("values", "memory=32");
    more.add("values", "swap=0");
    carry_out(ct().create(engine, id, more));
}

const GuestKind& Walk::kind(std::string_view name) const {
    for (const GuestKind* one : engine.kinds)
        if (one->name() == name) return *one;
    throw Error("there is no such kind");
}

bool Walk::runs(int id) {
    return vm_process(host, id).has_value();
}

std::string Walk::state(int id) {
    const Guest one = guest(id);
    return std::string(guest_state_word(one.kind->look(engine, one).state));
}

Texts Walk::volumes() {
    Texts found;
    for (const auto& storage : engine.storages.all())
        for (const VolumeInfo& volume : storage->list())
            if (volume.content == "images" || volume.content == "rootdir")
                found.push_back(volume.id);
    return found;
}

Outcome Walk::lodge(const Texts& words) {
    Program program;
    program.argv = {LODGE_PROGRAM};
    program.argv.insert(program.argv.end(), words.begin(), words.end());
    program.environment = {{"LODGE_ROOT", scratch.folder.path()}, {"LC_ALL", "C.UTF-8"}};
    return run_program(program, std::chrono::seconds(90));
}

JobRecord Walk::kill_job(const Plan& plan, const std::string& at) {
    ::setenv("LODGE_TEST_DIE_AT", at.c_str(), 1);
    const int number = engine.jobs.start(engine, plan);
    ::unsetenv("LODGE_TEST_DIE_AT");
    return engine.jobs.follow(number, {});
}

void Walk::kill_guests() {
    for (const std::string& name : host.list(host.run_folder() + "/guest")) {
        const auto id = parse_integer(name);
        const auto process = id ? vm_process(host, static_cast<int>(*id)) : std::nullopt;
        const Fd pidfd = process ? open_process(host, *process) : Fd();
        if (!pidfd) continue;
        signal_process(pidfd, SIGKILL);
        EXPECT_TRUE(wait_end(pidfd, std::chrono::seconds(30)));
        ::waitpid(process->pid, nullptr, WNOHANG);
    }
}

Texts Walk::unknown_processes() {
    std::set<pid_t> known;
    const std::string guests = host.run_folder() + "/guest";
    for (const std::string& name : host.list(guests)) {
        const auto id = parse_integer(name);
        if (!id) continue;
        if (const auto process = vm_process(host, static_cast<int>(*id)))
            known.insert(process->pid);
        for (const std::string& file : host.list(guests + "/" + name))
            if (file.ends_with(".helper"))
                if (const auto helper = ProcessId::parse(
                        host.read_line(fmt::format("{}/{}/{}", guests, name, file))))
                    known.insert(helper->pid);
    }
    Texts unknown;
    for (const std::string& name : host.list("/proc")) {
        const auto pid = parse_integer(name);
        if (!pid || known.count(static_cast<pid_t>(*pid))) continue;
        std::string line;
        try {
            line = host.read("/proc/" + name + "/cmdline").value_or("");
        } catch (const Error&) {
            continue;  // somebody else's
        }
        if (line.find(scratch.folder.path()) == std::string::npos) continue;
        const std::string program = line.substr(0, line.find('\0'));
        // A program that came into a container is no monitor.
        const bool monitor = program.ends_with("lodge-lxc") &&
                             line.find(std::string("\0run\0", 5)) != std::string::npos;
        if (program.find("qemu-system") != std::string::npos || program.ends_with("swtpm") ||
            monitor)
            unknown.push_back(fmt::format("process {} ({})", name, program));
    }
    return unknown;
}

void Walk::look_at_kind(const GuestKind& kind, std::set<std::string>& named, Texts& faults) {
    for (const int id : engine.store.ids(kind.folder())) {
        const Guest one = read_guest_leniently(engine, kind, id);
        if (!one.unreadable.empty()) {
            faults.push_back(one.unreadable);
            continue;
        }
        for (const auto& problem : one.config.problems())
            faults.push_back(fmt::format("guest {}: {}", id, problem.words));
        const std::string lock = one.config.current.get("lock").value_or("");
        const bool mounted =
            lock == "mounted" && host.exists(ct_mount_place(host, id) + "/bin/busybox");
        if (!lock.empty() && lock != "suspended" && !mounted)
            faults.push_back(fmt::format("guest {} is locked: {}", id, lock));
        for (const std::string& volume : named_volumes(one.config)) {
            named.insert(volume);
            try {
                const std::string path = engine.storages.info(volume).path;
                // A container's snapshots lie beside its volumes.
                const size_t slash = path.rfind('/');
                for (const std::string& file : host.list(path.substr(0, slash))) {
                    const std::string own = path.substr(slash + 1);
                    if (!file.starts_with(own) || file == own) continue;
                    if (file[own.size()] != '@' ||
                        !one.config.snapshot(file.substr(own.size() + 1)))
                        faults.push_back("nobody has " + path.substr(0, slash + 1) + file);
                }
            } catch (const Error& trouble) {
                faults.push_back(fmt::format("guest {} names {}: {}", id, volume, trouble.what()));
            }
        }
    }
}

Texts Walk::faults() {
    Texts faults;
    std::set<std::string> named;
    for (const GuestKind* one : engine.kinds)
        look_at_kind(*one, named, faults);
    for (const std::string& volume : volumes())
        if (!named.count(volume)) faults.push_back("nobody has " + volume);
    for (const std::string& folder : {std::string("qemu-server"), std::string("lxc")})
        for (const std::string& name : host.list(host.config_folder() + "/" + folder))
            if (!name.ends_with(".conf")) faults.push_back("a half file is left: " + name);
    for (const std::string& process : unknown_processes())
        faults.push_back("nothing knows " + process);
    return faults;
}

namespace {

constexpr std::string_view with_guests = " with guests";

std::string all(const Texts& list) {
    return join(list, "; ");
}

// What a person sees who comes back after the crash.
void expect_truth(Walk& walk, const JobRecord& record) {
    const Outcome list = walk.lodge({"list"});
    EXPECT_EQ(list.status, 0) << list.trouble;
    const Outcome jobs = walk.lodge({"job", "list"});
    EXPECT_EQ(jobs.status, 0) << jobs.trouble;
    EXPECT_NE(jobs.output.find(job_state_word(record.state)), std::string::npos) << jobs.output;
    std::vector<int> ids;
    for (const GuestKind* one : walk.engine.kinds)
        for (const int id : walk.engine.store.ids(one->folder()))
            ids.push_back(id);
    for (const int id : ids) {
        const std::string number = std::to_string(id);
        EXPECT_NE(list.output.find(number), std::string::npos) << list.output;
        Outcome show = walk.lodge({"show", number});
        EXPECT_EQ(show.status, 0) << show.trouble;
        // A QEMU in the middle of its memory answers a little late.
        for (int i = 0; i < 20 && show.output.find("does not answer") != std::string::npos; ++i)
            show = walk.lodge({"show", number});
        const bool running = show.output.find("running") != std::string::npos ||
                             show.output.find("paused") != std::string::npos ||
                             show.output.find("starting") != std::string::npos;
        if (!walk.runs(id)) {
            EXPECT_FALSE(running && show.output.find("stopped") == std::string::npos &&
                         show.output.find("suspended") == std::string::npos)
                << show.output;
        } else {
            EXPECT_TRUE(running) << show.output;
        }
    }
    EXPECT_EQ(all(walk.unknown_processes()), "");
}

void crash_once(const Scenario& scenario, size_t index, std::string event, size_t& steps) {
    const bool guests_die = event.ends_with(with_guests);
    if (guests_die) event.erase(event.size() - with_guests.size());
    Walk walk;
    scenario.before(walk);
    Plan plan = scenario.plan(walk);
    steps = plan.steps.size();
    const bool undoing = event.starts_with("undo");
    if (undoing) {
        size_t kept = 0;
        for (size_t i = 0; i < steps; ++i)
            if (plan.steps[i].no_way_back) kept = i + 1;
        if (!plan.steps[index].undo || index < kept) return;
        plan.step("fail at the end", {"run", {{"argv", std::vector<std::string>{"false"}}}});
    }
    SCOPED_TRACE(fmt::format("{}, killed at {}:{}{} ({}: {})", plan.title, index, event,
                             guests_die ? with_guests : "", plan.steps[index].action.verb,
                             plan.steps[index].why));
    const JobRecord record = walk.kill_job(plan, fmt::format("{}:{}", index, event));
    if (guests_die) walk.kill_guests();
    const bool complete = event == "done" && index + 1 == steps;
    EXPECT_EQ(job_state_word(record.state), complete ? "done" : "interrupted") << record.error;
    expect_truth(walk, record);
    if (record.state == JobState::interrupted) {
        const Outcome clean = walk.lodge({"job", "clean", std::to_string(record.number), "--yes"});
        EXPECT_EQ(clean.status, 0) << clean.output << clean.trouble;
        EXPECT_EQ(job_state_word(walk.engine.jobs.load(record.number).state), "cleaned");
    }
    EXPECT_EQ(all(walk.faults()), "") << walk.config(101);
    if (!scenario.achieved(walk)) {
        try {
            walk.carry_out(scenario.plan(walk));
        } catch (const Error& trouble) {
            ADD_FAILURE() << "not to be done again: " << trouble.what() << "\n" << walk.config(101);
        }
    }
    EXPECT_TRUE(scenario.achieved(walk)) << walk.config(101);
    EXPECT_EQ(all(walk.faults()), "") << walk.config(101);
}

}  // namespace

void crash_walk(const Scenario& scenario, const Texts& events) {
    size_t steps = 1;
    for (size_t index = 0; index < steps; ++index)
        for (const std::string& event : events)
            crash_once(scenario, index, event, steps);
}

}  // namespace lodge
