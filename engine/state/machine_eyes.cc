#include "engine/state/machine_eyes.h"

#include "engine/engine.h"
#include "engine/error.h"
#include "engine/state/disk_look.h"
#include "engine/state/guest_look.h"
#include "engine/state/host_look.h"
#include "engine/state/job_look.h"
#include "engine/state/link_look.h"
#include "engine/state/senses.h"
#include "engine/state/storage_look.h"

namespace lodge {

struct MachineEyes::Rooms {
    Rooms(Engine& engine, std::unique_ptr<Senses> felt)
        : senses(std::move(felt)),
          host(engine.host, *senses),
          guests(engine),
          jobs(engine),
          disks(engine.host),
          links(engine.host),
          storages(engine.host) {}

    std::unique_ptr<Senses> senses;
    HostLook host;
    GuestLook guests;
    JobLook jobs;
    DiskLook disks;
    LinkLook links;
    StorageLook storages;
};

MachineEyes::MachineEyes(Engine& engine, std::unique_ptr<Senses> senses)
    : MachineEyes(engine, std::chrono::steady_clock::now, std::move(senses)) {}

MachineEyes::MachineEyes(Engine& engine, Clock clock, std::unique_ptr<Senses> senses)
    : engine_(engine),
      clock_(std::move(clock)),
      rooms_(std::make_unique<Rooms>(engine, std::move(senses))) {}

MachineEyes::~MachineEyes() = default;

void MachineEyes::look(Seen& seen, const Showing& showing) {
    const auto now = clock_();
    rooms_->host.look(seen.host, now);
    rooms_->jobs.look(seen, now);
    seen.trials = active_trials(engine_.host);
    rooms_->guests.look(seen, showing, now, rooms_->host.uptime(), rooms_->host.traffic());
}

void MachineEyes::look_at_host(Seen& seen) {
    rooms_->host.look_closer(seen.host);
    seen.sensors = rooms_->senses->sensors(clock_());
}

void MachineEyes::look_at_power(Seen& seen) {
    const auto now = clock_();
    seen.sensors = rooms_->senses->sensors(now);
    seen.power = rooms_->senses->power(seen, now);
}

void MachineEyes::look_at_disks(Seen& seen) {
    rooms_->disks.look(seen, clock_());
}

void MachineEyes::look_at_links(Seen& seen) {
    seen.link_trouble.clear();
    try {
        rooms_->links.look(seen, clock_());
    } catch (const Error& error) {
        seen.links.clear();
        seen.link_trouble = error.what();
    }
}

void MachineEyes::look_at_storages(Seen& seen) {
    rooms_->storages.look(seen, clock_());
}

void MachineEyes::look_at_jobs(Seen& seen, size_t first, size_t count) {
    rooms_->jobs.look_at_page(seen, first, count);
}

void MachineEyes::watch(Loop& loop, std::function<void()> stir) {
    rooms_->guests.watch(loop, stir);
    rooms_->jobs.watch(loop, stir);
}

}  // namespace lodge
