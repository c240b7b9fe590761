#include "engine/container/life.h"

#include "engine/container/container.h"
#include "engine/container/passage.h"
#include "engine/error.h"
#include "engine/units.h"

// The verbs of a container's life. On what they work:
//   ct-prepare   guest, run, log, config, [seccomp] [devices] [mounts]
//   ct-start     guest, name, folder, limit
//   ct-kill, ct-clean   guest
//   ct-shutdown  guest, name, timeout, [signal] [force] [program]: no init
//   ct-stop      guest, name, timeout
//   ct-freeze    guest, frozen, [lenient]: content when it does not run
//   ct-passage   folder, user
//   ct-limits    guest, limits…: "controller file value"

namespace lodge {
namespace {

std::string file_shell(const std::string& path, std::string text) {
    if (!text.ends_with('\n')) text += '\n';
    return fmt::format("\ncat > {} <<'END'\n{}END", shell_quote(path), text);
}

std::string prepare_shell(const Values& on) {
    const std::string& run = on.text("run");
    std::string text = shell_line({"mkdir", "-p", run + "/rootfs", on.text("log")});
    for (const char* file : {"config", "seccomp", "devices", "mounts"})
        if (const auto content = on.get(file)) text += file_shell(run + "/" + file, *content);
    return text;
}

std::string start_shell(const Values& on) {
    return shell_line({"lxc-start", "-P", on.text("folder"), "-n", on.text("guest"), "-d"});
}

std::string kill_shell(const Values& on) {
    return fmt::format("# SIGKILL to the first process of guest {}, then to its monitor",
                       on.text("guest"));
}

std::string clean_shell(const Values& on) {
    return fmt::format("# remove the control groups and the run folder of guest {}",
                       on.text("guest"));
}

std::string shutdown_shell(const Values& on) {
    std::string text = fmt::format(
        "# {} to its first process; wait {} s",
        on.text("signal", "the signal that it takes as a request to end"), on.text("timeout"));
    if (on.flag("force")) text += "\n# then SIGKILL";
    return text;
}

std::string stop_shell(const Values& on) {
    return fmt::format("# SIGKILL to its first process; wait {} s; SIGKILL to its monitor",
                       on.text("timeout"));
}

std::string freeze_shell(const Values& on) {
    return fmt::format("# its control group: {}", on.flag("frozen") ? "frozen" : "thawed");
}

std::string limits_shell(const Values& on) {
    std::string text = "# in its control groups:";
    for (const std::string& limit : on.list("limits")) {
        const auto words = split(limit, ' ');
        text +=
            fmt::format("\n#   {} = {}", words.at(1), join({words.begin() + 2, words.end()}, " "));
    }
    return text;
}

std::string passage_shell(const Values& on) {
    return shell_line({"setfacl", "-m", "u:" + on.text("user") + ":x", on.text("folder")});
}

constexpr ActionKind kinds[] = {
    {"ct-passage", run_ct_passage, passage_shell}, {"ct-prepare", run_ct_prepare, prepare_shell},
    {"ct-start", run_ct_start, start_shell},       {"ct-kill", run_ct_kill, kill_shell},
    {"ct-clean", run_ct_clean, clean_shell},       {"ct-shutdown", run_ct_shutdown, shutdown_shell},
    {"ct-stop", run_ct_stop, stop_shell},          {"ct-freeze", run_ct_freeze, freeze_shell},
    {"ct-limits", run_ct_limits, limits_shell},
};

}  // namespace

std::span<const ActionKind> ct_life_actions() {
    return kinds;
}

}  // namespace lodge
