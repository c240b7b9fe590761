#include "tests/screens/machine.h"

#include <ctime>
#include <filesystem>

#include "engine/job_events.h"
#include "engine/state/power_view.h"
#include "engine/store.h"
#include "engine/units.h"
#include "engine/vm/vm.h"
#include "power/cost.h"
#include "tests/screens/machine_text.h"

namespace lodge {

using machine_text::MachineGuest;
using machine_text::MachineJob;
using machine_text::MachineText;

namespace {

using Sightings = std::map<int, Sighting>;

// A virtual machine that is as the text says; all else is the real kind's.
class SeenVm : public VmKind {
  public:
    explicit SeenVm(const Sightings& seen) : seen_(seen) {}
    Sighting look(Engine&, const Guest& guest) const override {
        const auto found = seen_.find(guest.id);
        return found == seen_.end() ? Sighting() : found->second;
    }

  private:
    const Sightings& seen_;
};

class SeenContainer : public GuestKind {
  public:
    explicit SeenContainer(const Sightings& seen) : seen_(seen) {}
    std::string_view name() const override { return "ct"; }
    std::string_view folder() const override { return "lxc"; }
    const Schema& schema() const override { return container_schema(); }
    Sighting look(Engine&, const Guest& guest) const override {
        const auto found = seen_.find(guest.id);
        return found == seen_.end() ? Sighting() : found->second;
    }

  private:
    const Sightings& seen_;
};

// Eyes that see what the text says.
class TextEyes : public Eyes {
  public:
    explicit TextEyes(const Seen& all) : all_(all) {}
    void look(Seen& seen, const Showing& showing) override {
        seen.guests = all_.guests;
        for (GuestView& guest : seen.guests)
            if (!showing.memory_used) guest.memory_used.reset();
        seen.host = all_.host;
        seen.jobs.clear();
        seen.trials = all_.trials;
        for (const JobView& job : all_.job_page)
            if (job.ended == 0) seen.jobs.push_back(job);
    }
    void look_at_host(Seen& seen) override {
        seen.host = all_.host;
        seen.sensors = all_.sensors;
    }
    void look_at_power(Seen& seen) override {
        seen.sensors = all_.sensors;
        seen.power = all_.power;
    }
    void look_at_disks(Seen& seen) override {
        seen.disks = all_.disks;
        seen.other_file_systems = all_.other_file_systems;
    }
    void look_at_links(Seen& seen) override { seen.links = all_.links; }
    void look_at_storages(Seen& seen) override { seen.storages = all_.storages; }
    void look_at_jobs(Seen& seen, size_t first, size_t count) override {
        const auto& all = all_.job_page;
        seen.job_count = all.size();
        seen.job_page_first = std::min(first, all.size());
        const auto begin = all.begin() + static_cast<long>(seen.job_page_first);
        seen.job_page.assign(
            begin, begin + static_cast<long>(std::min(count, all.size() - seen.job_page_first)));
    }
    void watch(Loop&, std::function<void()>) override {}

  private:
    const Seen& all_;
};

// What follows from the rest of the text: who takes how much, and what that costs.
std::shared_ptr<const PowerView> finished_power(const Seen& all) {
    if (!all.power) return nullptr;
    auto view = std::make_shared<PowerView>(*all.power);
    const double watts = all.host.watts.value_or(0);
    view->shares = energy_shares(all, watts);
    if (all.host.hottest) view->heat.now = all.host.hottest->value;
    if (view->cost) {
        PowerConfig config;
        config.tariff = view->cost->tariff;
        config.currency = view->cost->currency;
        const bool whole =
            view->best && view->meters[*view->best].covers == WattView::Covers::machine;
        view->cost = cost_of(watts, 60, whole, config);
    }
    return view;
}

}  // namespace

struct Machine::Parts {
    ScratchFolder folder;
    int64_t clock = 0;
    Sightings sightings;
    Seen all;
    SeenVm vm{sightings};
    SeenContainer container{sightings};
    const GuestKind* kinds[2] = {&vm, &container};
    Host host{places()};
    Engine engine{host, all_actions(), kinds};
    State state{std::make_unique<TextEyes>(all)};

    Host::Places places() {
        Host::Places found = ScratchEngine::places(folder.path());
        found.sysroot = folder.path() + "/machine";
        found.clock = [this] {
            return std::chrono::system_clock::time_point(std::chrono::seconds(clock));
        };
        return found;
    }

