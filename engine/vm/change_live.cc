#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "engine/cgroup.h"
#include "engine/device.h"
#include "engine/engine.h"
#include "engine/error.h"
#include "engine/units.h"
#include "engine/vm/change_actions.h"
#include "engine/vm/change_parts.h"
#include "engine/vm/life.h"
#include "engine/vm/qmp.h"
#include "engine/vm/state_stream.h"
#include "engine/vm/vm.h"

// What of a running guest can be changed by telling QEMU or the kernel.

namespace lodge {

using nlohmann::json;

namespace {

constexpr std::chrono::milliseconds answer_limit = std::chrono::seconds(60);
constexpr auto only_at_start = "QEMU takes it only when it starts";

int guest_of(const Values& on) {
    return static_cast<int>(on.integer("guest"));
}

bool is_within(const std::set<std::string>& parts, const std::set<std::string_view>& allowed) {
    return std::all_of(parts.begin(), parts.end(),
                       [&](const std::string& part) { return allowed.contains(part); });
}

// "net" and "net0" but not "netX".
bool is_indexed(std::string_view key, std::string_view stem) {
    return key.starts_with(stem) && parse_integer(key.substr(stem.size())).has_value();
}

Action qmp_action(int id, std::string_view command, const json& arguments, bool lenient = false) {
    Values on = {{"guest", id}, {"command", command}, {"arguments", arguments.dump()}};
    if (lenient) on.set({"lenient", true});
    return {"qmp", std::move(on)};
}

const std::set<std::string_view>& limit_parts() {
    static const std::set<std::string_view> parts = {"bps",
                                                     "bps_max_length",
                                                     "bps_rd",
                                                     "bps_rd_max_length",
                                                     "bps_wr",
                                                     "bps_wr_max_length",
                                                     "iops",
                                                     "iops_max",
                                                     "iops_max_length",
                                                     "iops_rd",
                                                     "iops_rd_max",
                                                     "iops_rd_max_length",
                                                     "iops_wr",
                                                     "iops_wr_max",
                                                     "iops_wr_max_length",
                                                     "mbps",
                                                     "mbps_max",
                                                     "mbps_rd",
                                                     "mbps_rd_max",
                                                     "mbps_wr",
                                                     "mbps_wr_max"};
    return parts;
}

// Parts of a drive that only Lodge reads.
bool is_limit_or_ours(const std::set<std::string>& parts) {
    return std::all_of(parts.begin(), parts.end(), [](const std::string& part) {
        return limit_parts().contains(part) || part == "backup" || part == "replicate" ||
               part == "size";
    });
}

// All limits of a drive's throttle group: what is not said is none. QEMU keeps what it is not told.
json limits_of(Engine& engine, const Guest& guest, const std::string& key) {
    json limits = json::object();
    for (const char* kind : {"bps", "iops"})
        for (const char* way : {"total", "read", "write"}) {
            const std::string name = fmt::format("{}-{}", kind, way);
            limits[name] = 0;
            limits[name + "-max"] = 0;
            limits[name + "-max-length"] = 1;
        }
    const VmAttachment attachment =
        vm_attachment(guest.config, guest.id, vm_facts(engine, guest), key);
    for (const VmAttachment::Command& command : attachment.commands) {
        if (command.name != "object-add") continue;
        const json object = json::parse(command.arguments, nullptr, false);
        if (text_at(object, "id") != "throttle-" + key || !object.contains("limits")) continue;
        limits.update(object["limits"]);
    }
    return limits;
}

std::string change_limits(Engine& engine, const Guest& guest, const Wish& wish, Plan& plan) {
    const auto set = [&](const Guest& as) {
        return qmp_action(guest.id, "qom-set",
                          {{"path", "/objects/throttle-" + wish.key},
                           {"property", "limits"},
                           {"value", limits_of(engine, as, wish.key)}});
    };
    Action undo = set(guest);
    undo.on.set({"lenient", true});
    plan.step("set the limits of " + wish.key, set(with_wish(guest, wish)), std::move(undo));
    return "";
}

std::string change_disk(Engine& engine, const Guest& guest, const Wish& wish, Plan& plan) {
    const bool was_cd = wish.old && is_cdrom_value(wish.key, *wish.old);
    const bool is_cd = wish.value && is_cdrom_value(wish.key, *wish.value);
    if (was_cd && is_cd) {
        if (!is_within(changed_parts(wish.key, *wish.old, *wish.value), {"file", "size", "media"}))
            return only_at_start;
        return plan_media(engine, guest, wish, plan);
    }
    if (wish.key == "efidisk0" || wish.key == "tpmstate0") return only_at_start;
    if (wish.old && wish.value) {
        if (volume_of(*wish.old) != volume_of(*wish.value))
            return "another volume takes its place when the guest starts";
        const auto parts = changed_parts(wish.key, *wish.old, *wish.value);
        if (!is_limit_or_ours(parts)) return only_at_start;
        const bool limits = std::any_of(parts.begin(), parts.end(), [](const std::string& part) {
            return limit_parts().contains(part);
        });
        return limits ? change_limits(engine, guest, wish, plan) : "";
    }
    if (is_indexed(wish.key, "ide") || is_indexed(wish.key, "sata"))
        return "IDE and SATA cannot be plugged while the guest runs";
    if (!hotplug_allows(guest.config, "disk")) return "hotplug does not say disk";
    if (wish.value) return plan_attach(engine, guest, wish, plan);
    plan_detach(guest, wish, plan);
    return "";
}

std::string change_net(Engine& engine, const Guest& guest, const Wish& wish, Plan& plan) {
    if (!hotplug_allows(guest.config, "network")) return "hotplug does not say network";
    if (wish.is_new()) return plan_attach(engine, guest, wish, plan);
    if (wish.is_gone()) {
        plan_detach(guest, wish, plan);
        return "";
    }
    const auto parts = changed_parts(wish.key, *wish.old, *wish.value);
    if (!is_within(parts, {"link_down"})) return only_at_start;
    const auto link = [&](const Guest& as, bool lenient) {
        const auto net = as.config.properties(wish.key);
        return qmp_action(guest.id, "set_link",
                          {{"name", wish.key}, {"up", !(net && net->flag("link_down"))}}, lenient);
    };
    const Guest after = with_wish(guest, wish);
    const bool down = after.config.properties(wish.key)->flag("link_down");
    plan.step(fmt::format("{} the cable of {}", down ? "pull" : "plug", wish.key),
              link(after, false), link(guest, true));
    return "";
}

std::string change_balloon(const Guest& guest, const Wish& wish, Plan& plan) {
    const int64_t memory = guest.config.integer("memory");
    const auto target = [&](const std::optional<std::string>& value) {
        return value ? std::min(parse_integer(*value).value_or(memory), memory) : memory;
    };
    const int64_t before = target(wish.old), after = target(wish.value);
    if (before == 0 || after == 0) return "the balloon device comes and goes with a start";
    constexpr int64_t mib = 1 << 20;
    plan.step(fmt::format("ask the guest to make do with {} MiB", after),
              qmp_action(guest.id, "balloon", {{"value", after * mib}}),
              qmp_action(guest.id, "balloon", {{"value", before * mib}}, true));
    return "";
}

std::string change_cpu_share(const Guest& guest, const Wish& wish, Plan& plan) {
    const auto share = [&](const Config& config) {
        const CpuShare one = cpu_share(config);
        return Action{
            "vm-cpu-share",
            {{"guest", guest.id}, {"cpus", fmt::format("{}", one.cpus)}, {"units", one.units}}};
    };
    plan.step("set the share of processor time", share(with_wish(guest, wish).config),
              share(guest.config));
    return "";
}

std::string change_vcpus(const Guest& guest, const Wish& wish, Plan& plan) {
    if (!hotplug_allows(guest.config, "cpu")) return "hotplug does not say cpu";
    const int64_t all = guest.config.integer("sockets") * guest.config.integer("cores");
    const auto count = [&](const std::optional<std::string>& value) {
        return value ? std::min(parse_integer(*value).value_or(all), all) : all;
    };
    if (count(wish.value) < count(wish.old))
        return "processors cannot be taken from a running guest";
    plan.step(fmt::format("plug in processors, up to {}", count(wish.value)),
              {"vm-add-cpus", {{"guest", guest.id}, {"count", count(wish.value)}}});
    return "";
}

std::string forward_words(const Properties& forward) {
    return fmt::format("{}:{}:{}-:{}", forward.text("proto"), forward.text("address"),
                       forward.integer("host"), forward.integer("guest"));
}

Action forward_action(int id, const Properties& forward, bool add) {
    std::string rule = forward_words(forward);
    if (!add) rule.erase(rule.rfind("-:"));
    return {"vm-forward",
            {{"guest", id}, {"net", forward.text("net")}, {"rule", rule}, {"add", add}}};
}

std::string change_forward(const Guest& guest, const Wish& wish, Plan& plan) {
    if (wish.old) {
        const auto before = guest.config.properties(wish.key);
        if (!before) return only_at_start;
        plan.step("close the port of " + wish.key, forward_action(guest.id, *before, false),
                  forward_action(guest.id, *before, true));
    }
    if (wish.value) {
        const auto after = with_wish(guest, wish).config.properties(wish.key);
        if (!after) return only_at_start;
        plan.step("open the port of " + wish.key, forward_action(guest.id, *after, true),
                  forward_action(guest.id, *after, false));
    }
    return "";
}

}  // namespace

Guest with_wish(const Guest& guest, const Wish& wish) {
    Guest after = guest;
    if (wish.value)
        after.config.current.set(wish.key, *wish.value);
    else
        after.config.current.erase(wish.key);
    return after;
}

std::string plan_live_change(Engine& engine, const Guest& guest, const Wish& wish, Plan& plan) {
    // A key that only waits was never in the running guest.
    if (!wish.value && !wish.old) return "";
    const std::string& key = wish.key;
    if (key == "cpuunits" || key == "cpulimit") return change_cpu_share(guest, wish, plan);
    if (key == "balloon") return change_balloon(guest, wish, plan);
    if (key == "vcpus") return change_vcpus(guest, wish, plan);
    if (is_indexed(key, "net")) return change_net(engine, guest, wish, plan);
    if (is_indexed(key, "hostfwd")) return change_forward(guest, wish, plan);
    if (is_disk_key(key)) return change_disk(engine, guest, wish, plan);
    if (is_indexed(key, "usb")) {
        if (!hotplug_allows(guest.config, "usb")) return "hotplug does not say usb";
        if (wish.is_new()) {
            const std::string why_not = plan_attach(engine, guest, wish, plan);
            if (!why_not.empty()) return why_not;
            // Somebody follows when it is unplugged and comes back.
            for (const DeviceKind* kind : engine.devices)
                if (kind->key() == "usb") kind->plan_started(engine, with_wish(guest, wish), plan);
            return "";
        }
        if (!wish.is_gone()) return only_at_start;
        plan_detach(guest, wish, plan);
        return "";
    }
    if (key == "agent" && wish.old && wish.value &&
        is_within(changed_parts(key, *wish.old, *wish.value),
                  {"freeze-fs", "freeze-fs-on-backup", "fstrim_cloned_disks"}))
        return "";
    return only_at_start;
}

// The verbs.

void run_qmp(Work& work, const Values& on) {
    const Host& host = work.engine().host;
    if (on.flag("lenient") && !vm_process(host, guest_of(on))) return;
    json arguments;
    if (const auto text = on.get("arguments")) arguments = json::parse(*text, nullptr, false);
    if (arguments.is_discarded())
        fail(Exit::failed, "a step of this plan has arguments that are no JSON");
    try {
        Qmp qmp = vm_monitor(host, guest_of(on));
        qmp.call(on.text("command"), arguments, answer_limit);
    } catch (const Error& error) {
        if (!on.flag("lenient")) throw;
        work.say(error.what());
    }
}

std::string shell_run_qmp(const Values& on) {
    json arguments;
    if (const auto text = on.get("arguments")) arguments = json::parse(*text, nullptr, false);
    return qmp_as_shell(on.text("guest"), on.text("command"), arguments);
}

void run_vm_cpu_share(Work& work, const Values& on) {
    CpuShare share;
    share.cpus = parse_number(on.text("cpus")).value_or(0);
    share.units = on.integer("units");
    if (!vm_process(work.engine().host, guest_of(on))) return;
    Cgroup group(work.engine().host, guest_of(on));
    group.change(share);
    for (const std::string& note : group.notes())
        work.say(note);
}

std::string shell_vm_cpu_share(const Values& on) {
    return fmt::format("lodge set {} cpulimit={} cpuunits={}", on.text("guest"), on.text("cpus"),
                       on.text("units"));
}

void run_vm_add_cpus(Work& work, const Values& on) {
    Qmp qmp = vm_monitor(work.engine().host, guest_of(on));
    json places = qmp.call("query-hotpluggable-cpus", {}, answer_limit);
    // QEMU lists the last one first.
    std::reverse(places.begin(), places.end());
    const auto is_there = [](const json& place) { return place.contains("qom-path"); };
    int64_t count = std::count_if(places.begin(), places.end(), is_there);
    for (size_t i = 0; i < places.size() && count < on.integer("count"); ++i) {
        if (is_there(places[i])) continue;
        json device = places[i].at("props");
        device["driver"] = places[i].at("type");
        device["id"] = fmt::format("cpu{}", i);
        qmp.call("device_add", device, answer_limit);
        ++count;
        work.say(fmt::format("the guest has {} processors", count));
    }
    if (count < on.integer("count"))
        fail(Exit::failed, "the guest has room for {} processors only", count);
}

std::string shell_vm_add_cpus(const Values& on) {
    return qmp_as_shell(on.text("guest"), "query-hotpluggable-cpus", nullptr) +
           "\n# then device_add for those without qom-path, until there are " + on.text("count");
}

namespace {

json forward_command(const Values& on) {
    return {
        {"command-line", fmt::format("{} {} {}", on.flag("add") ? "hostfwd_add" : "hostfwd_remove",
                                     on.text("net"), on.text("rule"))}};
}

}  // namespace

// User-mode networking takes rules by the human monitor only; its words are all that it answers.
void run_vm_forward(Work& work, const Values& on) {
    Qmp qmp = vm_monitor(work.engine().host, guest_of(on));
    const json said = qmp.call("human-monitor-command", forward_command(on), answer_limit);
    const std::string words = said.is_string() ? std::string(trim(said.get<std::string>())) : "";
    if (on.flag("add") && !words.empty())
        fail(Exit::failed, "QEMU cannot forward {}: {}", on.text("rule"), printable(words));
    if (!on.flag("add") && words.find("removed") == std::string::npos)
        work.say("no longer forwarded: " + printable(words));
}

std::string shell_vm_forward(const Values& on) {
    return qmp_as_shell(on.text("guest"), "human-monitor-command", forward_command(on));
}

}  // namespace lodge
