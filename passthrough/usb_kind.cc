#include "engine/engine.h"
#include "engine/error.h"
#include "engine/units.h"
#include "engine/vm/argv.h"
#include "passthrough/kinds.h"
#include "passthrough/mind.h"
#include "passthrough/usb_choice.h"

namespace lodge {
namespace {

// UsbKind is usb[n]: devices on USB, which come and go while the guest runs.
class UsbKind : public DeviceKind {
  public:
    std::string_view key() const override { return "usb"; }
    void add_facts(Engine& engine, const Guest& guest, MachineFacts& facts) const override;
    void plan_start(Engine& engine, const Guest& guest, Plan& plan) const override;
    void plan_started(Engine& engine, const Guest& guest, Plan& plan) const override;
    void plan_end(Engine&, const Guest&, Plan&) const override {}  // QEMU's end lets go of them
};

void UsbKind::add_facts(Engine& engine, const Guest& guest, MachineFacts& facts) const {
    const Inventory inventory = take_inventory(engine, {}, false);
    for (const UsbChoice& choice : choose_usb(engine.host, inventory, guest)) {
        if (choice.device)
            facts.usb_nodes[choice.wish.key] = engine.host.system(choice.device->node());
        else
            facts.passed_problems[choice.wish.key] = choice.problem;
    }
}

void UsbKind::plan_start(Engine& engine, const Guest& guest, Plan& plan) const {
    if (guest.config.indexed("usb").empty()) return;
    const std::string words = guest_words(guest);
    const Inventory inventory = take_inventory(engine, {}, false);
    for (const UsbChoice& choice : choose_usb(engine.host, inventory, guest)) {
        // What is only not plugged in stands in the command line's warnings.
        if (!choice.device && choice.absent) continue;
        if (!choice.device)
            fail(choice.wish.problem.empty() ? Exit::refused : Exit::not_found,
                 "cannot start {}: {}: {}", words, choice.wish.key, choice.problem);
        const std::string what =
            fmt::format("{} ({})", printable(choice.device->words()), choice.device->port);
        if (const std::string why = why_stays(*choice.device); !why.empty())
            fail(Exit::refused, "cannot start {}: {}: {} stays with this machine: {}", words,
                 choice.wish.key, what, why);
        for (const Use& use : choice.device->uses)
            plan.warn(fmt::format("{}: this machine uses {}, and loses it: {}{}", choice.wish.key,
                                  what, use.name,
                                  use.what.empty() ? "" : " (" + join(use.what, ", ") + ")"));
    }
}

void UsbKind::plan_started(Engine& engine, const Guest& guest, Plan& plan) const {
    // With hostpci[n] somebody minds it already.
    if (!usb_wishes(engine.host, guest.config).empty() && guest.config.indexed("hostpci").empty())
        plan_mind(engine, guest.id, plan);
}

const UsbKind usb;

}  // namespace

const DeviceKind& usb_kind() {
    return usb;
}

}  // namespace lodge
