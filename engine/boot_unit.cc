#include "engine/boot_unit.h"

#include "engine/host.h"

namespace lodge {
namespace {

std::string unit_path(const Host& host, std::string_view name) {
    return host.system("/etc/systemd/system/" + std::string(name));
}

}  // namespace

bool is_machines_own(const Host& host) {
    return host.is_root() && (host.config_folder() == "/etc/lodge" || !host.system("").empty());
}

bool has_systemd(const Host& host) {
    return host.exists(host.system("/run/systemd/system")) && host.program("systemctl");
}

void plan_write(Plan& plan, const Host& host, const std::string& path, const std::string& content,
                const std::string& why) {
    const auto before = host.read(path);
    if (before == content) return;
    std::optional<Action> undo = before ? Action{"write", {{"path", path}, {"content", *before}}}
                                        : Action{"remove", {{"path", path}}};
    plan.step(why, {"write", {{"path", path}, {"content", content}}}, std::move(undo));
}

void plan_remove(Plan& plan, const Host& host, const std::string& path, const std::string& why) {
    if (const auto before = host.read(path))
        plan.step(why, {"remove", {{"path", path}}},
                  Action{"write", {{"path", path}, {"content", *before}}});
}

void plan_run(Plan& plan, const std::string& why, std::vector<std::string> argv,
              std::vector<std::string> undo) {
    std::optional<Action> back;
    if (!undo.empty()) back = Action{"run", {{"argv", std::move(undo)}}};
    plan.step(why, {"run", {{"argv", std::move(argv)}}}, std::move(back));
}

void plan_boot_unit(Plan& plan, const Host& host, std::string_view name, const std::string& text,
                    const std::string& why) {
    if (!is_machines_own(host))
        return (void)plan.warn(
            "this is not the machine's own Lodge: nothing brings it back at a start");
    plan_write(plan, host, unit_path(host, name), text, why);
    if (!has_systemd(host))
        return (void)plan.warn("systemd does not run here: the unit is written and waits for it");
    plan_run(plan, "systemd reads its units", {"systemctl", "daemon-reload"});
    plan_run(plan, "the unit is part of the boot", {"systemctl", "enable", std::string(name)},
             {"systemctl", "disable", std::string(name)});
}

void plan_no_boot_unit(Plan& plan, const Host& host, std::string_view name,
                       const std::string& why) {
    if (!is_machines_own(host) || !host.exists(unit_path(host, name))) return;
    if (has_systemd(host))
        plan_run(plan, "the unit is no part of the boot any more",
                 {"systemctl", "disable", std::string(name)},
                 {"systemctl", "enable", std::string(name)});
    plan_remove(plan, host, unit_path(host, name), why);
    if (has_systemd(host))
        plan_run(plan, "systemd reads its units", {"systemctl", "daemon-reload"});
}

}  // namespace lodge
