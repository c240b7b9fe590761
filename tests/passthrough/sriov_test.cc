#include "passthrough/sriov.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "engine/error.h"
#include "engine/units.h"
#include "passthrough/give.h"
#include "passthrough/kinds.h"
#include "passthrough/pool.h"
#include "tests/passthrough/fake_kernel.h"

// Cards that are divided, on a kernel that answers as the real one does, and an `ip` that remembers
// what the card was told.
namespace lodge {
namespace {

constexpr std::string_view kMachine = R"(
    iommu dmar0
    pci 0000:00:1c.0 060400 8086:7ab8 driver=pcieport group=5
    pci 0000:01:00.0 020000 8086:1521 driver=igb group=12 under=0000:00:1c.0 reset=flr vfs=0/7
    pci 0000:02:00.0 020000 8086:125c driver=igc group=14 reset=flr
    net lan0 0000:01:00.0 down
    guest 101 machine: q35\nmemory: 256\nname: web
)";

constexpr std::string_view kIp = R"sh(#!/bin/sh
top=$(dirname "$0")/..
card=$top/sys/bus/pci/devices/0000:01:00.0
if [ "$1" = -j ]; then
    printf '[{"ifname":"lan0","vfinfo_list":['
    i=0 comma=
    while [ $i -lt "$(cat "$card/sriov_numvfs")" ]; do
        is() { cat "$top/.fake/vf-$i-$1" 2>/dev/null || echo "$2"; }
        truth() { [ "$(is "$1" "$2")" = on ] && echo true || echo false; }
        printf '%s{"vf":%s,"address":"%s","vlan_list":[{"vlan":%s}],"spoofchk":%s,"trust":%s}' \
            "$comma" $i "$(is mac 00:00:00:00:00:00)" "$(is vlan 0)" "$(truth spoofchk on)" \
            "$(truth trust off)"
        comma=, i=$((i + 1))
    done
    echo ']}]'
    exit
fi
[ "$*" != "${*#link set dev lan0 vf }" ] || exit 0
vf=$6
[ "$vf" -lt "$(cat "$card/sriov_numvfs")" ] || { echo "Invalid argument" >&2; exit 2; }
shift 6
while [ $# -gt 1 ]; do
    echo "$2" >"$top/.fake/vf-$vf-$1"
    shift 2
done
)sh";

class Sriov : public testing::Test {
  protected:
    void SetUp() override {
        if (::geteuid() != 0) GTEST_SKIP() << "only root hands devices over";
        kernel.put("/own-programs/ip", std::string(kIp));
        ::chmod(kernel.host().system("/own-programs/ip").c_str(), 0755);
    }
    Plan vf(const std::vector<Values::Item>& more, const std::string& count) {
        Values words{{"device", "01:00.0"}, {"count", count}};
        for (const Values::Item& one : more)
            words.set(one);
        return plan_vfs(kernel.engine(), words);
    }
    void carry(const Plan& plan) { kernel.engine().jobs.run_here(kernel.engine(), plan); }
    std::string settings() {
        std::vector<std::string> lines;
        for (const VfSetting& one : read_vfs(kernel.host(), "lan0"))
            lines.push_back(one.print());
        return join(lines, "\n");
    }
    template <class Do>
    std::string refusal(const Do& act) {
        try {
            act();
        } catch (const Error& error) {
            return error.what();
        }
        ADD_FAILURE() << "it was allowed";
        return "";
    }
    std::string file(const std::string& path) { return kernel.host().read(path).value_or(""); }
    void hold(const std::string& address, int guest) {
        kernel.host().make_folder(kernel.host().run_folder() + "/device");
        kernel.host().write_volatile(kernel.host().run_folder() + "/device/" + address,
                                     fmt::format("{{\"guest\": {}}}", guest));
    }

