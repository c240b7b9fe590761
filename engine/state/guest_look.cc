#include "engine/state/guest_look.h"

#include <sys/stat.h>

#include <algorithm>

#include "engine/container/container.h"
#include "engine/engine.h"
#include "engine/error.h"
#include "engine/network/nat.h"
#include "engine/state/addresses.h"
#include "engine/units.h"

namespace lodge {
namespace {

using namespace std::chrono_literals;

// Whatever the kernel said or did not say, all is read anew after this time.
constexpr auto safety_net = 60s;
// How often a running guest is asked. Its pauses and resumes are Lodge's own, as a rule, and then
// seen by the job. Each round of questions costs a wakeup for the answers.
constexpr auto status_each = 20s, memory_each = 10s, addresses_each = 30s;
// An agent that is not there is not there in half a minute either.
constexpr int silences_enough = 3;
constexpr auto silent_agent_each = 120s;

bool is_guest_id(const std::optional<int64_t>& id) {
    return id && *id >= 100 && *id <= 999999999;
}

}  // namespace

GuestLook::Stamp GuestLook::stamp_of(const struct stat& found) {
    return {found.st_dev, found.st_ino,
            int64_t{found.st_mtim.tv_sec} * 1'000'000'000 + found.st_mtim.tv_nsec, found.st_size};
}

GuestLook::GuestLook(Engine& engine)
    : engine_(engine), run_folders_(engine.host.run_folder() + "/guest"), asker_([this](int id) {
          stale_.insert(id);
          if (stir_) stir_();
      }) {
    for (const GuestKind* kind : engine_.kinds)
        folders_.emplace_back(
            kind, WatchedFolder(engine_.host.config_folder() + "/" + std::string(kind->folder())));
}

void GuestLook::watch(Loop& loop, std::function<void()> stir) {
    loop_ = &loop;
    stir_ = std::move(stir);
    for (auto& [kind, folder] : folders_)
        folder.watch(loop, stir_, 0755);
    run_folders_.watch(loop, stir_, 0755);
    asker_.use(loop);
    for (auto& [id, entry] : entries_) {
        if (entry.run_folder) entry.run_folder->watch(loop, stir_);
        if (entry.running) entry.running->watch(loop, stir_);
    }
}

void GuestLook::look(Seen& seen, const Showing& showing, Time now, double uptime,
                     const Traffic& traffic) {
    const bool all = checked_ == Time{} || now - checked_ >= safety_net;
    bool configurations = all;
    for (auto& [kind, folder] : folders_)
        configurations |= folder.changed();
    if (configurations) read_configurations();
    if (run_folders_.changed() || configurations) read_run_folder();
    if (all) {
        checked_ = now;
        stale_.insert(running_.begin(), running_.end());
    }
    for (auto& [id, entry] : entries_)
        if (entry.run_folder && (entry.run_folder->changed() || all)) find_process(id, entry);
    if (leases_changed()) stale_.insert(running_.begin(), running_.end());
    note_jobs(seen.jobs);
    ask(showing, now);
    settle_views(seen.guests);
    look_at_running(seen.guests, now, uptime, traffic);
    // Most have answered by now, so that nobody has to wake up for it.
    if (loop_ && asker_.waiting()) asker_.take();
}

void GuestLook::read_configurations() {
    std::set<int> there;
    for (const GuestKind* kind : engine_.kinds)
        for (const int id : engine_.store.ids(kind->folder()))
            if (read_configuration(*kind, id)) there.insert(id);
    std::erase_if(entries_, [&](const auto& entry) {
        if (there.contains(entry.first)) return false;
        running_.erase(entry.first);
        plain_.erase(entry.first);
        stale_.erase(entry.first);
        asker_.forget(entry.first);
        return true;
    });
}

bool GuestLook::read_configuration(const GuestKind& kind, int id) {
    struct stat found {};
    if (::stat(engine_.store.path(kind.folder(), id).c_str(), &found) != 0) return false;
    const Stamp stamp = stamp_of(found);
    Entry& entry = entries_[id];
    if (entry.guest && entry.stamp == stamp && entry.guest->kind == &kind) return true;
    entry.guest = std::make_shared<const Guest>(read_guest_leniently(engine_, kind, id));
    entry.stamp = stamp;
    stale_.insert(id);
    if (!kind.following()) plain_.insert(id);
    return true;
}

// A folder there may be of a guest that runs, starts, has ended, or whose configuration is gone.
void GuestLook::read_run_folder() {
    std::set<int> there;
    for (const std::string& name : engine_.host.list(run_folders_.path())) {
        const auto number = parse_integer(name);
        if (!is_guest_id(number)) continue;
        const int id = static_cast<int>(*number);
        there.insert(id);
        if (!entries_.contains(id)) read_orphan(id);
        const auto entry = entries_.find(id);
        if (entry == entries_.end() || entry->second.run_folder) continue;
        entry->second.run_folder =
            std::make_unique<WatchedFolder>(run_folders_.path() + "/" + name);
        if (loop_) entry->second.run_folder->watch(*loop_, stir_);
    }
    for (auto& [id, entry] : entries_) {
        if (!entry.run_folder || there.contains(id)) continue;
        find_process(id, entry);
        entry.run_folder.reset();
    }
}

// A guest that runs although its file was removed: it can still be seen and stopped.
void GuestLook::read_orphan(int id) {
    try {
        auto guest = std::make_shared<const Guest>(load_guest(engine_, id));
        entries_[id].guest = std::move(guest);
        stale_.insert(id);
    } catch (const Error&) {
        return;  // it does not run: a left-over
    }
}

void GuestLook::find_process(int id, Entry& entry) {
    stale_.insert(id);
    const Following* following = entry.guest->kind->following();
    if (!following) return;
    const auto process = following->process(engine_.host, id);
    const ProcessId* known = entry.running ? &entry.running->process() : nullptr;
    if (process && known && process->pid == known->pid && process->start == known->start) return;
    if (!process && !known) return;
    entry.running.reset();
    entry.asked = entry.agent_asked = Time{};
    asker_.forget(id);
    running_.erase(id);
    if (!process) return;
    entry.running = std::make_unique<RunningGuest>(
        engine_.host, *process,
        entry.guest->kind->name() == "ct" ? std::optional(ct_counters(engine_.host, id))
                                          : std::nullopt);
    if (loop_) entry.running->watch(*loop_, stir_);
    running_.insert(id);
}

// Lodge's own networks write down whom they gave an address.
bool GuestLook::leases_changed() {
    const std::string folder = engine_.host.run_folder() + "/network";
    std::map<std::string, Stamp> now;
    for (const std::string& name : engine_.host.list(folder)) {
        struct stat found {};
        const std::string path = folder + "/" + name + "/leases";
        if (::stat(path.c_str(), &found) == 0) now[name] = stamp_of(found);
    }
    if (now == leases_) return false;
    leases_ = std::move(now);
    return true;
}

// What a job does to a guest is seen when it begins and when it ends.
void GuestLook::note_jobs(const std::vector<JobView>& jobs) {
    std::map<int, int> at_work;
    for (const JobView& job : jobs)
        if (job.state == JobState::running)
            for (const int guest : job.guests)
                at_work.emplace(guest, job.number);
    if (at_work.empty() && !jobs_at_work_) return;
    jobs_at_work_ = !at_work.empty();
    for (auto& [id, entry] : entries_) {
        const auto found = at_work.find(id);
        const int job = found == at_work.end() ? 0 : found->second;
        if (job == entry.job) continue;
        entry.job = job;
        entry.asked = Time{};
        stale_.insert(id);
    }
}

// Brings the list to the guests there are, and looks anew at those of which something changed.
void GuestLook::settle_views(std::vector<GuestView>& views) {
    const auto same = [](const GuestView& view, const auto& entry) {
        return view.guest == entry.second.guest;
    };
    if (!std::equal(views.begin(), views.end(), entries_.begin(), entries_.end(), same)) {
        std::map<int, GuestView> before;
        for (GuestView& view : views)
            before.emplace(view.guest->id, std::move(view));
        views.clear();
        for (const auto& [id, entry] : entries_) {
            views.push_back(std::move(before[id]));
            views.back().guest = entry.guest;
        }
    }
    stale_.insert(plain_.begin(), plain_.end());
    for (const int id : std::exchange(stale_, {}))
        if (const auto entry = entries_.find(id); entry != entries_.end())
            look_at(view_of(views, id), entry->second);
}

GuestView& GuestLook::view_of(std::vector<GuestView>& views, int id) const {
    return *std::lower_bound(views.begin(), views.end(), id, [](const GuestView& view, int wanted) {
        return view.guest->id < wanted;
    });
}

void GuestLook::look_at(GuestView& view, Entry& entry) {
    const Guest& guest = *entry.guest;
    const Following* following = guest.kind->following();
    view.last_snapshot = last_snapshot_of(guest.config);
    view.addresses = configured_addresses(guest.config);
    if (!following) {
        view.sighting = guest.kind->look(engine_, guest);
        return;
    }
    const Asker::Said& said = asker_.said(guest.id);
    std::optional<ProcessId> process;
    if (entry.running) process = entry.running->process();
    const Sighting before = view.sighting;
    view.sighting =
        following->sighting(engine_, guest, process, {said.asked, said.status, entry.job});
    if (!process) {
        view.cpu = 0;
        view.disk_read = view.disk_write = view.net_in = view.net_out = std::nullopt;
        view.memory_used.reset();
        view.use.reset();
        view.history.reset();
        return;
    }
    view.sighting.cpu_seconds = before.cpu_seconds;
    view.memory_used = said.memory_used;
    if (const auto leased = leased_addresses(engine_.host, following->macs(guest));
        !leased.empty()) {
        view.addresses.clear();
        for (const std::string& ip : leased)
            view.addresses.push_back({ip, false});
    }
    if (auto told = told_addresses(said.interfaces, following->macs(guest)); !told.empty())
        view.addresses = std::move(told);
}

void GuestLook::look_at_running(std::vector<GuestView>& views, Time now, double uptime,
                                const Traffic& traffic) {
    for (const int id : std::set<int>(running_)) {
        Entry& entry = entries_.at(id);
        GuestView& view = view_of(views, id);
        const auto carried = traffic.find(id);
        if (entry.running->look(
                now, uptime,
                carried == traffic.end() ? std::nullopt : std::optional(carried->second), view))
            continue;
        find_process(id, entry);
        look_at(view, entry);
    }
}

void GuestLook::ask(const Showing& showing, Time now) {
    if (!loop_) return;
    const auto tells = [this](int id) { return asker_.said(id).tells_memory; };
    const bool memory = showing.memory_used && std::any_of(running_.begin(), running_.end(), tells);
    const bool more = memory && !showing_.memory_used;
    const bool all =
        now - asked_ >= (memory ? Time::duration(memory_each) : Time::duration(status_each));
    if (all || more) asked_ = now;
    showing_ = showing;
    for (const int id : running_) {
        Entry& entry = entries_.at(id);
        const Following& following = *entry.guest->kind->following();
        const std::string monitor = following.monitor(engine_.host, *entry.guest);
        if (!monitor.empty() && (all || more || entry.asked == Time{})) {
            entry.asked = now;
            asker_.ask_monitor(id, monitor, showing.memory_used && tells(id));
        }
        if (!showing.addresses) continue;
        const bool silent = asker_.said(id).agent_silences >= silences_enough;
        const auto each = silent ? silent_agent_each : addresses_each;
        if (entry.agent_asked != Time{} && now - entry.agent_asked < each) continue;
        const std::string agent = following.agent(engine_.host, *entry.guest);
        entry.agent_asked = now;
        if (!agent.empty()) asker_.ask_agent(id, agent);
    }
}

}  // namespace lodge
