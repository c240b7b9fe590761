#include "engine/container/net.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

#include "engine/container/net_script.h"
#include "engine/store.h"
#include "engine/units.h"
#include "tests/support/cases.h"

// A case is a folder: guest.conf, facts (a fact a line), system (what kind of system is inside),
// and as files below before/ what stands in it. `expected` is all that comes of it: liblxc's
// lines, the scripts, the files. UPDATE=1 writes it anew.

namespace lodge {
namespace {

namespace fs = std::filesystem;

CtNetFacts facts_of(const std::string& text) {
    CtNetFacts facts;
    facts.id = 102;
    facts.run_folder = "/run/lodge/guest/102";
    facts.bridges = {"vmbr0"};
    facts.nats = {"lodge0", "lodge1"};
    facts.nat_gateways = {{"lodge0", "10.87.0.1"}};
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
        std::istringstream in(line);
        std::string key, one, two, three;
        in >> key >> one >> two >> three;
        if (key == "user") facts.root = false;
        if (key == "id") facts.id = static_cast<int>(parse_integer(one).value());
        if (key == "filters") facts.filtered.push_back(one);
        if (key == "no-bridges") facts.can_bridge = false;
        if (key == "assigned") facts.assigned[one] = {two, three};
        if (key == "pasta") facts.pasta = one;
        if (key == "slirp4netns") facts.slirp4netns = one;
        if (key == "nameserver") facts.nameservers.push_back(one);
        if (key == "search") facts.searchdomain = one;
    }
    return facts;
}

CtSystem system_of(const std::string& text) {
    CtSystem system;
    std::istringstream lines(text);
    for (std::string word; lines >> word;) {
        if (word == "linked-resolv") system.fixed_resolv = false;
        if (word.starts_with("family=")) system.family = word.substr(7);
        for (int i = 0; i <= static_cast<int>(CtSystem::Manager::ifcfg); ++i)
            if (word == ct_manager_word(static_cast<CtSystem::Manager>(i)))
                system.manager = static_cast<CtSystem::Manager>(i);
    }
    return system;
}

std::string cards_text(const Config& config, const CtNetFacts& facts) {
    std::string text;
    std::vector<std::string> forwards;
    for (const std::string& key : config.indexed("hostfwd")) {
        const auto forward = config.properties(key);
        forwards.push_back(fmt::format("{}:{}/{}:{}", forward->text("proto"),
                                       forward->text("address"), forward->integer("host"),
                                       forward->integer("guest")));
    }
    for (const CtCard& card : ct_cards(config, facts)) {
        for (const std::string& words : card.warnings)
            text += "warning: " + words + "\n";
        if (!card.trouble.empty()) text += "trouble: " + card.trouble + "\n";
    }
    for (const std::string& line : ct_net_lines(config, facts))
        text += line + "\n";
    for (const CtCard& card : ct_cards(config, facts)) {
        if (const std::string script = card_script(card); !script.empty())
            text += "\n==== " + card_script_path(card, facts) + "\n" + script;
        if (card.way == CtCard::Way::user)
            text += "\n==== " + user_script_path(facts) + "\n" + user_script(card, facts, forwards);
    }
    return text;
}

std::string outcome(const fs::path& folder) {
    const Config config =
        Config::parse(cases::read(folder / "guest.conf"), container_schema(), "102.conf");
    const CtNetFacts facts = facts_of(cases::read(folder / "facts"));
    std::string text;
    for (const Problem& problem : config.problems())
        text += "problem: " + config.words_of(problem) + "\n";
    text += cards_text(config, facts);
    std::vector<std::string> notes;
    const auto files =
        ct_net_files(config, facts, system_of(cases::read(folder / "system")), notes);
    for (const CtFile& file : files) {
        std::optional<std::string> before;
        if (fs::exists(folder / "before" / file.path.substr(1)))
            before = cases::read(folder / "before" / file.path.substr(1));
        const std::string after = merge_ct_file(file, before);
        text += fmt::format("\n==== {} {:o}\n{}", file.path, file.mode, after);
        EXPECT_EQ(merge_ct_file(file, after), after)
            << "the second start changes " << file.path << " again: " << folder;
    }
    for (const std::string& note : notes)
        text += "\nnote: " + note + "\n";
    return text;
}

class CtNet : public testing::TestWithParam<std::string> {};

TEST_P(CtNet, is_as_expected) {
    const fs::path folder = cases::folder("container/net", GetParam());
    cases::expect_file(folder / "expected", outcome(folder));
}

INSTANTIATE_TEST_SUITE_P(Cases, CtNet, testing::ValuesIn(cases::names("container/net")),
                         cases::test_name);

}  // namespace
}  // namespace lodge
