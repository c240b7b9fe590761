#include "tests/support/cases.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <sstream>

#include "engine/error.h"
#include "engine/store.h"
#include "engine/units.h"

// Each folder of cases/ is a test: in.conf is read, the lines of `edits` are carried out, and the
// result must be out.conf, byte for byte; without edits it must be in.conf. `problems` holds what
// the parser says. A folder's name begins with vm or ct. UPDATE=1 writes out.conf and problems.
namespace lodge {
namespace {

namespace fs = std::filesystem;

void edit_section(Config& config, Section& section, std::istringstream& words) {
    std::string verb;
    std::string key;
    std::string rest;
    words >> verb >> key;
    std::getline(words, rest);
    rest = trim(rest);
    if (verb == "set") {
        section.set(key, rest);
    } else if (verb == "add") {
        section.add(key, rest);
    } else if (verb == "erase") {
        section.erase(key);
    } else if (verb == "describe") {
        std::string text = key + " " + rest;
        for (size_t at = 0; (at = text.find("\\n", at)) != std::string::npos;)
            text.replace(at, 2, "\n");
        section.set_description(text);
    } else if (verb == "part" || verb == "drop") {
        auto parts = config.properties(key);
        ASSERT_TRUE(parts) << key;
        const size_t equals = rest.find('=');
        if (verb == "drop")
            parts->erase(rest);
        else
            parts->set(rest.substr(0, equals), rest.substr(equals + 1));
        section.set(key, parts->print());
    } else {
        FAIL() << "no such edit: " << verb;
    }
}

void edit(Config& config, const std::string& line) {
    std::istringstream words(line);
    std::string where;
    std::string name;
    words >> where;
    if (where == "current") {
        edit_section(config, config.current, words);
    } else if (where == "pending") {
        edit_section(config, config.pending, words);
    } else if (where == "deletes") {
        std::vector<std::string> keys;
        while (words >> name)
            keys.push_back(name);
        config.set_pending_deletes(keys);
    } else if (where == "new") {
        words >> name;
        config.add_snapshot(name);
    } else if (where == "forget") {
        words >> name;
        config.remove_snapshot(name);
    } else if (where == "snapshot") {
        words >> name;
        ASSERT_NE(config.snapshot(name), nullptr) << name;
        edit_section(config, *config.snapshot(name), words);
    } else {
        FAIL() << "no such place: " << where;
    }
}

class Case : public testing::TestWithParam<std::string> {};

TEST_P(Case, IsReadAndWritten) {
    const fs::path folder = cases::folder("config", GetParam());
    const bool is_vm = GetParam().starts_with("vm");
    const Schema& schema = is_vm ? vm_schema() : container_schema();
    const std::string before = cases::read(folder / "in.conf");
    Config config = Config::parse(before, schema, "in.conf");
    EXPECT_EQ(config.text(), before) << "unchanged, yet other bytes";

    std::string problems;
    for (const Problem& problem : config.problems())
        problems += config.words_of(problem) + "\n";
    cases::expect_file(folder / "problems", problems);
    if (!fs::exists(folder / "edits")) return;

    for (const std::string& line : split(trim(cases::read(folder / "edits")), '\n'))
        edit(config, line);
    const std::string after = config.text();
    cases::expect_file(folder / "out.conf", after);

    if (!config.changed()) return;
    // What was written once is written again the same.
    Config again = Config::parse(after, schema, "out.conf");
    again.current.set("tags", "a-tag-of-the-test");
    const std::string twice = again.text();
    Config third = Config::parse(twice, schema, "out.conf");
    third.current.erase("tags");
    if (const auto tags = config.current.get("tags")) third.current.set("tags", *tags);
    EXPECT_EQ(third.text(), after);
}

INSTANTIATE_TEST_SUITE_P(Cases, Case, testing::ValuesIn(cases::names("config")), cases::test_name);

}  // namespace
}  // namespace lodge
