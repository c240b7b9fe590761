#include "engine/vm/demo.h"

#include "engine/command.h"
#include "engine/engine.h"
#include "engine/error.h"

namespace lodge {
namespace {

Plan demo(Engine& engine, const Values& words) {
    if (!words.flag("remove")) return demo_plan(engine, words);
    if (words.has("storage") || words.flag("no-start") || words.flag("container") ||
        words.integer("count", 1) != 1)
        throw Error(Exit::usage, "--remove goes with --id or --name only");
    return demo_remove_plan(engine, words);
}

std::vector<Command> table() {
    return {
        {.subject = "demo",
         .verb = "make",
         .short_form = "demo",
         .label = "Make",
         .help = "Makes and starts a small guest to try things with; --remove takes it away.",
         .key = {},
         .twin = {},
         .risk = Risk::undoable,
         .operands = {},
         .options =
             {{.name = "name", .value = "NAME", .help = "Its name, else demo."},
              {.name = "id", .value = "ID", .help = "Its number, else the lowest free."},
              {.name = "count", .value = "COUNT", .help = "How many, with names in a row."},
              {.name = "storage",
               .value = "STORAGE",
               .help = "Where its disk goes.",
               .kind = WordKind::storage},
              {.name = "container", .help = "A container instead of a virtual machine."},
              {.name = "no-start", .help = "Makes it and does not start it."},
              {.name = "remove",
               .help =
                   "Stops and removes all demos (or the one of --id, --name) and their kernel."}},
         .plan = demo,
         .more =
             "The guest is a Debian kernel (this machine's own, else the package "
             "linux-image-cloud-amd64, which is downloaded) and a start-up file system made "
             "of busybox-static on the spot. It boots to a login prompt on its serial console "
             "in seconds, also without KVM: log in as root, without a password. Its disk is "
             "mounted at /data and counts its starts; it has a network card, an agent, and "
             "obeys the power button. With --container it is a container of busybox, up at once."},
    };
}

}  // namespace

std::span<const Command> demo_commands() {
    static const std::vector<Command> commands = table();
    return commands;
}

}  // namespace lodge