    void forget() {
        for (const auto& entry : std::filesystem::directory_iterator(folder.path()))
            std::filesystem::remove_all(entry.path());
        sightings.clear();
        all = Seen();
        engine.storages.forget();
    }
    void write_kernel_files(const MachineText& text);
    void add_guest(const MachineGuest& guest);
    void add_job(const MachineJob& job);
    void write_storages();
};

// What commands and the overview read of the kernel by themselves.
void Machine::Parts::write_kernel_files(const MachineText& text) {
    const HostView& seen = text.seen.host;
    const auto put = [&](const std::string& path, const std::string& content) {
        host.write_volatile(host.system(path), content);
    };
    put("/proc/sys/kernel/hostname", seen.name + "\n");
    put("/proc/sys/kernel/osrelease", seen.kernel + "\n");
    put("/proc/sys/kernel/random/boot_id", "6b0f1d3e-0000-4000-8000-000000000001\n");
    put("/proc/uptime", fmt::format("{}.00 0.00\n", seen.uptime));
    put("/proc/loadavg",
        fmt::format("{:.2f} {:.2f} {:.2f} 1/100 4242\n", seen.load[0], seen.load[1], seen.load[2]));
    put("/proc/meminfo",
        fmt::format("MemTotal: {} kB\nMemFree: {} kB\nMemAvailable: {} kB\nSwapTotal: {} kB\n"
                    "SwapFree: {} kB\n",
                    seen.memory_total / 1024, (seen.memory_total - seen.memory_used) / 1024,
                    (seen.memory_total - seen.memory_used) / 1024, seen.swap_total / 1024,
                    (seen.swap_total - seen.swap_used) / 1024));
    std::string processors;
    for (int i = 0; i < seen.cpus; ++i)
        processors +=
            fmt::format("processor\t: {}\nmodel name\t: {}\nflags\t\t: vmx\n\n", i, seen.processor);
    put("/proc/cpuinfo", processors);
    for (const LinkView& link : text.seen.links)
        if (link.kind == "bridge") put("/sys/class/net/" + link.name + "/bridge/stp_state", "0\n");
}

void Machine::Parts::add_guest(const MachineGuest& guest) {
    const GuestKind& kind = *kinds[guest.container ? 1 : 0];
    const std::string_view name_key = guest.container ? "hostname" : "name";
    std::string config = guest.config;
    if (config.find(fmt::format("{}: ", name_key)) == std::string::npos)
        config = fmt::format("{}: {}\n", name_key, guest.name) + config;
    host.write_volatile(engine.store.path(kind.folder(), guest.id), config, 0640);

    GuestView view = guest.view;
    auto read = std::make_shared<const Guest>(read_guest_leniently(engine, kind, guest.id));
    Sighting& seen = view.sighting;
    seen.memory_limit = read->config.integer("memory") << 20;
    if (view.is_up()) {
        seen.pid = 40000 + guest.id;
        view.history = guest.history;
    }
    if (view.addresses.empty()) view.addresses = configured_addresses(read->config);
    view.last_snapshot = last_snapshot_of(read->config);
    view.guest = std::move(read);
    sightings[guest.id] = seen;
    all.guests.push_back(std::move(view));
}

void Machine::Parts::add_job(const MachineJob& job) {
    JobView view = job.view;
    view.started = clock - view.started;
    const bool open = view.state == JobState::running || view.state == JobState::interrupted;
    view.ended = open ? 0 : view.started + job.took;

    Plan plan;
    plan.title = view.title;
    plan.guests = view.guests;
    for (const std::string& why : job.steps)
        plan.step(why, {"run", {{"argv", std::vector<std::string>{"true"}}}});
    const std::string path = fmt::format("{}/jobs/{}", host.state_folder(), view.number);
    host.write_volatile(path + "/plan.json", plan_to_json(plan));
    const int64_t now = clock;
    clock = view.started;
    JobLog log(path + "/events", host);
    for (const std::string& line : job.log)
        log.say(line);
    for (size_t i = 0; i < view.steps && i <= view.steps_done; ++i) {
        log.step(i, "begin");
        if (i < view.steps_done) log.step(i, "done");
    }
    if (view.total > 0) log.progress(view.done, view.total, view.unit);
    clock = view.ended;
    if (!open)
        log.end(view.state, view.state == JobState::done ? Exit::ok : Exit::failed, view.error);
    clock = now;
    all.job_page.push_back(std::move(view));
}

void Machine::Parts::write_storages() {
    std::string text;
    for (const StorageView& storage : all.storages) {
        text += fmt::format("{}: {}\n", storage.type, storage.id);
        if (!storage.path.empty()) text += fmt::format("\tpath {}\n", storage.path);
        if (!storage.contents.empty())
            text += fmt::format("\tcontent {}\n", join(storage.contents, ","));
        text += "\n";
    }
    if (!text.empty()) host.write_volatile(host.config_folder() + "/storage.cfg", text);
}

Machine::Machine(std::string_view text) : parts_(std::make_unique<Parts>()) {
    ::setenv("TZ", "UTC", 1);
    ::tzset();
    become(text);
}

Machine::~Machine() = default;

void Machine::become(std::string_view text) {
    MachineText read = machine_text::parse(text);
    Parts& parts = *parts_;
    parts.forget();
    parts.clock = read.clock;
    parts.all = std::move(read.seen);
    parts.all.host.hottest = hottest_of(parts.all.sensors);
    read.seen = parts.all;
    parts.write_kernel_files(read);
    parts.write_storages();
    for (const MachineGuest& guest : read.guests)
        parts.add_guest(guest);
    std::sort(parts.all.guests.begin(), parts.all.guests.end(),
              [](const GuestView& a, const GuestView& b) { return a.guest->id < b.guest->id; });
    parts.all.power = finished_power(parts.all);
    for (const MachineJob& job : read.jobs)
        parts.add_job(job);
    std::sort(parts.all.job_page.begin(), parts.all.job_page.end(),
              [](const JobView& a, const JobView& b) { return a.number > b.number; });
    parts.state.look();
}

Engine& Machine::engine() {
    return parts_->engine;
}

State& Machine::state() {
    return parts_->state;
}

std::string Machine::steady(std::string text) const {
    const std::string& folder = parts_->folder.path();
    const std::string other = folder.substr(0, folder.size() - 6) + "XXXXXX";
    for (size_t at = 0; (at = text.find(folder, at)) != std::string::npos;)
        text.replace(at, folder.size(), other);
    return text;
}

}  // namespace lodge
