#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <set>

#include "engine/error.h"
#include "engine/store.h"
#include "tests/argv/cases.h"

// No key of the schema may pass without effect: it changes the command line or what goes with it,
// or is warned of, or vm_key_elsewhere() says who honours it. `keys` has a sample of each.
namespace lodge {
namespace {

std::string read_file(const std::string& name) {
    std::ifstream in(std::string(TESTS_FOLDER) + "/argv/" + name);
    return {std::istreambuf_iterator<char>(in), {}};
}

struct Sample {
    std::string with, without;
};

std::string as_config(std::string text) {
    for (size_t at = 0; (at = text.find(";;")) != std::string::npos;)
        text.replace(at, 2, "\n");
    std::string config;
    for (const std::string& line : split(text, '\n'))
        if (!trim(line).empty()) config += std::string(trim(line)) + "\n";
    return config;
}

std::multimap<std::string, Sample> samples() {
    std::multimap<std::string, Sample> found;
    for (const std::string& line : split(read_file("keys"), '\n')) {
        if (line.empty() || line[0] == '#') continue;
        const auto columns = split(line, '|');
        found.emplace(
            std::string(trim(columns[0])),
            Sample{as_config(columns[1]), columns.size() > 2 ? as_config(columns[2]) : ""});
    }
    return found;
}

// Everything that a command is, in no pretty form.
std::string outcome(const std::string& text, const MachineFacts& facts) {
    const Config config = Config::parse(text, vm_schema(), "101.conf");
    for (const Problem& problem : config.problems())
        ADD_FAILURE() << config.words_of(problem) << "\n" << text;
    try {
        const VmCommand command = vm_command(config, 101, facts);
        std::string all = join(command.argv, "\n") + command.affinity + (command.freeze ? "S" : "");
        for (const Handover& handover : command.handovers)
            all += fmt::format("\n{} {} {} {} {}", handover.path, handover.bridge, handover.vlan,
                               handover.trunks, handover.rate);
        for (const Helper& helper : command.helpers)
            all += "\n" + join(helper.argv, " ");
        return all + join(command.before_run, "\n") + join(command.warnings, "\n");
    } catch (const Error& error) {
        return error.what();
    }
}

TEST(Argv, EverySampleHasAnEffect) {
    const MachineFacts facts = argv_test::facts_of(read_file("keys_facts"));
    for (const auto& [key, sample] : samples()) {
        EXPECT_NE(outcome(sample.with, facts), outcome(sample.without, facts)) << key;
        EXPECT_EQ("", vm_key_elsewhere(key)) << key << " is said to be honoured elsewhere";
    }
}

TEST(Argv, NoKeyIsPassedOver) {
    const auto known = samples();
    const auto is_covered = [&](const std::string& name) {
        return known.count(name) > 0 || !vm_key_elsewhere(name).empty();
    };
    for (const Field& field : vm_schema().fields) {
        const std::string key(field.key);
        if (field.parts.empty() || known.count(key) > 0) {
            EXPECT_TRUE(is_covered(key)) << key << " is neither in `keys` nor honoured elsewhere";
            continue;
        }
        if (key == "cdrom") continue;  // another name of ide2
        for (const Field& part : field.parts) {
            if (!part.alias.empty()) continue;
            const std::string name = key + "." + std::string(part.key);
            EXPECT_TRUE(is_covered(name)) << name << " is neither in `keys` nor honoured elsewhere";
        }
    }
}

TEST(Argv, ElsewhereNamesKeysOfTheSchemaOnly) {
    EXPECT_EQ("", vm_key_elsewhere("scsi.file"));
    EXPECT_EQ("", vm_key_elsewhere("nonsense"));
    EXPECT_NE("", vm_key_elsewhere("sata.backup"));
    EXPECT_NE("", vm_key_elsewhere("startup.up"));
}

}  // namespace
}  // namespace lodge
