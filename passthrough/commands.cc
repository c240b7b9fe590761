#include <algorithm>

#include "engine/engine.h"
#include "engine/error.h"
#include "engine/units.h"
#include "engine/vm/vm.h"
#include "passthrough/binding.h"
#include "passthrough/give.h"
#include "passthrough/identity.h"
#include "passthrough/kinds.h"
#include "passthrough/mediated.h"
#include "passthrough/mind.h"
#include "passthrough/passthrough.h"
#include "passthrough/report.h"

namespace lodge {
namespace {

int mind(Engine& engine, const Values& words) {
    return mind_guest(engine, static_cast<int>(words.integer("guest")));
}

std::string why_not_given(Engine& engine, const Values&) {
    return engine.host.is_root() ? "" : "only root hands devices over";
}

}  // namespace

std::span<const Command> device_commands() {
    static const Operand device{"device", WordKind::text,
                                "A PCI address such as 01:00.0, 01:00 for all its functions, or a "
                                "USB port such as 1-2.3."};
    static const std::vector<Command> table = {
        {.subject = "device",
         .verb = "list",
         .short_form = "devices",
         .label = "Devices",
         .help = "Lists what of this machine could be handed to a guest, and what it is used for.",
         .options = {{.name = "all", .help = "Bridges as well."}},
         .show = list_devices,
         .more = "Devices of one IOMMU group go together. HANDED OVER is what would come of it: "
                 "safe, safe with care, will cut you off, or not possible here; lodge device check "
                 "says why."},
        {.subject = "device",
         .verb = "show",
         .label = "Show",
         .help = "Shows all that is known of a device.",
         .operands = {device},
         .show = show_device},
        {.subject = "device",
         .verb = "check",
         .label = "Check",
         .help = "Tells what would come of handing devices over, with evidence and ways out.",
         .key = "F8",
         .twin = "c",
         .operands = {{"device", WordKind::text,
                       "PCI addresses such as 01:00.0, or 01:00 for all functions; several are "
                       "looked at together.",
                       false, true}},
         .options = {{.name = "for",
                      .value = "GUEST",
                      .help = "For this guest: its memory is looked at too.",
                      .kind = WordKind::guest}},
         .show = check_device,
         .more = "A block is what forbids it, a warning what is to be known. Nothing is touched."},
        {.subject = "device",
         .verb = "give",
         .label = "Give",
         .help = "Puts a device into a guest's configuration; the guest has it from its next start "
                 "on.",
         .key = "F5",
         .twin = "i",
         .risk = Risk::undoable,
         .operands = {device,
                      {"guest", WordKind::guest,
                       "The guest's id or name; \"to\" may stand before it."}},
         .options = {{.name = "anyway",
                      .help = "Also a device that this machine is reached by; never what it cannot "
                              "live without."},
                     {.name = "port", .help = "A USB device by its port, not by what it is."}},
         .why_not = why_not_given,
         .plan = plan_give,
         .more = "At the guest's start the device and what must go along leave their drivers, for "
                 "vfio-pci; when the guest ends, for whatever reason, they come back, network "
                 "interfaces as they were. A start that takes one of this machine's sensors or "
                 "clocks along is taken back."},
        {.subject = "device",
         .verb = "take-back",
         .label = "Take back",
         .help = "Takes a device out of guests' configurations, and back to this machine.",
         .key = "F6",
         .twin = "t",
         .risk = Risk::undoable,
         .operands = {device},
         .plan = plan_take_back,
         .more = "A guest that runs keeps the device until it ends."},
        {.subject = "device",
         .verb = "mind",
         .label = "Mind",
         .help = "Waits until a guest has ended and gives its devices back; a start runs this by "
                 "itself.",
         .operands = {{"guest", WordKind::guest, "The guest's id or name."}},
         .run = mind},
    };
    return table;
}

std::vector<std::span<const ActionKind>> passthrough_action_tables() {
    return {binding_actions(), mediated_actions(), mind_actions()};
}

}  // namespace lodge
