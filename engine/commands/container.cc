#include "engine/container/container.h"

#include "engine/commands/common.h"

// What only containers have: files in and out, and a look at their root.

namespace lodge {
namespace {

std::string why_not(Engine& engine, const Values& words, std::string_view verb) {
    if (!words.has("guest")) return "";
    const auto guest = known_guest(engine, words);
    if (guest->kind->name() == "ct") return "";
    return fmt::format("cannot {} {}: it is no container", verb, guest_words(*guest));
}
std::string why_not_copied(Engine& engine, const Values& words) {
    return why_not(engine, words, "copy files of");
}
std::string why_not_mounted(Engine& engine, const Values& words) {
    if (const std::string why = why_not(engine, words, "mount the root of"); !why.empty())
        return why;
    return why_not_changed(engine, words, "mount the root of");
}
std::string why_not_unmounted(Engine& engine, const Values& words) {
    if (const std::string why = why_not(engine, words, "unmount the root of"); !why.empty())
        return why;
    if (!words.has("guest")) return "";
    const auto guest = known_guest(engine, words);
    if (guest->config.current.get("lock") == "mounted") return "";
    return fmt::format("cannot unmount the root of {}: it is not mounted", guest_words(*guest));
}

template <Plan (*Make)(Engine&, const Guest&, const Values&)>
Plan plan_of(Engine& engine, const Values& words) {
    return Make(engine, guest_of(engine, words), words);
}

const Operand guest_operand{"guest", WordKind::guest, "The container's id or name."};
const Option force_option{.name = "force", .help = "Writes over a file that is there."};

}  // namespace

std::vector<Command> container_command_table() {
    return {
        {.subject = "guest",
         .verb = "push",
         .short_form = "push",
         .label = "Copy in",
         .help = "Copies a file of this machine into a container, running or not.",
         .risk = Risk::undoable,
         .operands = {guest_operand,
                      {"file", WordKind::path, "A file of this machine."},
                      {"path", WordKind::text, "Where to, inside; /root/.", true}},
         .why_not = why_not_copied,
         .plan = plan_of<ct_push_plan>,
         .more = "The file becomes the container's root's; one that is there keeps its owner and "
                 "mode. A path that ends with / is a folder. Links inside lead nowhere else."},
        {.subject = "guest",
         .verb = "pull",
         .short_form = "pull",
         .label = "Copy out",
         .help = "Copies a file of a container to this machine.",
         .risk = Risk::undoable,
         .operands = {guest_operand,
                      {"path", WordKind::text, "The file inside."},
                      {"file", WordKind::path, "Where to; this folder.", true}},
         .options = {force_option},
         .why_not = why_not_copied,
         .plan = plan_of<ct_pull_plan>},
        {.subject = "guest",
         .verb = "mount",
         .short_form = "mount",
         .label = "Mount root",
         .help = "Mounts a container's root file system on this machine, to look into it.",
         .risk = Risk::undoable,
         .operands = {guest_operand},
         .options = {{.name = "read-only", .help = "Nothing in it can be changed."}},
         .why_not = why_not_mounted,
         .plan = plan_of<ct_mount_plan>,
         .more = "Running or not; with its volumes below it. Programs in it gain no rights and "
                 "its device nodes open nothing. It is locked (mounted) until lodge unmount."},
        {.subject = "guest",
         .verb = "unmount",
         .short_form = "unmount",
         .label = "Unmount root",
         .help = "Takes a container's mounted root file system away again.",
         .risk = Risk::undoable,
         .operands = {guest_operand},
         .options = {{.name = "force", .help = "Also while somebody uses it."}},
         .why_not = why_not_unmounted,
         .plan = plan_of<ct_unmount_plan>},
    };
}

}  // namespace lodge
