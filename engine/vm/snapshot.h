#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/config.h"
#include "engine/guest.h"
#include "engine/plan.h"
#include "engine/values.h"

namespace lodge {

struct Engine;

// SnapshotNode is a line of a guest's tree of snapshots, parents before children.
struct SnapshotNode {
    std::string name;    // "now" for where the guest is
    std::string parent;  // "" for a root
    int depth = 0;       // 0 for a root
    bool now = false;
    int64_t time = 0;  // Unix time, seconds; 0 when not known
    bool with_memory = false;
    std::string description;
    std::string state;  // "prepare" or "delete" when the work on it was interrupted
};

// The tree by its parent links, siblings by time; a link to nowhere or in a circle makes a root.
// The last child of the guest's parent is the node "now".
std::vector<SnapshotNode> snapshot_tree(const Config& config);

// Plan that writes RAM and device state of a running guest to a volume, ends QEMU and leaves
// `lock: suspended` and `vmstate: <volume>`, so that the next start goes on from there. words:
// none.
Plan vm_hibernate_plan(Engine& engine, const Guest& guest, const Values& words);

// SavedState is what a start needs to go on from a guest's saved RAM.
struct SavedState {
    std::string volume;   // the volume id
    std::string path;     // where it lies
    std::string machine;  // -machine type as it ran ("pc-q35-7.2"), "" not known
    std::string cpu;      // -cpu as it ran, "" not known
};
// What the current section says of a saved state: `lock: suspended` with `vmstate:`. nullopt when
// the guest starts afresh. Throws Error when the volume's name cannot be taken.
std::optional<SavedState> saved_state(Engine& engine, const Config& config);
// Steps that throw the saved memory of a guest that is (being) suspended to disk away, its lock as
// well: the next start is a fresh one, as after a power cut. False, and no steps, for any other
// guest and for one that runs.
bool plan_forget_memory(Engine& engine, const Guest& guest, Plan& plan);
// What the command line needs to wait for the saved state; QEMU must start with them, and with the
// machine type and -cpu of the SavedState in place of the configuration's own.
std::vector<std::string> resume_arguments();
// The steps that go after QEMU has been started with resume_arguments() and -S: "vm-load-state"
// hands it the state and waits until it is in; "vm-go-on" makes the configuration forget `lock`,
// `vmstate`, `runningmachine` and `runningcpu`, lets the guest run, and removes the volume unless a
// snapshot owns it. What waits for the next start waits on: the guest must be as it was saved.
void add_resume_steps(Engine& engine, const Guest& guest, const SavedState& state, Plan& plan);

}  // namespace lodge
