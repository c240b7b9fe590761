#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "engine/engine.h"
#include "engine/error.h"
#include "engine/units.h"
#include "engine/vm/agent.h"
#include "engine/vm/change_actions.h"
#include "engine/vm/qmp.h"
#include "engine/vm/snapshot_parts.h"
#include "engine/vm/state_stream.h"
#include "engine/vm/vm.h"

// Snapshots of a guest that runs. The disks are taken by one QMP transaction, so that they belong
// to one instant. With memory, the guest's state is streamed to a file as a migration would be;
// QEMU holds just before the switch-over ("pre-switchover"), the guest stands still and its disks
// are still its own: there the transaction goes, then the last of the state, then it runs on.
// Disks on logical volumes are taken by LVM beneath QEMU, which the device waits for; several of
// them, while the guest stands still.

namespace lodge {

using nlohmann::json;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

constexpr milliseconds answer_limit = seconds(60);
constexpr milliseconds disks_limit = seconds(300);  // qcow2 copies its tables
constexpr milliseconds freeze_limit = seconds(60);

int guest_of(const Values& on) {
    return static_cast<int>(on.integer("guest"));
}

// Those of the guest's block nodes that snapshots are made at.
std::vector<std::string> format_nodes(Qmp& qmp) {
    std::vector<std::string> names;
    const json nodes = qmp.call("query-named-block-nodes", {{"flat", true}}, answer_limit);
    if (nodes.is_array())
        for (const json& node : nodes) {
            std::string name = text_at(node, "node-name");
            if (name.starts_with("fmt-")) names.push_back(std::move(name));
        }
    return names;
}

// What LVM does beneath QEMU, as a plan of its own.
Plan plan_beneath(const Values& on) {
    return on.has("beneath") ? plan_from_json(on.text("beneath")) : Plan();
}

// Standstill holds the guest's processors while it lives, when they run and `needed`.
class Standstill {
  public:
    Standstill(Qmp& qmp, bool needed) : qmp_(qmp) {
        holds_ = needed && qmp_status(qmp) == "running";
        if (holds_) qmp_.call("stop", {}, answer_limit);
    }
    Standstill(const Standstill&) = delete;
    Standstill& operator=(const Standstill&) = delete;
    ~Standstill() {
        try {
            end();
        } catch (const Error&) {
            // What is thrown already says what went wrong; lodge resume lets it go on.
        }
    }
    void end() {
        if (!holds_) return;
        holds_ = false;
        qmp_.call("cont", {}, answer_limit);
    }

  private:
    Qmp& qmp_;
    bool holds_ = false;
};

void take_disks(Work& work, Qmp& qmp, const Values& on) {
    const Plan beneath = plan_beneath(on);
    // Two steps a disk: that there is no such snapshot yet, and its making.
    Standstill still(
        qmp, beneath.steps.size() > 2 || (!beneath.steps.empty() && !on.list("keys").empty()));
    carry_steps(work, beneath);
    json actions = json::array();
    for (const std::string& key : on.list("keys"))
        actions.push_back({{"type", "blockdev-snapshot-internal-sync"},
                           {"data", {{"device", "fmt-" + key}, {"name", on.text("name")}}}});
    if (!actions.empty()) qmp.call("transaction", {{"actions", std::move(actions)}}, disks_limit);
    still.end();
}

void forget_in_disk(Qmp& qmp, const std::string& key, const std::string& name) {
    try {
        qmp.call("blockdev-snapshot-delete-internal-sync",
                 {{"device", "fmt-" + key}, {"name", name}}, disks_limit);
    } catch (const Error& error) {
        // QEMU has no class of its own for "there is none".
        if (std::string_view(error.what()).find("does not exist") == std::string_view::npos) throw;
    }
}

void forget_offline(Work& work, const std::string& volume, const std::string& name) {
    Storages& storages = work.engine().storages;
    Plan plan;
    try {
        const VolumeInfo info = storages.info(volume);
        if (storages.of(volume).can_snapshot(info))
            storages.of(volume).plan_delete_snapshot(plan, info, name);
    } catch (const Error& error) {
        if (error.exit() == Exit::not_found) return;
        throw;
    }
    carry_steps(work, plan);
}

// Removes the snapshot from the disks, by QEMU where it has them and by their storage where not.
void forget_everywhere(Work& work, const Values& on) {
    const auto& keys = on.list("keys");
    const auto& volumes = on.list("volumes");
    std::optional<Qmp> qmp;
    std::vector<std::string> nodes;
    if (vm_process(work.engine().host, guest_of(on))) {
        qmp.emplace(vm_monitor(work.engine().host, guest_of(on)));
        nodes = format_nodes(*qmp);
    }
    for (size_t i = 0; i < keys.size() && i < volumes.size(); ++i) {
        if (std::find(nodes.begin(), nodes.end(), "fmt-" + keys[i]) != nodes.end())
            forget_in_disk(*qmp, keys[i], on.text("name"));
        else
            forget_offline(work, volumes[i], on.text("name"));
    }
}

std::string shell_disks(const Values& on) {
    std::vector<std::string> lines;
    const Actions verbs({storage_actions()});
    for (const Step& step : plan_beneath(on).steps)
        lines.push_back(verbs.shell(step.action));
    if (!lines.empty() && on.list("keys").empty()) return join(lines, "\n");
    json actions = json::array();
    for (const std::string& key : on.list("keys"))
        actions.push_back({{"type", "blockdev-snapshot-internal-sync"},
                           {"data", {{"device", "fmt-" + key}, {"name", on.text("name")}}}});
    lines.push_back(
        qmp_as_shell(on.text("guest"), "transaction", {{"actions", std::move(actions)}}));
    return join(lines, "\n");
}

}  // namespace

