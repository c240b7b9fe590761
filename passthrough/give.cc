#include "passthrough/give.h"

#include <algorithm>

#include "engine/boot_unit.h"
#include "engine/commands/common.h"
#include "engine/engine.h"
#include "engine/error.h"
#include "engine/trial.h"
#include "engine/units.h"
#include "engine/vm/vm.h"
#include "passthrough/binding.h"
#include "passthrough/device_trial.h"
#include "passthrough/findings.h"
#include "passthrough/gpu.h"
#include "passthrough/identity.h"
#include "passthrough/pool.h"
#include "passthrough/usb_choice.h"

// Devices into configurations and out of them. What happens to the machine happens at the guest's
// start and end (kinds.cc).

namespace lodge {
namespace {

std::string free_key(const Config& config, std::string_view stem, int most) {
    for (int i = 0; i < most; ++i) {
        const std::string key = fmt::format("{}{}", stem, i);
        if (!config.current.has(key) && !config.pending.has(key)) return key;
    }
    fail(Exit::refused, "all {} places for {} are taken", most, stem);
}

bool is_q35(const Config& config) {
    const auto machine = config.properties("machine");
    return machine && machine->text("type").find("q35") != std::string::npos;
}

void refuse_container(const Guest& guest, const std::string& device) {
    if (guest.kind->name() == "vm") return;
    fail(Exit::refused,
         "{} is a container, which shares this machine's kernel: it gets the files of a device, "
         "not the device; lodge set {} dev0=/dev/dri/renderD128 gives a graphics card, for {} see "
         "lodge help keys",
         guest_words(guest), guest.id, device);
}

// What cuts off only is no hindrance: the start is a trial then.
void weigh(const Judgement& judgement, const Guest& guest, Plan& plan) {
    for (const Finding& finding : judgement.findings) {
        // Who has it now is a matter of the start.
        const bool later = finding.code == "B6" || finding.code == "W5";
        const bool stays = !finding.cuts_off || finding.unanswered;
        if (finding.severity == Severity::block && stays && !later)
            fail(Exit::refused, "cannot give {} to {}: {} ({}: {}){}{}",
                 short_address(judgement.wanted.front()->address), guest_words(guest),
                 finding.reason, finding.path, printable(finding.value),
                 finding.way_out.empty() ? "" : "; ", finding.way_out);
        plan.warn(fmt::format("{}: {}{}{}", finding.code, finding.reason,
                              finding.way_out.empty() ? "" : "; ", finding.way_out));
    }
}

int trial_seconds(const Values& words) {
    const int64_t seconds = words.integer("seconds", 120);
    if (seconds < 1 || seconds > 86400)
        fail(Exit::usage, "--seconds {} is not allowed: 1 to 86400", seconds);
    return static_cast<int>(seconds);
}

// As a configuration names several: "0000:05:00.0;0000:05:00.1".
std::string addresses_of(const std::vector<const PciFunction*>& functions) {
    std::vector<std::string> addresses;
    for (const PciFunction* one : functions)
        addresses.push_back(one->address);
    return join(addresses, ";");
}

bool has_already(const std::vector<const PciFunction*>& functions, const Guest& guest) {
    return std::any_of(functions.begin(), functions.end(), [&](const PciFunction* one) {
        return std::find(one->wanted_by_guests.begin(), one->wanted_by_guests.end(), guest.id) !=
               one->wanted_by_guests.end();
    });
}

void plan_trial_to_come(const Host& host, const std::vector<const PciFunction*>& functions,
                        const Guest& guest, int seconds, Plan& plan) {
    plan.warn(
        fmt::format("its next start is a trial of {} s: without lodge trial confirm the "
                    "guest is ended and the device comes back",
                    seconds));
    // Once more after a trial that failed.
    for (const FailedSubject& one : failed_trials(host, functions, guest.id))
        plan.step("forget that a trial of it failed", {"trial-forget", {{"subject", one.subject}}});
}

Plan give_usb(Engine& engine, const Inventory& inventory, const UsbDevice& device,
              const Guest& guest, const Values& words) {
    if (device.hub)
        fail(Exit::refused, "{} is a hub: give the devices behind it one by one", device.port);
    for (const Use& use : device.uses) {
        const bool lives_on = use.kind == UseKind::disk;
        if (use.needed.empty() || (words.flag("anyway") && !lives_on)) continue;
        fail(Exit::refused, "cannot give {} ({}) to {}: {}{}", printable(device.words()),
             device.port, guest_words(guest), use.needed, lives_on ? "" : "; --anyway does it");
    }
    size_t alike = 0;
    for (const UsbDevice& other : inventory.usb)
        alike += other.ids() == device.ids() ? 1 : 0;
    const bool by_port = words.flag("port") || alike > 1;
    const std::string value = "host=" + (by_port ? device.port : device.ids());
    Plan plan = guest.kind->set(engine, guest,
                                {{"values", free_key(guest.config, "usb", 14) + "=" + value}});
    plan.title = fmt::format("give {} ({}) to {}", device.words(), device.port, guest_words(guest));
    if (alike > 1)
        plan.warn(
            fmt::format("{} of this model are plugged in: the guest gets whatever is in port "
                        "{}",
                        alike, device.port));
    for (const Use& use : device.uses)
        plan.warn(fmt::format("this machine uses it: {}{}", use.name,
                              use.what.empty() ? "" : " (" + join(use.what, ", ") + ")"));
    for (const std::string& other : device.wanted_by)
        plan.warn(fmt::format("guest {} wants it too", other));
    plan.afterwards = fmt::format("{} is given to {}", device.words(), guest_words(guest));
    return plan;
}

// What the mapping means is chosen, and looked at, at each start.
Plan give_mapping(Engine& engine, const Guest& guest, std::string_view kind,
                  const std::string& name) {
    const bool pci = kind == "pci";
    std::string value =
        free_key(guest.config, pci ? "hostpci" : "usb", pci ? 16 : 14) + "=mapping=" + name;
    if (pci && is_q35(guest.config)) value += ",pcie=1";
    Plan plan = guest.kind->set(engine, guest, {{"values", value}});
    plan.title = fmt::format("give {} to {}", name, guest_words(guest));
    plan.afterwards = fmt::format("{} gets a device of the mapping {} at its next start",
                                  guest_words(guest), name);
    return plan;
}

}  // namespace

Plan plan_give(Engine& engine, const Values& words) {
    const Guest guest = guest_of(engine, words);
    const std::string& word = words.text("device");
    refuse_container(guest, word);
    const Inventory inventory = take_inventory(engine, look_around(engine.host), true);
    if (const UsbDevice* device = find_usb(inventory, word))
        return give_usb(engine, inventory, *device, guest, words);
    for (const char* kind : {"pci", "usb"})
        if (has_mapping(engine.host, kind, word)) return give_mapping(engine, guest, kind, word);
    std::vector<const PciFunction*> functions;
    for (const PciFunction* one : functions_at(inventory, word))
        if (!one->is_bridge) functions.push_back(one);
    const size_t named = functions.size();
    functions = with_card_set(inventory, std::move(functions));
    if (functions.empty())
        fail(Exit::not_found,
             "there is no device or mapping {} that can be given; lodge device list shows devices",
             printable(word));
    if (!engine.host.is_root()) throw Error(Exit::missing, "only root hands devices over");
    const Judgement judgement = judge(engine, inventory, functions, &guest);
    const bool again =
        has_already(functions, guest) && !failed_trials(engine.host, functions, guest.id).empty();
    if (has_already(functions, guest) && !again)
        fail(Exit::refused, "{} has {} already: {}", guest_words(guest),
             short_address(functions.front()->address), join(functions.front()->wanted_by, ", "));
    Plan plan;
    warn_of_sharing(engine.host, functions, plan);
    if (functions.size() > named)
        plan.warn(
            fmt::format("what belongs to the card goes with it: {}", addresses_of(functions)));
    weigh(judgement, guest, plan);
    const int seconds = trial_findings(judgement).empty() ? 0 : trial_seconds(words);
    if (seconds > 0) plan_trial_to_come(engine.host, functions, guest, seconds, plan);
    if (!again) {
        std::string value =
            functions.size() > named ? addresses_of(functions) : *full_address(word);
        if (is_q35(guest.config)) value += ",pcie=1";
        plan.append(guest.kind->set(
            engine, guest, {{"values", free_key(guest.config, "hostpci", 16) + "=" + value}}));
    }
    plan.title =
        fmt::format("give {} to {}", short_address(*full_address(word)), guest_words(guest));
    plan_write(plan, engine.host, identity_path(engine.host, guest.id),
               identities_with(engine.host, guest.id, functions, seconds),
               "remember which device this is");
    plan.afterwards = fmt::format(
        "{} is given to {}: {}", functions.front()->name(), guest_words(guest),
        vm_process(engine.host, guest.id) ? "from its next start on" : "it has it when it starts");
    return plan;
}

namespace {

// The keys of a guest that name any of the functions, or the USB device.
std::vector<std::string> keys_naming(const std::vector<std::string>& wanted_by, int guest) {
    std::vector<std::string> keys;
    const std::string start = std::to_string(guest) + " ";
    for (const std::string& words : wanted_by)
        if (words.starts_with(start)) keys.push_back(words.substr(start.size()));
    return keys;
}

struct Claim {
    int guest;
    std::vector<std::string> keys;
};

void add_claims(const std::vector<std::string>& wanted_by, const std::vector<int>& guests,
                std::vector<Claim>& claims) {
    for (const int guest : guests) {
        auto found = std::find_if(claims.begin(), claims.end(),
                                  [&](const Claim& one) { return one.guest == guest; });
        if (found == claims.end()) found = claims.insert(claims.end(), {guest, {}});
        for (const std::string& key : keys_naming(wanted_by, guest))
            if (std::find(found->keys.begin(), found->keys.end(), key) == found->keys.end())
                found->keys.push_back(key);
    }
}

}  // namespace

Plan plan_take_back(Engine& engine, const Values& words) {
    const std::string& word = words.text("device");
    const Inventory inventory = take_inventory(engine, {}, true);
    std::vector<Claim> claims;
    std::vector<const PciFunction*> functions = functions_at(inventory, word);
    const UsbDevice* usb = find_usb(inventory, word);
    if (usb) add_claims(usb->wanted_by, usb->wanted_by_guests, claims);
    for (const PciFunction* one : functions)
        add_claims(one->wanted_by, one->wanted_by_guests, claims);
    if (functions.empty() && !usb)
        fail(Exit::not_found, "there is no device {} in this machine", printable(word));
    Plan plan;
    plan.title = "take back " + (usb ? usb->words() : short_address(*full_address(word)));
    std::vector<std::string> later;
    for (const Claim& claim : claims) {
        const Guest guest = load_guest(engine, claim.guest);
        plan.append(guest.kind->set(engine, guest, {{"delete", claim.keys}}));
        const std::string path = identity_path(engine.host, guest.id);
        std::vector<std::string> addresses;
        for (const PciFunction* one : functions)
            addresses.push_back(one->address);
        const std::string text = identities_without(engine.host, guest.id, addresses);
        if (const auto before = engine.host.read(path); before && *before != text)
            plan.step("forget what was agreed on it",
                      {"write", {{"path", path}, {"content", text}}},
                      Action{"write", {{"path", path}, {"content", *before}}});
    }
    std::vector<int> holders;
    for (const PciFunction* one : functions)
        if (one->holder != 0 &&
            std::find(holders.begin(), holders.end(), one->holder) == holders.end())
            holders.push_back(one->holder);
    for (const int holder : holders) {
        if (vm_process(engine.host, holder)) {
            later.push_back(std::to_string(holder));
            continue;
        }
        plan.guests.push_back(holder);
        plan_give_back(engine, holder, plan);
    }
    if (plan.steps.empty() && later.empty())
        fail(Exit::refused, "cannot take {} back: no guest has it or wants it", printable(word));
    plan.afterwards =
        later.empty()
            ? plan.title + ": done"
            : fmt::format("guest {} keeps it until it ends, and then no more", join(later, ", "));
    return plan;
}

}  // namespace lodge
