#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/plan.h"
#include "passthrough/boot_loader.h"

namespace lodge {

struct Engine;

// A change of what the machine is started with is a trial over restarts: the next start tries it;
// when nobody confirms it in that time, the start after that takes it back.
enum class BootPhase {
    writing,   // its files are being written
    prepared,  // waits for a restart
    trying,    // this start has it; waits for the person's answer
    kept,      // confirmed
    stuck      // could not be taken back; `trouble` says why
};
std::string_view boot_phase_word(BootPhase phase);

// BootRecord is <state>/boot/<number>.json.
struct BootRecord {
    int number = 0;
    std::string title;  // "start with intel_iommu=on"
    BootPhase phase = BootPhase::writing;
    std::string boot;                // boot_id in which it was written
    std::string tried;               // boot_id of the start that tries it
    Plan plan;                       // with the way back of each step
    std::vector<std::string> words;  // of the command line, that it adds
    std::string trouble;
};
std::string print_boot(const BootRecord& record);
BootRecord parse_boot(std::string_view text);  // throws Error when it is none

// All that were not taken back, by number. What cannot be read is left out.
std::vector<BootRecord> boot_records(const Host& host);
// The one that waits for a restart or an answer.
std::optional<BootRecord> pending_boot(const Host& host);

// Wraps the steps that edit files: the record first, then the steps, then what is made anew from
// the files; on the way back that comes last. Throws Error(Exit::refused) while one is pending.
Plan boot_plan(const Host& host, BootRecord record, const std::vector<BootFile>& files,
               const std::vector<std::vector<std::string>>& rebuild);
Plan confirm_boot_plan(const Host& host);  // throws Error(Exit::refused) when none is being tried
// Takes back the last one, whatever its phase.
Plan revert_boot_plan(const Host& host);

// What the boot unit does (lodge boot recover); says what it did.
std::vector<std::string> recover_boot(Engine& engine);

// Verbs: boot-write path, content, [before], number | boot-restore path, content, [before] |
// boot-rebuild argv, [back] (only on the way back) | boot-record number, record |
// boot-phase number, phase ("gone" removes it).
std::span<const ActionKind> boot_actions();

}  // namespace lodge
