#include <gtest/gtest.h>

#include <fstream>

#include "engine/container/net.h"
#include "engine/error.h"
#include "engine/network/nat.h"
#include "engine/network/nft.h"
#include "engine/store.h"
#include "tests/support/network.h"
#include "tests/support/scratch.h"

namespace lodge {
namespace {

class CtNetPlan : public testing::Test {
  protected:
    Guest guest(const std::string& config) {
        engine.host.write(engine.store.path("lxc", 102), config);
        Guest guest;
        guest.id = 102;
        guest.kind = kind();
        guest.name = "web";
        guest.config = Config::parse(config, container_schema(), "102.conf");
        return guest;
    }
    const GuestKind* kind() const {
        for (const GuestKind* one : engine.kinds)
            if (one->name() == "ct") return one;
        return nullptr;
    }
    Plan start(const std::string& config) {
        Plan plan;
        plan_ct_net_start(engine, guest(config), plan);
        return plan;
    }
    static std::vector<std::string> verbs(const Plan& plan) {
        std::vector<std::string> verbs;
        for (const Step& step : plan.steps)
            verbs.push_back(step.action.verb);
        return verbs;
    }

    ScratchEngine scratch;
    Engine& engine = scratch.engine;
};

TEST_F(CtNetPlan, of_a_container_without_cards_is_nothing) {
    EXPECT_TRUE(start("hostname: web\n").steps.empty());
}

TEST_F(CtNetPlan, is_said_as_shell) {
    if (!scratch.host.is_root()) GTEST_SKIP() << "only root has networks of Lodge's own";
    if (!scratch.host.program("dnsmasq")) GTEST_SKIP() << "dnsmasq is not installed";
    const std::string why = enter_own_network();
    if (!why.empty()) GTEST_SKIP() << why;
    const Plan plan = start("net0: name=eth0,rate=2\n");
    if (verbs(plan).size() < 5) GTEST_SKIP() << "this kernel has no bridges";
    EXPECT_EQ(verbs(plan), (std::vector<std::string>{"nat-join", "nat-bridge", "nat-filter",
                                                     "nat-dhcp", "write"}));
    for (const Step& step : plan.steps)
        EXPECT_TRUE(step.undo.has_value()) << step.why;
    const std::string shell = plan_as_shell(plan, engine.actions);
    for (const char* words :
         {"ip link add name lodge0 address 02:4c:", "masquerade", "sysctl -w net.ipv4.ip_forward=1",
          "dnsmasq --conf-file=", "tc qdisc replace dev veth102i0"})
        EXPECT_NE(shell.find(words), std::string::npos) << words << "\n" << shell;
}

TEST_F(CtNetPlan, keeps_an_address_for_who_cannot_ask) {
    if (!scratch.host.is_root()) GTEST_SKIP() << "only root has networks of Lodge's own";
    const std::string why = enter_own_network();
    if (!why.empty()) GTEST_SKIP() << why;
    const CtNetFacts facts = ct_net_facts(engine, guest("net0: name=eth0\nostype: unmanaged\n"));
    ASSERT_EQ(facts.assigned.count("net0"), 1U);
    EXPECT_TRUE(facts.assigned.at("net0").address.starts_with("10.87.0.2/"));
    EXPECT_EQ(facts.assigned.at("net0").gateway, "10.87.0.1");
}

TEST_F(CtNetPlan, refuses_a_vlan_where_the_bridge_does_not_filter) {
    if (!scratch.host.is_root()) GTEST_SKIP() << "only root puts guests on bridges";
    const std::string why = enter_own_network();
    if (!why.empty()) GTEST_SKIP() << why;
    bool made = false;
    sh("ip link add vmbr0 type bridge", &made);
    if (!made) GTEST_SKIP() << "this kernel has no bridges";
    try {
        start("net0: name=eth0,bridge=vmbr0,tag=7\n");
        FAIL() << "no error";
    } catch (const Error& error) {
        EXPECT_NE(std::string(error.what()).find("vmbr0 does not filter VLANs"), std::string::npos)
            << error.what();
    }
    EXPECT_TRUE(start("net0: name=eth0,bridge=vmbr0\n").steps.empty());
    EXPECT_NE(start("net0: name=eth0,bridge=vmbr1\n").warnings.at(0).find("no bridge vmbr1"),
              std::string::npos);
}

}  // namespace
}  // namespace lodge
