#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <set>

#include "engine/container/lxc_config.h"
#include "engine/error.h"
#include "engine/store.h"
#include "engine/units.h"
#include "tests/support/cases.h"

namespace lodge {
namespace {

namespace fs = std::filesystem;

std::set<std::string> words_of(std::string_view text) {
    std::set<std::string> words;
    for (const std::string& word : split(text, ' '))
        if (!word.empty()) words.insert(word);
    return words;
}

// "name value" lines over a machine with version 2 whose volumes are where their names say.
LxcFacts facts_of(const std::string& text) {
    LxcFacts facts;
    facts.run_folder = "/run/lodge/guest/101";
    facts.log_folder = "/var/lib/lodge/log/101";
    facts.groups2 = words_of("cpuset cpu io memory pids");
    facts.processors = {0, 1, 2, 3};
    facts.volumes["local:101/subvol-101-disk-0.subvol"] =
        "/var/lib/lodge/images/101/subvol-101-disk-0.subvol";
    std::vector<std::string> map;
    for (const std::string& line : split(text, '\n')) {
        const size_t space = line.find(' ');
        const std::string name = line.substr(0, space);
        const std::string value = space == std::string::npos ? "" : line.substr(space + 1);
        const auto words = split(value, ' ');
        if (name == "idmap") map.push_back(value);
        if (name == "user") facts.root = false;
        if (name == "groups1") facts.groups1 = words_of(value);
        if (name == "groups2") facts.groups2 = words_of(value);
        if (name == "swap-not-counted") facts.swap_counted = false;
        if (name == "apparmor") facts.apparmor = true;
        if (name == "apparmor-parser") facts.apparmor_parser = true;
        if (name == "no-seccomp") facts.seccomp = false;
        if (name == "volume") facts.volumes[words.at(0)] = words.at(1);
        if (name == "image") facts.images[words.at(0)] = words.at(1);
        if (name == "no-io-weight") facts.io_weight.clear();
        if (name == "bfq") facts.io_weight = "blkio.bfq.weight", facts.io_weight_problem = value;
        if (name == "volume-problem")
            facts.volume_problems[words.at(0)] = value.substr(words.at(0).size() + 1);
        if (name == "device")
            facts.devices[words.at(0)] = {words.at(1).at(0),
                                          static_cast<unsigned>(std::stoul(words.at(2))),
                                          static_cast<unsigned>(std::stoul(words.at(3)))};
        if (name == "net") facts.net.push_back(value);
    }
    facts.map = parse_id_map(map);
    return facts;
}

std::string print(const LxcConfig& lxc) {
    std::string text = lxc.config;
    if (!lxc.devices.empty()) text += "--- devices\n" + lxc.devices;
    if (!lxc.mounts.empty()) text += "--- mounts\n" + lxc.mounts;
    if (!lxc.init.empty()) text += "--- init\n" + lxc.init;
    if (!lxc.seccomp.empty()) text += "--- seccomp\n" + lxc.seccomp;
    for (const std::string& words : lxc.warnings)
        text += "warning: " + words + "\n";
    return text;
}

std::string outcome(const std::string& text, const LxcFacts& facts) {
    const Config config = Config::parse(text, container_schema(), "101.conf");
    std::string out;
    for (const Problem& problem : config.problems())
        out += "problem: " + config.words_of(problem) + "\n";
    try {
        return out + print(lxc_config(config, 101, facts));
    } catch (const Error& error) {
        return out + "error: " + error.what() + "\n";
    }
}

// A case is a folder: guest.conf, facts, and what is expected of them. UPDATE=1 writes the latter.
TEST(LxcConfig, CasesAreAsExpected) {
    for (const std::string& name : cases::names("container")) {
        SCOPED_TRACE(name);
        const fs::path folder = cases::folder("container", name);
        cases::expect_file(folder / "expected", outcome(cases::read(folder / "guest.conf"),
                                                        facts_of(cases::read(folder / "facts"))));
    }
}

// No key of the schema may pass without effect: it changes what liblxc is told or is warned of, or
// ct_key_elsewhere() says who honours it. `keys` has a sample of each.
struct Sample {
    std::string with, without;
};

std::string as_config(std::string text) {
    for (size_t at = 0; (at = text.find(";;")) != std::string::npos;)
        text.replace(at, 2, "\n");
    std::string config = "rootfs: local:101/subvol-101-disk-0.subvol\n";
    for (const std::string& line : split(text, '\n'))
        if (trim(line).starts_with("rootfs:"))
            config = std::string(trim(line)) + "\n";
        else if (!trim(line).empty())
            config += std::string(trim(line)) + "\n";
    return config;
}

std::multimap<std::string, Sample> samples() {
    std::multimap<std::string, Sample> found;
    for (const std::string& line :
         split(cases::read(fs::path(TESTS_FOLDER) / "container" / "keys"), '\n')) {
        if (line.empty() || line[0] == '#') continue;
        const auto columns = split(line, '|');
        found.emplace(std::string(trim(columns[0])),
                      Sample{as_config(columns.at(1)),
                             as_config(columns.size() > 2 ? columns[2] : std::string())});
    }
    return found;
}

void expect_effect(const std::string& key, const std::multimap<std::string, Sample>& all) {
    SCOPED_TRACE(key);
    const auto [first, last] = all.equal_range(key);
    if (!ct_key_elsewhere(key).empty()) {
        EXPECT_EQ(first, last) << "it has a sample, and is someone else's business as well";
        return;
    }
    ASSERT_NE(first, last) << "tests/container/keys has no sample of it";
    for (auto one = first; one != last; ++one) {
        const LxcFacts facts = facts_of(
            "idmap u 0 100000 65536\nidmap g 0 100000 65536\n"
            "device /dev/net/tun c 10 200\nvolume local:x /srv/x\n");
        const std::string with = outcome(one->second.with, facts);
        EXPECT_EQ(with.find("problem: "), std::string::npos) << with;
        EXPECT_NE(with, outcome(one->second.without, facts)) << one->second.with;
    }
}

TEST(LxcConfig, NoKeyPassesInSilence) {
    const auto all = samples();
    for (const Field& field : container_schema().fields) {
        const std::string key(field.key);
        if (field.type != ValueType::property || !ct_key_elsewhere(key).empty()) {
            expect_effect(key, all);
            continue;
        }
        for (const Field& part : field.parts)
            if (part.alias.empty()) expect_effect(key + "." + std::string(part.key), all);
    }
}

TEST(LxcConfig, WarnsOfLimitsThatNothingEnforces) {
    LxcFacts facts = facts_of("");
    facts.groups2.clear();
    const Config config = Config::parse("memory: 64\ncpulimit: 1.5\ncores: 2\ncpuunits: 50\n",
                                        container_schema(), "101.conf");
    std::vector<std::string> warnings;
    EXPECT_TRUE(ct_limits(config, 101, facts, warnings).empty());
    EXPECT_EQ(warnings.size(), 4u) << join(warnings, "\n");
}

}  // namespace
}  // namespace lodge
