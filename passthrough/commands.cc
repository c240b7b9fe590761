#include <algorithm>

#include "engine/engine.h"
#include "engine/error.h"
#include "engine/units.h"
#include "engine/vm/vm.h"
#include "passthrough/binding.h"
#include "passthrough/boot_pending.h"
#include "passthrough/console.h"
#include "passthrough/device_trial.h"
#include "passthrough/give.h"
#include "passthrough/identity.h"
#include "passthrough/kinds.h"
#include "passthrough/mediated.h"
#include "passthrough/mind.h"
#include "passthrough/passthrough.h"
#include "passthrough/report.h"
#include "passthrough/sriov.h"
#include "passthrough/use_plan.h"

namespace lodge {
namespace {

int mind(Engine& engine, const Values& words) {
    return mind_guest(engine, static_cast<int>(words.integer("guest")));
}

Plan make_vfs_again(Engine& engine, const Values&) {
    return plan_vfs_again(engine);
}

std::string why_not_divided(Engine& engine, const Values&) {
    return engine.host.is_root() ? "" : "only root makes and sets virtual functions";
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
                      .help = "Also a USB device that this machine is reached by; never what it "
                              "cannot live without."},
                     {.name = "port", .help = "A USB device by its port, not by what it is."}},
         .why_not = why_not_given,
         .plan = plan_give,
         .more = "At the guest's start the device and what must go along leave their drivers, for "
                 "vfio-pci; when the guest ends, for whatever reason, they come back, network "
                 "interfaces as they were. A start that takes one of this machine's sensors or "
                 "clocks along is taken back. With a device by which this machine is reached, or "
                 "that is part of the processor, the first start is a trial: without lodge trial "
                 "confirm the guest is ended and the device comes back; also when the SSH session "
                 "that began it is lost, after a crash and after a restart. Once confirmed, later "
                 "starts are none."},
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
         .verb = "use",
         .label = "Use",
         .help = "Lets a guest use a device by the way that takes least from this machine, and "
                 "starts it.",
         .key = "F4",
         .twin = "u",
         .risk = Risk::undoable,
         .operands = {{"device", WordKind::text,
                       "gpu for the graphics processor, or a PCI address."},
                      {"guest", WordKind::text,
                       "The guest's id or name, or that of a new container; \"for\" may stand "
                       "before it."}},
         .options = {{.name = "template",
                      .value = "SOURCE",
                      .help = "Makes a container of this when there is no such guest.",
                      .kind = WordKind::path},
                     {.name = "whole", .help = "Hands the whole device over to a virtual machine."},
                     {.name = "anyway",
                      .help = "With --whole: also one that this machine is reached by."}},
         .plan = plan_use,
         .more = "lodge device use gpu for jellyfin shares the graphics processor with that "
                 "container, for its system's own group, and starts it. Where sharing cannot be, "
                 "the ways that there are stand in the answer: a virtual function, then the whole "
                 "device, each with what would come of it."},
        {.subject = "device",
         .verb = "vf",
         .label = "Divide",
         .help =
             "Divides a card that offers SR-IOV into virtual functions, and says what each may.",
         .twin = "v",
         .risk = Risk::interrupts,
         .operands = {{"device", WordKind::text, "The card's PCI address, such as 01:00.0."},
                      {"count", WordKind::text,
                       "How many virtual functions there are to be; 0 takes them away."}},
         .options = {{.name = "vf", .value = "NUMBER", .help = "The one that is meant, from 0 on."},
                     {.name = "mac", .value = "ADDRESS", .help = "Its MAC address."},
                     {.name = "vlan", .value = "NUMBER", .help = "Its VLAN, 0 for none."},
                     {.name = "trust",
                      .value = "on|off",
                      .help = "Whether it may change its address and listen to everything."},
                     {.name = "spoofchk",
                      .value = "on|off",
                      .help = "Whether what it sends must come from its own address."},
                     {.name = "keep", .help = "At each start of this machine as well."},
                     {.name = "pool",
                      .value = "NAME",
                      .help =
                          "Makes a mapping of them: hostpci0=mapping=NAME is any that is free."}},
         .why_not = why_not_divided,
         .plan = plan_vfs,
         .more = "This machine keeps the card; each virtual function goes to a guest of its own, "
                 "with the MAC address and VLAN that the card has for it. While their number "
                 "changes all of them are gone for a moment."},
        {.subject = "device",
         .verb = "restore",
         .label = "Make again",
         .help = "Makes the virtual functions that are kept; the boot unit does this.",
         .why_not = why_not_divided,
         .plan = make_vfs_again},
        {.subject = "device",
         .verb = "ways",
         .label = "Ways in",
         .help = "Shows how this machine is reached when its screen is dark: SSH, with a QR code, "
                 "and serial lines.",
         .show = show_ways},
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
    return {binding_actions(), mediated_actions(),     mind_actions(), sriov_actions(),
            use_actions(),     device_trial_actions(), boot_actions(), console_actions()};
}

}  // namespace lodge
