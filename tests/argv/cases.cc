#include "tests/argv/cases.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "engine/error.h"
#include "engine/store.h"
#include "tests/support/cases.h"

namespace lodge {
namespace {

namespace fs = std::filesystem;

std::string handover_words(const Handover& handover) {
    static const char* const kinds[] = {"listen", "tap", "file", "connect"};
    std::string words = fmt::format("{} {} {}", handover.number,
                                    kinds[static_cast<int>(handover.kind)], handover.path);
    if (!handover.bridge.empty()) words += " on " + handover.bridge;
    if (handover.vlan != 0) words += fmt::format(" vlan {}", handover.vlan);
    if (!handover.trunks.empty()) words += " trunks " + handover.trunks;
    if (handover.rate > 0) words += fmt::format(" rate {}", handover.rate);
    if (handover.mtu > 0) words += fmt::format(" mtu {}", handover.mtu);
    if (handover.multi_queue) words += " multi-queue";
    if (handover.read_only) words += " read-only";
    return words;
}

// All of a VmCommand as text: one option a line.
std::string print(const VmCommand& command) {
    std::string text;
    for (size_t i = 0; i < command.argv.size(); ++i) {
        const bool joins = i > 0 && command.argv[i - 1][0] == '-' && command.argv[i][0] != '-';
        text += (joins ? " " : i > 0 ? "\n" : "") + shell_quote(command.argv[i]);
    }
    text += "\n";
    for (const Handover& handover : command.handovers)
        text += "hand over: " + handover_words(handover) + "\n";
    for (const Helper& helper : command.helpers)
        text +=
            fmt::format("helper {}{}: {} ready by {}\n", helper.name,
                        helper.as_root ? " as root" : "", shell_line(helper.argv), helper.socket);
    for (const std::string& path : command.owned)
        text += "owned: " + path + "\n";
    for (const std::string& path : command.folders)
        text += "folder: " + path + "\n";
    for (const std::string& words : command.before_run)
        text += "before it runs: " + words + "\n";
    if (command.freeze) text += "left paused\n";
    if (!command.affinity.empty()) text += "affinity: " + command.affinity + "\n";
    for (const std::string& words : command.warnings)
        text += "warning: " + words + "\n";
    return text;
}

std::string outcome(const fs::path& folder) {
    const Config config =
        Config::parse(cases::read(folder / "guest.conf"), vm_schema(), "101.conf");
    std::string text;
    for (const Problem& problem : config.problems())
        text += "problem: " + config.words_of(problem) + "\n";
    try {
        return text +
               print(vm_command(config, 101, argv_test::facts_of(cases::read(folder / "facts"))));
    } catch (const Error& error) {
        return text + "error: " + error.what() + "\n";
    }
}

// A case is a folder: guest.conf, facts, and what is expected of them. UPDATE=1 writes the latter.
TEST(Argv, CasesAreAsExpected) {
    for (const std::string& name : cases::names("argv")) {
        SCOPED_TRACE(name);
        const fs::path folder = cases::folder("argv", name);
        cases::expect_file(folder / "expected", outcome(folder));
    }
}

}  // namespace
}  // namespace lodge
