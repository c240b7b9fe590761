#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/guest.h"
#include "passthrough/inventory.h"

namespace lodge {

enum class Severity { warn, block };

// Finding is one thing to know before a device is handed over.
struct Finding {
    std::string code;  // "B2": what was looked for; B… may block, W… warns
    Severity severity = Severity::warn;
    // A block that takes the person's way to this machine, rather than the machine's own life.
    bool cuts_off = false;
    std::string device;       // "0000:01:00.0"; "" for the machine as a whole
    std::string reason;       // a sentence
    std::string path, value;  // the evidence: where it was read, and what
    std::string way_out;      // what to do; "" for nothing
    // It cuts off, and nobody could answer a trial of it: there is no other way to this machine.
    bool unanswered = false;
};

enum class Verdict { safe, care, cuts_off, impossible };
std::string_view verdict_words(Verdict verdict);  // "safe", "safe with care", …

// Judgement is what the analyser says of a device, or of several that are to go together.
struct Judgement {
    Verdict verdict = Verdict::safe;
    std::vector<const PciFunction*> wanted;  // that the guest gets
    std::vector<const PciFunction*> along;   // that leave this machine as well
    std::vector<Finding> findings;           // blocks first
    std::string line() const;                // the verdict with its first reason
};

// Proposal is devices that are to go to a guest: what the checks look at.
struct Proposal {
    Engine& engine;
    const Inventory& inventory;
    std::vector<const PciFunction*> wanted;
    std::vector<const PciFunction*> going;  // wanted, and what must go along
    std::vector<const PciFunction*> group;  // all members of the groups but bridges
    const Guest* guest = nullptr;           // who is to have them; may be nobody yet

    bool goes(const PciFunction& function) const;
    const Host& host() const;
};

// Check is a line of the table: what it looks for, and how.
struct Check {
    std::string_view code;
    std::string_view about;
    void (*look)(const Proposal& proposal, std::vector<Finding>& findings);
};
std::vector<Check> all_checks();
std::vector<Check> block_checks();    // checks_block.cc
std::vector<Check> device_checks();   // checks_device.cc
std::vector<Check> machine_checks();  // checks_machine.cc

Judgement judge(Engine& engine, const Inventory& inventory,
                const std::vector<const PciFunction*>& wanted, const Guest* guest = nullptr);

// Quirk is what is known of a device from elsewhere.
struct Quirk {
    uint16_t vendor, device;  // device 0: any of the vendor with that class
    uint16_t sub_class;       // 0: any
    std::string_view words;
    std::string_view source;
};
std::vector<const Quirk*> quirks_of(const PciFunction& function);

}  // namespace lodge
