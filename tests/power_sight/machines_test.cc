// The recorded machines of tests/machines: what Lodge sees of each, twice, as nothing moves in
// between.
#include <gtest/gtest.h>

#include "power/record.h"
#include "power/senses.h"
#include "power/sight_words.h"
#include "tests/power_sight/root.h"
#include "tests/support/cases.h"

namespace lodge {
namespace {

using namespace std::chrono_literals;

class NoChips : public SensorSource {
  public:
    std::vector<SensorView> read(bool) override { return {}; }
};

std::vector<std::string> machines() {
    std::vector<std::string> names;
    const auto folder = std::filesystem::path(TESTS_FOLDER) / "machines";
    for (const auto& entry : std::filesystem::directory_iterator(folder))
        names.push_back(entry.path().filename().string());
    std::sort(names.begin(), names.end());
    return names;
}

std::string text_of_view(const PowerView& view, const std::vector<SensorView>& sensors) {
    std::string text =
        fmt::format("profile: {}\nwatts: {}\nCPUs: {}\ncores: {}\npackage: {}\n", view.profile,
                    view.no_watts, frequencies_words(view), idle_words(view), package_words(view));
    for (const std::string& other : view.others)
        text += "other: " + other + "\n";
    for (const WattView& meter : view.meters)
        text += fmt::format("meter: {} ({}) {}\n", meter.name, meter.source,
                            meter.watts ? watt_words(*meter.watts) : meter.trouble);
    for (const IdleView& state : view.idle)
        text += fmt::format("state: {} {} us {}\n", state.name, state.latency, state.about);
    for (const SensorView& sensor : sensors)
        text += fmt::format("sensor: {}: {} {} {}\n", sensor_title(sensor), sensor_words(sensor),
                            sensor_limit_words(sensor), sensor_state_words(sensor));
    for (const BlockerView& one : view.blockers)
        text += fmt::format("{}: {} [{}] {}\n", blocker_kind_words(one.kind), one.what, one.raw,
                            one.why);
    return text;
}

class Machines : public testing::TestWithParam<std::string> {};

TEST_P(Machines, Case) {
    const auto tests = std::filesystem::path(TESTS_FOLDER);
    PowerRoot root;
    unpack_record(parse_record(cases::read(tests / "machines" / GetParam())),
                  root.host.system("/"));
    PowerSenses senses(root.host, std::make_unique<NoChips>(), package_counters(root.host), true);
    const Senses::Time start{100h};
    Seen seen;
    for (int i = 0; i < 2; ++i) {
        senses.watts(start + 5s * i);
        seen.sensors = senses.sensors(start + 5s * i);
        seen.power = senses.power(seen, start + 5s * i);
    }
    cases::expect_file(tests / "power_sight" / "machines" / GetParam(),
                       text_of_view(*seen.power, seen.sensors));
}

INSTANTIATE_TEST_SUITE_P(All, Machines, testing::ValuesIn(machines()), cases::test_name);

}  // namespace
}  // namespace lodge
