#pragma once

#include <string>

#include "engine/plan.h"
#include "engine/values.h"

// What the verbs of change and snapshot do, and how they look as shell; only their rooms include
// this.
namespace lodge {

// change_config.cc
void run_config_set(Work& work, const Values& on);
std::string shell_config_set(const Values& on);
void run_apply_pending(Work& work, const Values& on);
std::string shell_apply_pending(const Values& on);

// snapshot_config.cc
void run_snapshot_prepare(Work& work, const Values& on);
std::string shell_snapshot_prepare(const Values& on);
void run_snapshot_forget(Work& work, const Values& on);
std::string shell_snapshot_forget(const Values& on);
void run_snapshot_commit(Work& work, const Values& on);
std::string shell_snapshot_commit(const Values& on);
void run_snapshot_apply(Work& work, const Values& on);
std::string shell_snapshot_apply(const Values& on);
void run_snapshot_mark_delete(Work& work, const Values& on);
std::string shell_snapshot_mark_delete(const Values& on);
void run_snapshot_unmark(Work& work, const Values& on);
std::string shell_snapshot_unmark(const Values& on);
void run_snapshot_drop(Work& work, const Values& on);
std::string shell_snapshot_drop(const Values& on);

// snapshot_live.cc
void run_vm_snapshot_disks(Work& work, const Values& on);
std::string shell_vm_snapshot_disks(const Values& on);
void run_vm_snapshot_ram(Work& work, const Values& on);
std::string shell_vm_snapshot_ram(const Values& on);
void run_vm_snapshot_undo(Work& work, const Values& on);
std::string shell_vm_snapshot_undo(const Values& on);
void run_vm_snapshot_delete(Work& work, const Values& on);
std::string shell_vm_snapshot_delete(const Values& on);

// state_stream.cc
void run_vm_save_state(Work& work, const Values& on);
std::string shell_vm_save_state(const Values& on);
void run_vm_save_undo(Work& work, const Values& on);
std::string shell_vm_save_undo(const Values& on);
void run_vm_load_state(Work& work, const Values& on);
std::string shell_vm_load_state(const Values& on);

// hibernate.cc
void run_vm_go_on(Work& work, const Values& on);
std::string shell_vm_go_on(const Values& on);

// change_live.cc
void run_qmp(Work& work, const Values& on);
std::string shell_run_qmp(const Values& on);
void run_vm_cpu_share(Work& work, const Values& on);
std::string shell_vm_cpu_share(const Values& on);
void run_vm_add_cpus(Work& work, const Values& on);
std::string shell_vm_add_cpus(const Values& on);
void run_vm_forward(Work& work, const Values& on);
std::string shell_vm_forward(const Values& on);

// hotplug.cc
void run_vm_attach(Work& work, const Values& on);
std::string shell_vm_attach(const Values& on);
void run_vm_media(Work& work, const Values& on);
std::string shell_vm_media(const Values& on);
void run_vm_detach(Work& work, const Values& on);
std::string shell_vm_detach(const Values& on);

}  // namespace lodge
