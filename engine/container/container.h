#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/guest.h"
#include "engine/process.h"
#include "engine/state/counters.h"

namespace lodge {

// CtKind is the kind of guest that liblxc runs: a container. Its process is liblxc's monitor, which
// stays as long as the container does and holds its console; nothing else of Lodge stays.
class CtKind : public GuestKind {
  public:
    std::string_view name() const override { return "ct"; }
    std::string_view folder() const override { return "lxc"; }
    const Schema& schema() const override;

    // look.cc
    Sighting look(Engine& engine, const Guest& guest) const override;
    const Following* following() const override;

    // start.cc, stop.cc
    Plan start(Engine& engine, const Guest& guest, const Values& words) const override;
    Plan shutdown(Engine& engine, const Guest& guest, const Values& words) const override;
    Plan reboot(Engine& engine, const Guest& guest, const Values& words) const override;
    Plan stop(Engine& engine, const Guest& guest, const Values& words) const override;
    Plan reset(Engine& engine, const Guest& guest, const Values& words) const override;
    // pauses its processes
    Plan suspend(Engine& engine, const Guest& guest, const Values& words) const override;
    Plan resume(Engine& engine, const Guest& guest, const Values& words) const override;

    // enter.cc
    int console(Engine& engine, const Guest& guest, const Values& words) const override;

    // create.cc, destroy.cc
    Plan create(Engine& engine, int id, const Values& words) const override;
    Plan destroy(Engine& engine, const Guest& guest, const Values& words) const override;

    // change.cc: limits at once, the rest at the next start
    Plan set(Engine& engine, const Guest& guest, const Values& words) const override;

    // snapshot.cc
    Plan snapshot(Engine& engine, const Guest& guest, const Values& words) const override;
    Plan rollback(Engine& engine, const Guest& guest, const Values& words) const override;
    Plan delete_snapshot(Engine& engine, const Guest& guest, const Values& words) const override;
    Plan clone(Engine& engine, const Guest& guest, const Values& words) const override;
    Plan make_template(Engine& engine, const Guest& guest, const Values& words) const override;

    // start.cc: the configuration that liblxc gets
    std::string show_command(Engine& engine, const Guest& guest) const override;
    std::vector<std::string> warnings(Engine& engine, const Guest& guest) const override;
};

// The monitor of a running container, as <run>/guest/<id>/pid names it; nullopt when it does not
// run.
std::optional<ProcessId> ct_process(const Host& host, int id);

// Where the kernel counts what it uses.
GroupCounters ct_counters(const Host& host, int id);

// Files of a running container in guest_run_folder(): "config", "seccomp", "devices", "mounts"
// (what it was started with), "pid" (its monitor), "about", "serial0" (how one gets its console).
// In guest_log_folder(): "lxc.log" (liblxc's words), "serial0.log" (what it wrote to its console).

// Tables of verbs.
std::span<const ActionKind> ct_life_actions();      // life.cc
std::span<const ActionKind> ct_volume_actions();    // volume.cc
std::span<const ActionKind> ct_image_actions();     // image.cc
std::span<const ActionKind> ct_inside_actions();    // inside.cc
std::span<const ActionKind> ct_file_actions();      // files.cc
std::span<const ActionKind> ct_inspect_actions();   // inspect.cc
std::span<const ActionKind> ct_snapshot_actions();  // snapshot_notes.cc

// Runs a program in a running container, as its root, on our own standard streams: with a terminal
// of its own when ours are one. Its exit status; 127 when the container has no such program.
// Throws Error(Exit::refused) when it does not run. No words: a shell.
int ct_attach(Engine& engine, const Guest& guest, const std::vector<std::string>& words);
// The program that does so, to be started on a terminal of its choice.
Program ct_attach_program(Engine& engine, const Guest& guest,
                          const std::vector<std::string>& words);

// files.cc: a file of this machine into a container, and out of it; the container runs or not.
// words of push: file, path (inside; a folder takes the file's name); of pull: path, file; force: 1
// writes over a file that is there. Links inside lead nowhere else.
Plan ct_push_plan(Engine& engine, const Guest& guest, const Values& words);
Plan ct_pull_plan(Engine& engine, const Guest& guest, const Values& words);

// inspect.cc: hangs the root file system, with the volumes below it, at ct_mount_place() for the
// person to look at, and takes it away again. The configuration is locked (`mounted`) meanwhile.
// words of mount: read-only: 1; of unmount: force: 1 also takes what somebody still uses.
Plan ct_mount_plan(Engine& engine, const Guest& guest, const Values& words);
Plan ct_unmount_plan(Engine& engine, const Guest& guest, const Values& words);
// <run>/mount/<id>
std::string ct_mount_place(const Host& host, int id);

// resize.cc: words: key (rootfs, mp0, …), size ("16G", "+8G"). A container's file system only
// grows.
Plan ct_resize_plan(Engine& engine, const Guest& guest, const Values& words);
// Deletes the volume of unused<N>. words: key.
Plan ct_volume_delete_plan(Engine& engine, const Guest& guest, const Values& words);

// The root file system as it is seen now, for openat(2): with all that is mounted in it where the
// container runs. Throws Error.
Fd open_ct_root(Engine& engine, const Guest& guest);

// Gives a container /dev/dri/renderD*, with the group inside that may use it. words: device.
Plan ct_gpu_plan(Engine& engine, const Guest& guest, const Values& words);

// A throw-away container of this machine's busybox, started. words: name; id; no-start: 1.
Plan ct_demo_plan(Engine& engine, const Values& words);

}  // namespace lodge
