#include "passthrough/kinds.h"

#include <algorithm>

#include "engine/boot_unit.h"
#include "engine/engine.h"
#include "engine/error.h"
#include "engine/units.h"
#include "engine/vm/argv.h"
#include "engine/vm/vm.h"
#include "passthrough/binding.h"
#include "passthrough/device_trial.h"
#include "passthrough/findings.h"
#include "passthrough/gpu.h"
#include "passthrough/identity.h"
#include "passthrough/mediated.h"
#include "passthrough/mind.h"
#include "passthrough/sriov.h"

namespace lodge {
namespace {

std::vector<const PciFunction*> functions_of(const Inventory& inventory,
                                             const std::vector<std::string>& addresses,
                                             std::string& problem) {
    std::vector<const PciFunction*> all;
    for (const std::string& address : addresses) {
        const auto some = functions_at(inventory, address);
        if (some.empty())
            problem = fmt::format("{} is not in this machine", short_address(address));
        for (const PciFunction* one : some)
            if (!one->is_bridge) all.push_back(one);
    }
    if (all.empty() && problem.empty()) problem = "it names no device that can be handed over";
    return all;
}

bool is_free(const std::vector<const PciFunction*>& functions, int guest) {
    return std::all_of(functions.begin(), functions.end(), [&](const PciFunction* one) {
        return one->holder == 0 || one->holder == guest;
    });
}

PciChoice choose(const Inventory& inventory, const Guest& guest, PciWish wish,
                 const std::vector<const PciFunction*>& taken) {
    PciChoice choice;
    choice.problem = wish.problem;
    if (wish.pool.size() <= 1) {
        if (choice.problem.empty())
            choice.functions = functions_of(inventory, wish.addresses, choice.problem);
    } else {
        choice.problem = fmt::format("all {} devices of the mapping {} are in use or missing",
                                     wish.pool.size(), printable(wish.mapping));
        for (const auto& addresses : wish.pool) {
            std::string problem;
            auto functions = functions_of(inventory, addresses, problem);
            const bool twice =
                std::any_of(functions.begin(), functions.end(), [&](const PciFunction* one) {
                    return std::find(taken.begin(), taken.end(), one) != taken.end();
                });
            if (!problem.empty() || twice || !is_free(functions, guest.id)) continue;
            choice.functions = std::move(functions);
            choice.problem.clear();
            break;
        }
    }
    choice.wish = std::move(wish);
    return choice;
}

// Proxmox VE keeps ROM files in /usr/share/kvm; ours lie beside the configuration.
std::string rom_path(const Host& host, const std::string& name) {
    if (name.empty() || name[0] == '/') return name;
    const std::string own = host.config_folder() + "/rom/" + name;
    const std::string theirs = host.system("/usr/share/kvm/" + name);
    return host.exists(own) || !host.exists(theirs) ? own : theirs;
}

// HostPci is hostpci[n]: PCI devices that the guest gets whole, or parts of one.
class HostPci : public DeviceKind {
  public:
    std::string_view key() const override { return "hostpci"; }
    void add_facts(Engine& engine, const Guest& guest, MachineFacts& facts) const override;
    void plan_start(Engine& engine, const Guest& guest, Plan& plan) const override;
    void plan_started(Engine& engine, const Guest& guest, Plan& plan) const override;
    void plan_end(Engine& engine, const Guest& guest, Plan& plan) const override;
};

void HostPci::add_facts(Engine& engine, const Guest& guest, MachineFacts& facts) const {
    const Inventory inventory = take_inventory(engine, {}, false);
    for (const PciChoice& choice : choose_devices(engine.host, inventory, guest)) {
        const std::string& key = choice.wish.key;
        if (!choice.problem.empty()) {
            facts.passed_problems[key] = choice.problem;
            continue;
        }
        MachineFacts::Passed passed;
        passed.romfile = rom_path(engine.host, choice.wish.romfile);
        if (!choice.wish.mediated.empty())
            passed.mediated = mediated_folder(guest.id, key);
        else
            for (const PciFunction* one : choice.functions) {
                passed.functions.push_back(one->address);
            }
        facts.passed[key] = std::move(passed);
    }
}

void HostPci::plan_start(Engine& engine, const Guest& guest, Plan& plan) const {
    if (guest.config.indexed("hostpci").empty()) return;
    const std::string words = guest_words(guest);
    if (!engine.host.is_root())
        fail(Exit::missing, "cannot start {}: only root hands devices over", words);
    const Inventory inventory = take_inventory(engine, look_around(engine.host), false);
    std::vector<const PciFunction*> whole, all;
    std::vector<std::pair<std::string, const PciFunction*>> virtuals;
    for (const PciChoice& choice : choose_devices(engine.host, inventory, guest)) {
        if (!choice.problem.empty())
            fail(Exit::not_found, "cannot start {}: {}: {}", words, choice.wish.key,
                 choice.problem);
        if (!choice.wish.mediated.empty()) {
            plan_mediated(*choice.functions.front(), choice.wish, guest.id, plan);
            continue;
        }
        if (const std::string rom = rom_path(engine.host, choice.wish.romfile);
            !rom.empty() && !engine.host.exists(rom))
            fail(Exit::not_found, "cannot start {}: {}: there is no ROM file {}", words,
                 choice.wish.key, rom);
        all.insert(all.end(), choice.functions.begin(), choice.functions.end());
        for (const PciFunction* one : choice.functions)
            if (one->is_virtual()) virtuals.emplace_back(choice.wish.key, one);
        if (!choice.wish.keep_driver)
            whole.insert(whole.end(), choice.functions.begin(), choice.functions.end());
    }
    if (all.empty()) return;
    const Judgement judgement = judge(engine, inventory, all, &guest);
    refuse_blocked(engine.host, guest, judgement);
    for (const Finding& finding : judgement.findings)
        plan.warn(fmt::format("{}: {}", finding.code, finding.reason));
    plan_write(plan, engine.host, identity_path(engine.host, guest.id),
               identities_with(engine.host, guest.id, all), "remember which devices these are");
    for (const auto& [key, function] : virtuals)
        plan_vf_mac(engine, inventory, *function, guest.id, key, plan);
    if (whole.empty()) return;
    Plan hand;
    plan_hand_over(engine, inventory, guest.id, whole, hand);
    if (const auto trying = on_trial(engine.host, guest, whole); !trying.empty()) {
        for (Step& step : hand.steps)
            if (step.action.verb == "device-compare") step.action.on.set({"keep", true});
        plan_device_trial(engine, guest, trying, hand, plan);
    }
    plan.append(std::move(hand));
}

void HostPci::plan_started(Engine& engine, const Guest& guest, Plan& plan) const {
    if (guest.config.indexed("hostpci").empty()) return;
    plan_mind(engine, guest.id, plan);
    plan_device_trial_begun(plan);
}

void HostPci::plan_end(Engine& engine, const Guest& guest, Plan& plan) const {
    plan_give_back(engine, guest.id, plan);
    plan_mediated_end(engine.host, guest, plan);
}

const HostPci host_pci;

}  // namespace

std::vector<PciChoice> choose_devices(const Host& host, const Inventory& inventory,
                                      const Guest& guest) {
    std::vector<PciChoice> choices;
    std::vector<const PciFunction*> taken;
    for (PciWish& wish : pci_wishes(host, guest.config)) {
        choices.push_back(choose(inventory, guest, std::move(wish), taken));
        const auto& functions = choices.back().functions;
        taken.insert(taken.end(), functions.begin(), functions.end());
    }
    return choices;
}

std::span<const DeviceKind* const> passthrough_devices() {
    static const DeviceKind* const all[] = {&host_pci, &usb_kind()};
    return all;
}

}  // namespace lodge