void run_vm_snapshot_disks(Work& work, const Values& on) {
    const Host& host = work.engine().host;
    Qmp qmp = vm_monitor(host, guest_of(on));
    std::optional<FrozenFileSystems> frozen;
    if (on.flag("freeze"))
        frozen.emplace(host, guest_of(on), freeze_limit,
                       [&](const std::string& line) { work.say(line); });
    take_disks(work, qmp, on);
}

std::string shell_vm_snapshot_disks(const Values& on) {
    const std::string disks = shell_disks(on);
    if (!on.flag("freeze")) return disks;
    return fmt::format("lodge agent freeze {0}\n{1}\nlodge agent thaw {0}", on.text("guest"),
                       disks);
}

void run_vm_snapshot_ram(Work& work, const Values& on) {
    Engine& engine = work.engine();
    const int id = guest_of(on);
    Qmp qmp = vm_monitor(engine.host, id);
    engine.store.change("qemu-server", id, vm_schema(), [&](Config& config) {
        if (Section* section = config.snapshot(on.text("name")))
            write_running(qmp, engine.host, id, *section);
    });
    StateStream stream(qmp, on.text("path"));
    stream.set_hold(true);
    stream.begin();
    stream.run_until(work, "pre-switchover");
    take_disks(work, qmp, on);
    stream.go_on_from_hold();
    stream.finish(work);
    stream.release();
}

std::string shell_vm_snapshot_ram(const Values& on) {
    return fmt::format(
        "# by QMP: getfd of {}; migrate to it, holding before the switch-over; then\n"
        "{}\n# then migrate-continue, and cont when it is completed",
        shell_quote(on.text("path")), shell_disks(on));
}

void run_vm_snapshot_undo(Work& work, const Values& on) {
    const Host& host = work.engine().host;
    const int id = guest_of(on);
    if (vm_process(host, id)) {
        if (on.has("path")) {
            Qmp qmp = vm_monitor(host, id);
            const std::string status = qmp_status(qmp);
            StateStream::call_off(qmp, status == "postmigrate" || status == "finish-migrate");
        }
        if (on.flag("freeze")) {
            try {
                Agent agent = Agent::connect(host, id, seconds(3));
                if (agent.freeze_status(seconds(3)) == "frozen") agent.thaw(seconds(30));
            } catch (const Error& error) {
                work.say(
                    fmt::format("it is not known whether the guest's file systems are frozen: "
                                "{}",
                                error.what()));
            }
        }
    }
    const Plan beneath = plan_beneath(on);
    for (auto step = beneath.steps.rbegin(); step != beneath.steps.rend(); ++step)
        if (step->undo) work.engine().actions.find(step->undo->verb).run(work, step->undo->on);
    forget_everywhere(work, on);
}

std::string shell_vm_snapshot_undo(const Values& on) {
    std::string text = shell_vm_snapshot_delete(on);
    const Actions verbs({storage_actions()});
    for (const Step& step : plan_beneath(on).steps)
        if (step.undo) text += "\n" + verbs.shell(*step.undo);
    return text;
}

void run_vm_snapshot_delete(Work& work, const Values& on) {
    try {
        forget_everywhere(work, on);
    } catch (const Error& error) {
        if (!on.flag("force")) throw;
        work.say(error.what());
    }
}

std::string shell_vm_snapshot_delete(const Values& on) {
    std::vector<std::string> lines;
    for (const std::string& key : on.list("keys"))
        lines.push_back(qmp_as_shell(on.text("guest"), "blockdev-snapshot-delete-internal-sync",
                                     {{"device", "fmt-" + key}, {"name", on.text("name")}}));
    return lines.empty() ? ":" : join(lines, "\n");
}

namespace {

constexpr ActionKind actions[] = {
    // guest name time [description] [vmstate]
    {"snapshot-prepare", run_snapshot_prepare, shell_snapshot_prepare},
    // guest name time
    {"snapshot-forget", run_snapshot_forget, shell_snapshot_forget},
    // guest name
    {"snapshot-commit", run_snapshot_commit, shell_snapshot_commit},
    // guest name [ram] [generation]
    {"snapshot-apply", run_snapshot_apply, shell_snapshot_apply},
    {"snapshot-mark-delete", run_snapshot_mark_delete, shell_snapshot_mark_delete},
    {"snapshot-unmark", run_snapshot_unmark, shell_snapshot_unmark},
    {"snapshot-drop", run_snapshot_drop, shell_snapshot_drop},
    // guest name keys… volumes… [freeze] [beneath: a plan of the storage's own snapshots]
    {"vm-snapshot-disks", run_vm_snapshot_disks, shell_vm_snapshot_disks},
    // guest name keys… volumes… path [beneath]
    {"vm-snapshot-ram", run_vm_snapshot_ram, shell_vm_snapshot_ram},
    {"vm-snapshot-undo", run_vm_snapshot_undo, shell_vm_snapshot_undo},
    // guest name keys… volumes… [force]
    {"vm-snapshot-delete", run_vm_snapshot_delete, shell_vm_snapshot_delete},
    // guest path
    {"vm-save-state", run_vm_save_state, shell_vm_save_state},
    {"vm-save-undo", run_vm_save_undo, shell_vm_save_undo},
    {"vm-load-state", run_vm_load_state, shell_vm_load_state},
    // guest volume
    {"vm-go-on", run_vm_go_on, shell_vm_go_on},
};

}  // namespace

std::span<const ActionKind> vm_snapshot_actions() {
    return actions;
}

}  // namespace lodge
