#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "engine/commands/common.h"
#include "engine/error.h"
#include "power/command_tables.h"
#include "power/record.h"

namespace lodge {
namespace {

int record_words(Engine& engine, const Values& words) {
    const std::string& path = words.text("file");
    const auto entries = without_identity(record_machine(engine.host));
    const std::string text =
        print_record(entries, {"What Lodge " LODGE_VERSION " reads of this machine. Serial "
                               "numbers, MAC addresses and UUIDs are replaced."});
    if (path == "-") {
        fmt::print("{}", text);
        return 0;
    }
    if (engine.host.exists(path))
        fail(Exit::refused, "{} is there already: name another file", path);
    if (words.flag("dry-run")) {
        fmt::print("# {} files of the kernel are written to {}\n", entries.size(), path);
        return 0;
    }
    engine.host.write(path, text);
    return print_outcome(words,
                         fmt::format("{}: {} files of the kernel; look through it before you "
                                     "give it to somebody",
                                     path, entries.size()),
                         {{"file", path}, {"entries", entries.size()}});
}

}  // namespace

std::vector<Command> record_command_table() {
    return {
        {.subject = "power",
         .verb = "record",
         .short_form = "record",
         .label = "Record",
         .help = "Writes what Lodge reads of this machine into one file, for a report.",
         .risk = Risk::undoable,
         .operands = {{"file", WordKind::path, "The file to write; - prints it."}},
         .options = outcome_options(),
         .run = record_words,
         .more = "Nothing is read that wakes a device, waits for one or changes by being read. "
                 "Serial numbers, MAC addresses and UUIDs are replaced, the same ones by the same "
                 "words."},
    };
}

}  // namespace lodge
