#include "engine/vm/usb_live.h"

#include <filesystem>
#include <nlohmann/json.hpp>

#include "engine/engine.h"
#include "engine/error.h"
#include "engine/units.h"
#include "engine/vm/change_parts.h"
#include "engine/vm/qmp.h"
#include "engine/vm/state_stream.h"
#include "engine/vm/vm.h"

// Devices of this machine's USB in a guest that runs.

namespace lodge {
namespace {

using nlohmann::json;
constexpr auto answer_limit = std::chrono::seconds(10);

// Where the file lies that QEMU got as a descriptor set ("/dev/fdset/2"); "" for none. The kernel
// puts " (deleted)" behind a node that is gone.
std::string file_of_set(const Host& host, const json& sets, const std::string& set, pid_t pid) {
    const auto number = parse_integer(set.substr(set.rfind('/') + 1));
    if (!number || !sets.is_array()) return "";
    for (const json& one : sets) {
        if (number_at(one, "fdset-id") != *number || !one.contains("fds")) continue;
        for (const json& fd : one["fds"]) {
            std::error_code none;
            const auto file = std::filesystem::read_symlink(
                host.system(fmt::format("/proc/{}/fd/{}", pid, number_at(fd, "fd"))), none);
            if (!none) return file.string();
        }
    }
    return "";
}

}  // namespace

std::map<std::string, std::string> vm_usb_nodes(const Host& host, const Guest& guest) {
    std::map<std::string, std::string> nodes;
    const auto process = vm_process(host, guest.id);
    if (!process) return nodes;
    Qmp qmp = vm_monitor(host, guest.id);
    const json there = qmp.call("qom-list", {{"path", "/machine/peripheral"}}, answer_limit);
    const json sets = qmp.call("query-fdsets", {}, answer_limit);
    if (!there.is_array()) return nodes;
    for (const json& one : there) {
        const std::string key = text_at(one, "name");
        if (text_at(one, "type") != "child<usb-host>") continue;
        const json set = qmp.call(
            "qom-get", {{"path", "/machine/peripheral/" + key}, {"property", "hostdevice"}},
            answer_limit);
        if (!set.is_string() || set.get<std::string>().empty()) continue;
        const std::string file = file_of_set(host, sets, set.get<std::string>(), process->pid);
        nodes[key] = file.ends_with(" (deleted)") ? "" : file;
    }
    return nodes;
}

void plan_replug(Engine& engine, const Guest& guest, const std::string& key, bool out, bool in,
                 Plan& plan) {
    if (out)
        plan.step("take out " + key + ", whose device was unplugged",
                  {"vm-detach", {{"guest", guest.id}, {"key", key}}});
    if (!in) return;
    const std::string why_not =
        plan_attach(engine, guest, {key, guest.config.current.get(key), std::nullopt}, plan);
    if (!why_not.empty()) plan.warn(key + ": " + why_not);
}

}  // namespace lodge
