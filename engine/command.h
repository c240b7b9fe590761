#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/plan.h"
#include "engine/text.h"
#include "engine/values.h"

namespace lodge {

struct Engine;

// How a command asks before harm (screen.md).
enum class Risk {
    none,        // looks only
    undoable,    // does it, says how to undo
    interrupts,  // names the guest, y or n
    destroys,    // type the guest's name
    cuts_off     // a trial
};

// What a word stands for, so that it can be completed and explained.
enum class WordKind {
    text,
    guest,
    guests,
    storage,
    volume,
    snapshot,
    job,
    key_value,
    path,
    command
};

// Operand is a word of a command that has no name: `lodge guest rollback 101 before-upgrade`.
struct Operand {
    std::string_view name = {};
    WordKind kind = WordKind::text;
    std::string_view help = {};
    bool optional = false;
    bool many = false;  // the last one only
};

// Option is a named word: `--timeout SECONDS`, `--force`.
struct Option {
    std::string_view name = {};   // without the dashes
    std::string_view value = {};  // "SECONDS"; "" for a flag
    std::string_view help = {};
    WordKind kind = WordKind::text;
    bool many = false;
    std::string_view fallback = {};
    Risk risk = Risk::none;  // that of the command with it, when it is more
};

// Report is what a command that looks has to say, for a person and for a script.
struct Report {
    std::string text;  // ends with a newline unless empty
    std::string json;  // one JSON value
    // Or what makes it, where making it costs as much as all the rest and is seldom asked for.
    std::function<std::string()> make_json = {};

    std::string as_json() const { return make_json ? make_json() : json; }
};

// Command is one line of the table that keys, bottom bar, palette, words, help, manual and
// completion read. Exactly one of plan, show and run is set.
struct Command {
    std::string_view subject = {};     // "guest"
    std::string_view verb = {};        // "start"
    std::string_view short_form = {};  // `lodge start 101`; "" for none
    std::string_view label = {};       // bottom bar and palette: "Start"
    std::string_view help = {};        // one sentence
    std::string_view key = {};         // "F5"; "" for none
    std::string_view twin = {};        // letter: "s"
    Risk risk = Risk::none;
    std::vector<Operand> operands = {};
    std::vector<Option> options = {};
    // Why it can't be done now, "" when it can. Cheap: asked for each redraw. May be empty.
    std::string (*why_not)(Engine&, const Values&) = nullptr;
    // A command that changes something. With an operand of kind `guests`, called once a guest
    // with "guest" set to that one's id.
    Plan (*plan)(Engine&, const Values&) = nullptr;
    // A command that looks.
    Report (*show)(Engine&, const Values&) = nullptr;
    // A command that prints by itself what comes of it; returns the exit status.
    int (*run)(Engine&, const Values&) = nullptr;
    bool keyboard = false;       // `run` needs a person's terminal and keys: a console
    std::string_view more = {};  // a paragraph for the manual
};

// How much harm the command can do with these words.
Risk risk_of(const Command& command, const Values& words);

// The tables of the engine, one a subject; main joins those of all modules.
std::span<const Command> guest_commands();     // engine/commands/guest.cc
std::span<const Command> disk_commands();      // engine/commands/disk.cc
std::span<const Command> snapshot_commands();  // engine/commands/snapshot.cc
std::span<const Command> storage_commands();   // engine/commands/storage.cc
std::span<const Command> network_commands();   // engine/commands/network.cc
std::span<const Command> image_commands();     // engine/commands/image.cc
std::span<const Command> job_commands();       // engine/commands/job.cc
std::span<const Command> demo_commands();      // engine/commands/demo.cc

// The command that `words` begin with ("guest start", or a short form) and how many words that
// took; nullptr when there is none.
const Command* find_command(std::span<const std::span<const Command>> tables,
                            std::span<const std::string> words, size_t& taken);

// Aligned columns for people: header and rows, "-" prefixed titles are right-aligned ("-CPU").
std::string format_table(const std::vector<std::string>& titles,
                         const std::vector<std::vector<std::string>>& rows);

}  // namespace lodge
