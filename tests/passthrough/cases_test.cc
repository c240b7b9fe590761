#include "tests/support/cases.h"

#include <gtest/gtest.h>

#include "engine/units.h"
#include "passthrough/findings.h"
#include "passthrough/report.h"
#include "tests/passthrough/fake_kernel.h"

// What the analyser says of devices, as folders of text: `machine` is a FakeKernel's, `ask` has the
// addresses, and "for 101" when a guest is meant.
namespace lodge {
namespace {

class Judged : public testing::TestWithParam<std::string> {};

TEST_P(Judged, AsExpected) {
    const auto folder = cases::folder("passthrough", GetParam());
    FakeKernel kernel(cases::read(folder / "machine"));
    const auto words = split(trim(cases::read(folder / "ask")), ' ');
    const Inventory inventory = kernel.look();
    std::vector<const PciFunction*> wanted;
    std::optional<Guest> guest;
    for (size_t i = 0; i < words.size(); ++i) {
        if (words[i] == "for") {
            guest = find_guest(kernel.engine(), words[++i]);
            continue;
        }
        const auto found = functions_at(inventory, words[i]);
        ASSERT_FALSE(found.empty()) << words[i];
        wanted.insert(wanted.end(), found.begin(), found.end());
    }
    const Judgement judgement =
        judge(kernel.engine(), inventory, wanted, guest ? &*guest : nullptr);
    std::string text = judgement_text(judgement);
    const std::string& config = kernel.host().config_folder();
    for (size_t at; (at = text.find(config)) != std::string::npos;)
        text.replace(at, config.size(), "/etc/lodge");
    cases::expect_file(folder / "expected", text);
}

INSTANTIATE_TEST_SUITE_P(Passthrough, Judged, testing::ValuesIn(cases::names("passthrough")),
                         cases::test_name);

// Every code of the tables is in an expected answer: none is there that was never seen to speak.
TEST(Passthrough, EveryCheckSpeaksInSomeCase) {
    std::string all;
    for (const std::string& name : cases::names("passthrough"))
        all += cases::read(cases::folder("passthrough", name) / "expected");
    for (const Check& check : all_checks())
        EXPECT_NE(all.find(" " + std::string(check.code) + " "), std::string::npos) << check.code;
}

}  // namespace
}  // namespace lodge
