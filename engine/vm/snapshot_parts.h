#pragma once

#include <string>
#include <vector>

#include "engine/config.h"
#include "engine/plan.h"
#include "engine/storage/storage.h"
#include "engine/values.h"

// The rooms of snapshots: snapshot.cc makes the plans, snapshot_config.cc edits the file,
// snapshot_live.cc talks to a running guest, snapshot_tree.cc shows.

namespace lodge {

struct Engine;
struct Guest;

// SnapshotDisk is a disk that takes part in a snapshot.
struct SnapshotDisk {
    std::string key;     // "scsi0"
    std::string volume;  // "local:101/vm-101-disk-0.qcow2"
};

// The disks of a section that are snapshots' business: all but CD-ROMs and cloud-init drives.
std::vector<SnapshotDisk> snapshot_disks(const Section& section);

// Whether the volume has a snapshot of that name inside. Throws Error when it cannot be seen.
bool disk_has_snapshot(Engine& engine, const std::string& volume, const std::string& name);

// The keys of `from` that a snapshot's section has.
void copy_into_section(const Section& from, Section& to);
// The current section becomes what the snapshot's says: description and unused volumes stay, what
// waits for the next start is dropped, disks that the snapshot has not become unused<N>. With
// memory the guest is left suspended to the snapshot's state. `generation` is the new vmgenid.
void apply_section(Config& config, const std::string& name, bool with_memory,
                   const std::string& generation);
// Removes the section; what hung under it hangs under its parent.
void drop_section(Config& config, const std::string& name);

// Where the memory of a guest goes: the storage that is asked for (words: storage), the one that
// the configuration names, that of its first disk, or the first that holds images. Throws Error.
const Storage& state_storage(Engine& engine, const Guest& guest, const Values& words);
// Room for memory and devices in bytes: the format's rule, twice the memory and 500 MiB.
int64_t state_bytes(const Config& config);
// Where a volume lies that need not be there yet.
std::string volume_path(Engine& engine, const std::string& volume);
// Whether the volume holds the memory of one of the guest's snapshots.
bool is_snapshot_state(const Config& config, const std::string& volume);

// Carries out the steps of a plan without undo: for storages whose steps are known only when it is
// seen how the guest is.
void carry_steps(Work& work, const Plan& plan);

}  // namespace lodge
