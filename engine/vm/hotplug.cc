#include <algorithm>
#include <nlohmann/json.hpp>
#include <thread>

#include "engine/engine.h"
#include "engine/error.h"
#include "engine/guest_user.h"
#include "engine/storage/device_storage.h"
#include "engine/units.h"
#include "engine/vm/change_actions.h"
#include "engine/vm/change_parts.h"
#include "engine/vm/handover.h"
#include "engine/vm/qmp.h"
#include "engine/vm/state_stream.h"
#include "engine/vm/vm.h"

// Disks, cards and USB devices that are plugged into a running guest and out of it, and discs that
// are put into its CD drives. How a key looks to QEMU is vm_attachment()'s business.

namespace lodge {

using nlohmann::json;
using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

namespace {

constexpr milliseconds answer_limit = std::chrono::seconds(60);
constexpr int64_t let_go_seconds = 10;

int guest_of(const Values& on) {
    return static_cast<int>(on.integer("guest"));
}

// The facts for a guest some of whose volumes are made only by steps before this one. One that is
// not there at all stops a start, not the plugging of another.
MachineFacts facts_for(Engine& engine, const Guest& guest) {
    MachineFacts facts = vm_facts(engine, guest);
    for (const auto& [key, value] : guest.config.current.entries()) {
        if (!is_disk_key(key)) continue;
        const std::string volume = volume_of(value);
        const size_t colon = volume.find(':');
        if (facts.volumes.contains(volume) || colon == std::string::npos || volume[0] == '/')
            continue;
        MachineFacts::Volume made;
        made.block_device = device_storage(engine.storages, volume) != nullptr;
        made.path = engine.storages.of(volume).path(volume.substr(colon + 1));
        made.format = volume.ends_with(".qcow2") ? "qcow2" : "raw";
        facts.volumes[volume] = made;
    }
    return facts;
}

Values attachment_values(const Guest& guest, const std::string& key, const VmAttachment& attachment,
                         bool with_device) {
    Values on = {{"guest", guest.id}, {"key", key}};
    for (const VmAttachment::Command& command : attachment.commands)
        if (with_device || command.name != "device_add")
            on.add("commands", command.name + " " + command.arguments);
    for (size_t i = 0; i < attachment.handovers.size(); ++i) {
        on.add("hand-over", print_handover(attachment.handovers[i]));
        on.add("names", attachment.names[i]);
    }
    if (!attachment.owned.empty()) on.set({"owned", attachment.owned});
    if (with_device && !attachment.before_run.empty())
        on.set({"before-run", attachment.before_run});
    return on;
}

// A disk's own files; those of other keys are QEMU's already.
void keep_own(VmAttachment& attachment) {
    std::erase_if(attachment.owned, [&](const std::string& path) {
        return std::none_of(
            attachment.commands.begin(), attachment.commands.end(), [&](const auto& command) {
                return command.arguments.find(json(path).dump()) != std::string::npos;
            });
    });
}

std::vector<std::string> names_at(Qmp& qmp, const char* path) {
    std::vector<std::string> names;
    const json list = qmp.call("qom-list", {{"path", path}}, answer_limit);
    if (list.is_array())
        for (const json& one : list)
            names.push_back(text_at(one, "name"));
    return names;
}

bool has_device(Qmp& qmp, const std::string& id) {
    const auto names = names_at(qmp, "/machine/peripheral");
    return std::find(names.begin(), names.end(), id) != names.end();
}

// What cannot be removed because it is not there is removed.
void try_call(Qmp& qmp, Work& work, const char* command, const json& arguments) {
    try {
        qmp.call(command, arguments, answer_limit);
    } catch (const Error& error) {
        const std::string_view words = error.what();
        for (const std::string_view gone : {"not found", "Failed to find node", "Cannot find"})
            if (words.find(gone) != std::string_view::npos) return;
        work.say(error.what());
    }
}

// Asks the guest to let go of a device and waits; true when it has.
bool take_out(Qmp& qmp, const std::string& id, int64_t limit) {
    if (!has_device(qmp, id)) return true;
    const auto end = Clock::now() + std::chrono::seconds(limit);
    try {
        qmp.call("device_del", {{"id", id}}, answer_limit);
    } catch (const Error& error) {
        const std::string_view words = error.what();
        if (words.find("not found") != std::string_view::npos) return true;
        // An earlier wish may still be on its way through the guest.
        if (words.find("in the process of unplug") == std::string_view::npos) throw;
    }
    while (Clock::now() < end) {
        const auto left = std::chrono::duration_cast<milliseconds>(end - Clock::now());
        const auto gone = qmp.wait_event(
            [&](const json& event) {
                return event.value("event", "") == "DEVICE_DELETED" && event.contains("data") &&
                       text_at(event["data"], "device") == id;
            },
            std::clamp(left, milliseconds(1), milliseconds(500)));
        if (gone || !has_device(qmp, id)) return true;
    }
    return false;
}

// A guest may have locked the door (hence force), and may close it at any moment, as a BIOS does
// that looks for something to boot.
void call_at_open_tray(Qmp& qmp, const std::string& key, const char* command,
                       const json& arguments) {
    for (int attempt = 1;; ++attempt) {
        qmp.call("blockdev-open-tray", {{"id", key}, {"force", true}}, answer_limit);
        try {
            qmp.call(command, arguments, answer_limit);
            return;
        } catch (const Error& error) {
            const bool shut =
                std::string_view(error.what()).find("is not open") != std::string_view::npos;
            if (!shut || attempt == 50) throw;
        }
        std::this_thread::sleep_for(milliseconds(20));
    }
}

void remove_backend(Qmp& qmp, Work& work, const std::string& key, int64_t limit, bool whole) {
    if (is_disk_key(key)) {
        for (const char* layer : {"fmt-", "drive-", "file-"})
            try_call(qmp, work, "blockdev-del", {{"node-name", layer + key}});
        try_call(qmp, work, "object-del", {{"id", "throttle-" + key}});
    }
    if (!whole) return;
    if (key.starts_with("net")) try_call(qmp, work, "netdev_del", {{"id", key}});
    // The controller and the thread that one disk alone has.
    const std::string controller = "virtioscsi" + key.substr(std::min<size_t>(4, key.size()));
    if (key.starts_with("scsi") && !take_out(qmp, controller, std::min<int64_t>(limit, 5))) {
        work.say("the guest keeps the empty controller of " + key);
        return;
    }
    if (is_disk_key(key)) {
        const auto objects = names_at(qmp, "/objects");
        if (std::find(objects.begin(), objects.end(), "iothread-" + key) != objects.end())
            try_call(qmp, work, "object-del", {{"id", "iothread-" + key}});
    }
}

std::string with_replaced(std::string text, const std::string& from, const std::string& to) {
    for (size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
        text.replace(at, from.size(), to);
    return text;
}

// Gives QEMU the descriptors of a step; returns its commands with the names they have there.
std::vector<std::string> hand_over(Work& work, Qmp& qmp, const Values& on) {
    std::vector<std::string> commands = on.list("commands");
    const auto& handovers = on.list("hand-over");
    const auto& names = on.list("names");
    for (size_t i = 0; i < handovers.size() && i < names.size(); ++i) {
        std::vector<std::string> notes;
        const Fd fd = open_handover(parse_handover(handovers[i]), notes);
        for (const std::string& note : notes)
            work.say(note);
        if (!names[i].starts_with("/dev/fdset/")) {
            qmp.call_with_fd(fd.get(), "getfd", {{"fdname", names[i]}}, answer_limit);
            continue;
        }
        const json set = qmp.call_with_fd(fd.get(), "add-fd", json::object(), answer_limit);
        const std::string path = fmt::format("/dev/fdset/{}", number_at(set, "fdset-id"));
        for (std::string& command : commands)
            command = with_replaced(command, "\"" + names[i] + "\"", "\"" + path + "\"");
    }
    return commands;
}

void run_commands(Qmp& qmp, const std::string& key, const std::vector<std::string>& commands) {
    for (const std::string& command : commands) {
        const size_t space = command.find(' ');
        const std::string name = command.substr(0, space);
        json arguments = json::parse(command.substr(space + 1), nullptr, false);
        if (!arguments.is_object())
            fail(Exit::failed, "a step of this plan has arguments that are no JSON");
        // What an earlier plug left in place (a controller, a thread) serves again.
        const std::string id = text_at(arguments, "id");
        if (name == "device_add" && id != key && has_device(qmp, id)) continue;
        if (name == "object-add") {
            const auto objects = names_at(qmp, "/objects");
            if (std::find(objects.begin(), objects.end(), id) != objects.end()) continue;
        }
        qmp.call(name, arguments, answer_limit);
    }
}

std::string commands_as_shell(const Values& on) {
    std::vector<std::string> lines;
    const auto& handovers = on.list("hand-over");
    const auto& names = on.list("names");
    for (size_t i = 0; i < handovers.size() && i < names.size(); ++i)
        lines.push_back(fmt::format("# by QMP: {} as {}", printable(handovers[i]), names[i]));
    for (const std::string& command : on.list("commands")) {
        const size_t space = command.find(' ');
        lines.push_back(qmp_as_shell(on.text("guest"), command.substr(0, space),
                                     json::parse(command.substr(space + 1), nullptr, false)));
    }
    return join(lines, "\n");
}

}  // namespace

std::string plan_attach(Engine& engine, const Guest& guest, const Wish& wish, Plan& plan) {
    const Guest after = with_wish(guest, wish);
    const MachineFacts facts = facts_for(engine, after);
    // What is on USB comes and goes: it is plugged in when it is there.
    if (const auto absent = facts.passed_problems.find(wish.key);
        absent != facts.passed_problems.end()) {
        plan.warn(wish.key + ": " + absent->second);
        return "";
    }
    VmAttachment attachment;
    try {
        attachment = vm_attachment(after.config, guest.id, facts, wish.key);
    } catch (const Error& error) {
        if (error.exit() != Exit::refused) throw;
        return error.what();
    }
    keep_own(attachment);
    for (const std::string& words : attachment.warnings)
        plan.warn(words);
    plan.step("plug in " + wish.key,
              {"vm-attach", attachment_values(guest, wish.key, attachment, true)},
              Action{"vm-detach", {{"guest", guest.id}, {"key", wish.key}}});
    return "";
}

void plan_detach(const Guest& guest, const Wish& wish, Plan& plan) {
    Values on = {
        {"guest", guest.id}, {"key", wish.key}, {"limit", let_go_seconds}, {"write", true}};
    if (is_disk_key(wish.key) && !is_cdrom_value(wish.key, *wish.old))
        on.set({"volume", volume_of(*wish.old)});
    plan.step(fmt::format("ask the guest to let go of {}", wish.key), {"vm-detach", std::move(on)});
}

std::string plan_media(Engine& engine, const Guest& guest, const Wish& wish, Plan& plan) {
    const auto disc = [&](const Guest& as, const std::string& value) {
        VmAttachment attachment;
        if (!volume_of(value).empty()) {
            attachment = vm_attachment(as.config, guest.id, facts_for(engine, as), wish.key);
            attachment.owned.clear();
        }
        return Action{"vm-media", attachment_values(guest, wish.key, attachment, false)};
    };
    const bool empty = volume_of(*wish.value).empty();
    plan.step(empty ? "take the disc out of " + wish.key
                    : "put " + volume_of(*wish.value) + " into " + wish.key,
              disc(with_wish(guest, wish), *wish.value), disc(guest, *wish.old));
    return "";
}

void run_vm_attach(Work& work, const Values& on) {
    const Host& host = work.engine().host;
    for (const std::string& path : on.list("owned"))
        give_to(guest_user(host), path);
    Qmp qmp = vm_monitor(host, guest_of(on));
    run_commands(qmp, on.text("key"), hand_over(work, qmp, on));
    for (const std::string& text : on.list("before-run")) {
        const json command = json::parse(text, nullptr, false);
        qmp.call(text_at(command, "execute"), command.value("arguments", json()), answer_limit);
    }
}

std::string shell_vm_attach(const Values& on) {
    return commands_as_shell(on);
}

void run_vm_media(Work& work, const Values& on) {
    const std::string& key = on.text("key");
    Qmp qmp = vm_monitor(work.engine().host, guest_of(on));
    call_at_open_tray(qmp, key, "blockdev-remove-medium", {{"id", key}});
    remove_backend(qmp, work, key, 0, false);
    if (on.list("commands").empty()) return;
    run_commands(qmp, key, hand_over(work, qmp, on));
    call_at_open_tray(qmp, key, "blockdev-insert-medium",
                      {{"id", key}, {"node-name", "fmt-" + key}});
    qmp.call("blockdev-close-tray", {{"id", key}}, answer_limit);
}

std::string shell_vm_media(const Values& on) {
    const std::string& key = on.text("key");
    const std::string& guest = on.text("guest");
    std::string text = qmp_as_shell(guest, "blockdev-open-tray", {{"id", key}, {"force", true}}) +
                       "\n" + qmp_as_shell(guest, "blockdev-remove-medium", {{"id", key}});
    if (on.list("commands").empty()) return text;
    return text + "\n" + commands_as_shell(on) + "\n" +
           qmp_as_shell(guest, "blockdev-insert-medium",
                        {{"id", key}, {"node-name", "fmt-" + key}}) +
           "\n" + qmp_as_shell(guest, "blockdev-close-tray", {{"id", key}});
}

void run_vm_detach(Work& work, const Values& on) {
    Engine& engine = work.engine();
    const std::string& key = on.text("key");
    const int64_t limit = on.integer("limit", let_go_seconds);
    bool let_go = true;
    if (vm_process(engine.host, guest_of(on))) {
        Qmp qmp = vm_monitor(engine.host, guest_of(on));
        let_go = take_out(qmp, key, limit);
        if (let_go) remove_backend(qmp, work, key, limit, true);
    }
    if (!on.flag("write")) {
        if (!let_go) work.say(fmt::format("the guest does not let go of {}", key));
        return;
    }
    Edit edit;
    if (let_go) {
        edit.erase = {key};
    } else {
        edit.pending_erase = {key};
        work.say(fmt::format(
            "the guest did not let go of {} within {} s: it goes at the next start", key, limit));
    }
    engine.store.change("qemu-server", guest_of(on), vm_schema(), [&](Config& config) {
        apply_edit(config, edit);
        if (let_go && on.has("volume")) keep_as_unused(config, on.text("volume"));
    });
}

std::string shell_vm_detach(const Values& on) {
    const std::string& key = on.text("key");
    const std::string& guest = on.text("guest");
    std::string text =
        qmp_as_shell(guest, "device_del", {{"id", key}}) + "\n# wait for DEVICE_DELETED";
    if (is_disk_key(key))
        for (const char* layer : {"fmt-", "drive-", "file-"})
            text += "\n" + qmp_as_shell(guest, "blockdev-del", {{"node-name", layer + key}});
    if (key.starts_with("net")) text += "\n" + qmp_as_shell(guest, "netdev_del", {{"id", key}});
    return text;
}

}  // namespace lodge
