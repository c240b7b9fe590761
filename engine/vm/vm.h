#pragma once

#include <chrono>
#include <optional>
#include <span>
#include <string>

#include "engine/guest.h"
#include "engine/process.h"
#include "engine/vm/argv.h"

namespace lodge {

class Qmp;

// VmKind is the kind of guest that a QEMU process runs.
class VmKind : public GuestKind {
  public:
    std::string_view name() const override { return "vm"; }
    std::string_view folder() const override { return "qemu-server"; }
    const Schema& schema() const override;

    // life.cc: a process that starts, is asked, told and made to end
    Sighting look(Engine& engine, const Guest& guest) const override;
    const Following* following() const override;
    Plan start(Engine& engine, const Guest& guest, const Values& words) const override;
    Plan shutdown(Engine& engine, const Guest& guest, const Values& words) const override;
    Plan reboot(Engine& engine, const Guest& guest, const Values& words) const override;
    Plan stop(Engine& engine, const Guest& guest, const Values& words) const override;
    Plan reset(Engine& engine, const Guest& guest, const Values& words) const override;
    // words: "to-disk" writes RAM and device state to a volume and ends QEMU
    Plan suspend(Engine& engine, const Guest& guest, const Values& words) const override;
    Plan resume(Engine& engine, const Guest& guest, const Values& words) const override;

    // create.cc, destroy.cc, clone.cc: guests come and go, with their volumes
    Plan create(Engine& engine, int id, const Values& words) const override;
    Plan destroy(Engine& engine, const Guest& guest, const Values& words) const override;
    Plan clone(Engine& engine, const Guest& guest, const Values& words) const override;
    Plan make_template(Engine& engine, const Guest& guest, const Values& words) const override;

    // change.cc: live where it can be, pending where not
    Plan set(Engine& engine, const Guest& guest, const Values& words) const override;

    // snapshot.cc
    Plan snapshot(Engine& engine, const Guest& guest, const Values& words) const override;
    Plan rollback(Engine& engine, const Guest& guest, const Values& words) const override;
    Plan delete_snapshot(Engine& engine, const Guest& guest, const Values& words) const override;

    // console.cc
    int console(Engine& engine, const Guest& guest, const Values& words) const override;
    // facts.cc
    std::string show_command(Engine& engine, const Guest& guest) const override;
    // warnings.cc
    std::vector<std::string> warnings(Engine& engine, const Guest& guest) const override;
};

// The facts of this machine for one guest (facts.cc): volumes named by the config resolved, KVM
// probed (CPU flags vmx/svm and /dev/kvm opens; never more than that), bridges, programs.
MachineFacts vm_facts(Engine& engine, const Guest& guest);

// The guest's QEMU process as <run>/guest/<id>/pid names it; nullopt when it does not run. A stale
// file (pid reused, other boot) is no process (life.cc).
std::optional<ProcessId> vm_process(const Host& host, int id);
// A monitor connection to the running guest; throws Error(Exit::refused) "… is not running" when
// there is none, Exit::busy when QEMU does not answer within `patience` (life.cc).
Qmp vm_monitor(const Host& host, int id,
               std::chrono::milliseconds patience = std::chrono::milliseconds(5000));

// Sockets and files of a running VM in guest_run_folder(): "qmp" (commands), "events" (a second
// monitor, for whoever watches), "serial0"…"serial3", "qga" (agent), "vnc", "pid", "swtpm",
// "virtiofs<N>". In guest_log_folder(): "qemu.log" (QEMU's own words), "serial0.log"… (scrollback).

// Tables of verbs.
std::span<const ActionKind> vm_life_actions();      // life.cc
std::span<const ActionKind> vm_create_actions();    // create.cc: config-create, config-remove, …
std::span<const ActionKind> vm_change_actions();    // change.cc: config-set, qmp, …
std::span<const ActionKind> vm_snapshot_actions();  // snapshot.cc
std::span<const ActionKind> cloudinit_actions();    // cloudinit.cc

}  // namespace lodge