    FakeKernel kernel{kMachine};
};

TEST_F(Sriov, AreMadeAndTakenAway) {
    const std::string before = kernel.state();
    carry(vf({}, "3"));
    EXPECT_EQ(kernel.look().find("01:00.0")->virtuals,
              (std::vector<std::string>{"0000:01:10.0", "0000:01:10.1", "0000:01:10.2"}));
    // From one number to another the kernel wants them gone in between.
    const Plan fewer = vf({}, "2");
    EXPECT_NE(fewer.afterwards.find("01:10.0, 01:10.1"), std::string::npos) << fewer.afterwards;
    carry(fewer);
    EXPECT_EQ(kernel.look().find("01:00.0")->vfs_now, 2);
    EXPECT_TRUE(vf({}, "2").steps.empty());
    carry(vf({}, "0"));
    EXPECT_EQ(kernel.state(), before);
}

TEST_F(Sriov, GetTheirSettingsAndAnUndoBringsBackAll) {
    carry(vf({{"vf", 1}, {"mac", "52:54:00:AA:00:01"}, {"vlan", 10}, {"spoofchk", "off"}}, "2"));
    EXPECT_EQ(settings(),
              "0 mac=00:00:00:00:00:00 vlan=0 trust=off spoofchk=on\n"
              "1 mac=52:54:00:aa:00:01 vlan=10 trust=off spoofchk=off");
    const std::string before = settings();
    Plan plan = vf({{"vf", 1}, {"trust", "on"}}, "4");
    plan.step("something that fails", {"run", {{"argv", std::vector<std::string>{"/bin/false"}}}});
    refusal([&] { carry(plan); });
    EXPECT_EQ(settings(), before);
}

TEST_F(Sriov, WhatCannotBeIsSaid) {
    EXPECT_NE(refusal([&] { vf({}, "8"); }).find("0 to 7"), std::string::npos);
    EXPECT_NE(refusal([&] { vf({}, "many"); }).find("'many' is no number"), std::string::npos);
    EXPECT_NE(refusal([&] {
                  plan_vfs(kernel.engine(), {{"device", "02:00.0"}, {"count", "1"}});
              }).find("does not offer SR-IOV"),
              std::string::npos);
    EXPECT_NE(refusal([&] {
                  vf({{"vf", 2}, {"vlan", 1}}, "2");
              }).find("0 to 1, not 2"),
              std::string::npos);
    EXPECT_NE(refusal([&] {
                  vf({{"vf", 0}, {"vlan", 5000}}, "2");
              }).find("0 (none) to 4094"),
              std::string::npos);
    EXPECT_NE(refusal([&] {
                  vf({{"vf", 0}, {"mac", "53:54:00:00:00:01"}}, "2");
              }).find("odd"),
              std::string::npos);
    carry(vf({}, "2"));
    hold("0000:01:10.1", 101);
    const std::string words = refusal([&] { vf({}, "4"); });
    EXPECT_NE(words.find("guest 101 runs with 01:10.1"), std::string::npos) << words;
    // What does not change their number goes.
    EXPECT_NO_THROW(vf({{"vf", 0}, {"vlan", 7}}, "2"));
}

TEST_F(Sriov, AreKeptAndMadeAgain) {
    kernel.host().make_folder(kernel.host().system("/run/systemd/system"));
    kernel.put("/own-programs/systemctl", "#!/bin/sh\n");
    ::chmod(kernel.host().system("/own-programs/systemctl").c_str(), 0755);
    const Plan plan =
        vf({{"vf", 1}, {"mac", "52:54:00:aa:00:01"}, {"vlan", 10}, {"keep", true}}, "2");
    carry(plan);
    EXPECT_EQ(file(kept_vfs_path(kernel.host())),
              "# Virtual functions that Lodge makes at each start (lodge device vf).\n"
              "0000:01:00.0 8086:1521 0000:00/1c.0/00.0 count=2\n"
              "  vf 1 mac=52:54:00:aa:00:01 vlan=10\n");
    EXPECT_NE(file(kernel.host().system("/etc/systemd/system/lodge-devices.service"))
                  .find("device restore --yes"),
              std::string::npos);
    // As after a start of the machine.
    carry(vf({}, "0"));
    EXPECT_EQ(file(kept_vfs_path(kernel.host())), "") << "0 is nothing to keep";
    carry(plan);
    kernel.host().write(kept_vfs_path(kernel.host()),
                        "0000:09:00.0 8086:1521 0000:00/1c.0/00.0 count=3\n  vf 2 vlan=20\n"
                        "0000:0a:00.0 8086:1521 0000:00/1d.0/00.0 count=3\n");
    const Plan again = plan_vfs_again(kernel.engine());
    ASSERT_EQ(again.warnings.size(), 1U);
    EXPECT_NE(again.warnings[0].find("0a:00.0"), std::string::npos);
    carry(again);
    // It moved to another address; its slot tells.
    EXPECT_EQ(kernel.look().find("01:00.0")->vfs_now, 3);
    EXPECT_NE(settings().find("2 mac=00:00:00:00:00:00 vlan=20"), std::string::npos) << settings();
}

TEST_F(Sriov, APoolGivesWhatIsFree) {
    kernel.host().make_folder(kernel.host().config_folder() + "/mapping");
    kernel.host().write(kernel.host().config_folder() + "/mapping/pci.cfg",
                        "gpu\n\tmap id=10de:2204,path=0000:03:00.0\n");
    carry(vf({{"pool", "lan"}}, "2"));
    const std::string text = file(kernel.host().config_folder() + "/mapping/pci.cfg");
    EXPECT_NE(text.find("gpu\n\tmap id=10de:2204,path=0000:03:00.0\n\nlan\n\tmap id=8086:1520,"),
              std::string::npos)
        << text;
    EXPECT_NE(text.find("path=0000:01:10.1\n"), std::string::npos) << text;
    carry(plan_give(kernel.engine(), {{"device", "lan"}, {"guest", 101}}));
    const Guest web = load_guest(kernel.engine(), 101);
    EXPECT_NE(web.config.current.get("hostpci0").value_or("").find("mapping=lan"),
              std::string::npos);
    EXPECT_EQ(choose_devices(kernel.host(), kernel.look(), web).at(0).functions.at(0)->address,
              "0000:01:10.0");
    hold("0000:01:10.0", 102);
    EXPECT_EQ(choose_devices(kernel.host(), kernel.look(), web).at(0).functions.at(0)->address,
              "0000:01:10.1");
    hold("0000:01:10.1", 103);
    EXPECT_EQ(choose_devices(kernel.host(), kernel.look(), web).at(0).problem,
              "all 2 devices of the mapping lan are in use or missing");
}

TEST_F(Sriov, AGuestsFunctionKeepsOneAddress) {
    carry(vf({{"vf", 1}, {"mac", "52:54:00:aa:00:01"}}, "2"));
    const Inventory inventory = kernel.look();
    Plan plan;
    plan_vf_mac(kernel.engine(), inventory, *inventory.find("01:10.1"), 101, "hostpci0", plan);
    EXPECT_TRUE(plan.steps.empty()) << "it has one";
    plan_vf_mac(kernel.engine(), inventory, *inventory.find("01:10.0"), 101, "hostpci0", plan);
    carry(plan);
    EXPECT_NE(settings().find("0 mac=02:4c:00:00:65:00"), std::string::npos) << settings();
    Plan again;
    plan_vf_mac(kernel.engine(), inventory, *inventory.find("01:10.0"), 102, "hostpci3", again);
    EXPECT_TRUE(again.steps.empty());
}

TEST(VfSettings, AreReadAsTheyArePrinted) {
    for (const char* line : {"0 mac=52:54:00:00:00:01 vlan=10 trust=on spoofchk=off", "7 vlan=0"})
        EXPECT_EQ(VfSetting::parse(line).print(), line);
    for (const char* line : {"", "x", "0 mac=1", "0 vlan=", "0 trust=maybe", "0 what=1", "256"})
        EXPECT_THROW(VfSetting::parse(line), Error) << line;
    EXPECT_TRUE(
        parse_kept_vfs("  vf 0 vlan=1\nx\n0000:01:00.0 a b count=-1\n  vf 1 vlan=1\n").empty());
}

TEST(Mappings, OneIsReplacedAndOthersStay) {
    EXPECT_EQ(with_mapping("", "lan", {"path=a"}), "lan\n\tmap path=a\n");
    EXPECT_EQ(
        with_mapping("lan\n\tmap path=a\n\tmap path=b\n\ngpu\n\tmap path=c\n", "lan", {"path=d"}),
        "gpu\n\tmap path=c\n\nlan\n\tmap path=d\n");
}

}  // namespace
}  // namespace lodge
