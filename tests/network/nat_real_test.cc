#include <gtest/gtest.h>
#include <net/if.h>

#include <filesystem>
#include <fstream>

#include "engine/network/links.h"
#include "engine/network/nat.h"
#include "engine/network/nat_parts.h"
#include "engine/network/nft.h"
#include "tests/support/network.h"
#include "tests/support/scratch.h"

// Networks of Lodge's own on the real kernel, in a network namespace that is the "machine" and has
// the "world" beside it.

namespace lodge {
namespace {

class NatReal : public testing::Test {
  protected:
    void SetUp() override {
        const std::string why = enter_own_network();
        if (!why.empty()) GTEST_SKIP() << why;
        if (!scratch.host.program("dnsmasq")) GTEST_SKIP() << "dnsmasq is not installed";
        bool made = false;
        sh("ip link add probe type bridge && ip link del probe", &made);
        if (!made) GTEST_SKIP() << "this kernel has no bridges";
        try {
            sh("ip link set lo up");
            world.emplace();
            world->connect("uplink", "wan");
        } catch (const Error& error) {
            GTEST_SKIP() << error.what();
        }
        sh("ip addr add 198.51.100.2/24 dev uplink; ip route add default via 198.51.100.1");
        world->run("ip addr add 198.51.100.1/24 dev wan");
        there = true;
    }
    void TearDown() override {
        if (!there) return;
        for (const NatLook& look : look_at_nats(scratch.host))
            nat::stop_dnsmasq(scratch.host, look.network.name);
        sh("test ! -e " + scratch.folder.path() + "/other || kill $(cat " + scratch.folder.path() +
           "/other) 2>/dev/null || true");
    }

    Plan up_plan(const std::string& name, int guest) {
        Plan plan;
        plan.title = "up";
        plan_nat_up(engine, nat_network(engine.host, name), guest, true, plan);
        return plan;
    }
    void up(const std::string& name, int guest) {
        engine.jobs.run_here(engine, up_plan(name, guest));
    }
    void leave(int guest) {
        Plan plan;
        plan.title = "leave";
        plan_nat_leave(engine, guest, plan);
        engine.jobs.run_here(engine, plan);
    }
    // Asks for an address as a container does, and takes it.
    static std::string lease(const Neighbour& guest, const std::string& hostname) {
        const std::string script = "/tmp/lodge-test-udhcpc-" + std::to_string(::getpid());
        std::ofstream(script) << "#!/bin/sh\n[ \"$1\" = bound ] || exit 0\n"
                                 "ip addr add $ip/$mask dev $interface\n"
                                 "ip route add default via $router\necho $ip $dns\n";
        std::filesystem::permissions(script, std::filesystem::perms(0755));
        const std::string said =
            guest.run("busybox udhcpc -q -n -f -i eth0 -t 10 -x hostname:" + hostname + " -s " +
                      script + " 2>/dev/null");
        std::filesystem::remove(script);
        return std::string(trim(said));
    }
    NatLook look(const std::string& name) {
        for (NatLook& one : look_at_nats(engine.host))
            if (one.network.name == name) return one;
        return {};
    }
    bool forwards() { return engine.host.read_line("/proc/sys/net/ipv4/ip_forward") == "1"; }
    // Nothing of Lodge's is left on this machine.
    void expect_clean() {
        EXPECT_EQ(run_nft("list tables", "list"), "");
        EXPECT_FALSE(forwards());
        for (const char* name : {"lodge0", "lodge1"}) {
            EXPECT_EQ(::if_nametoindex(name), 0U) << name;
            EXPECT_FALSE(engine.host.exists(nat::run_folder(engine.host, name))) << name;
        }
        EXPECT_EQ(sh("pgrep -f '[c]onf-file=" + scratch.folder.path() + "' || true"), "");
    }

    ScratchEngine scratch;
    Engine& engine = scratch.engine;
    std::optional<Neighbour> world, beside;
    bool there = false;
};

TEST_F(NatReal, a_guest_gets_an_address_and_reaches_the_world) {
    up("lodge0", 102);
    EXPECT_TRUE(look("lodge0").up);
    EXPECT_TRUE(look("lodge0").dhcp);
    EXPECT_TRUE(forwards());
    Neighbour guest;
    guest.connect("veth102i0", "eth0", "52:54:00:f2:cf:03");
    sh("ip link set veth102i0 master lodge0");
    const std::string said = lease(guest, "web");
    EXPECT_TRUE(said.starts_with("10.87.0.")) << said;
    EXPECT_TRUE(said.ends_with(" 10.87.0.1")) << said;
    const NatLook seen = look("lodge0");
    ASSERT_EQ(seen.leases.size(), 1U);
    EXPECT_EQ(seen.leases[0].name, "web");
    EXPECT_EQ(seen.users, std::vector<int>{102});
    EXPECT_EQ(leased_addresses(engine.host, {"52:54:00:F2:CF:03"}),
              std::vector<std::string>{seen.leases[0].ip});
    // The world has no route to 10.87: what answers is sent to this machine's address.
    guest.run("busybox ping -c 1 -W 5 198.51.100.1 >/dev/null");
    guest.run("busybox ping -c 1 -W 5 10.87.0.1 >/dev/null");
    EXPECT_NE(guest.run("busybox nslookup web.lodge 10.87.0.1").find(seen.leases[0].ip),
              std::string::npos);
    // And nobody comes in uninvited, even who knows the way.
    world->run("ip route add 10.87.0.0/24 via 198.51.100.2");
    bool came_in = true;
    world->run("busybox ping -c 1 -W 1 " + seen.leases[0].ip, &came_in);
    EXPECT_FALSE(came_in);
    guest.end();
    leave(102);
    expect_clean();
    // The addresses stay the network's.
    EXPECT_EQ(nat_network(engine.host, "lodge0").range.print(), "10.87.0.0/24");
}

TEST_F(NatReal, goes_with_its_last_guest_only) {
    up("lodge0", 102);
    up("lodge0", 103);
    Neighbour guest;
    guest.connect("veth103i0", "eth0");
    sh("ip link set veth103i0 master lodge0");
    leave(102);
    EXPECT_TRUE(look("lodge0").up);
    EXPECT_TRUE(look("lodge0").dhcp);
    EXPECT_EQ(look("lodge0").users, std::vector<int>{103});
    leave(102);  // twice is once
    EXPECT_TRUE(look("lodge0").up);
    guest.end();
    leave(103);
    expect_clean();
}

TEST_F(NatReal, a_guest_that_died_keeps_nothing) {
    up("lodge0", 102);  // has no port and no job: it is gone
    up("lodge0", 103);
    leave(103);
    expect_clean();
}

TEST_F(NatReal, the_person_can_keep_it) {
    up("lodge0", 0);
    up("lodge0", 102);
    leave(102);
    EXPECT_TRUE(look("lodge0").up);
    leave(0);
    expect_clean();
}

TEST_F(NatReal, two_networks_do_not_see_each_other) {
    up("lodge0", 102);
    up("lodge1", 103);
    EXPECT_EQ(look("lodge0").network.range.print(), "10.87.0.0/24");
    EXPECT_EQ(look("lodge1").network.range.print(), "10.87.1.0/24");
    Neighbour one, two;
    one.connect("veth102i0", "eth0");
    two.connect("veth103i0", "eth0");
    sh("ip link set veth102i0 master lodge0; ip link set veth103i0 master lodge1");
    const std::string first = lease(one, "one"), second = lease(two, "two");
    EXPECT_TRUE(second.starts_with("10.87.1.")) << second;
    one.run("busybox ping -c 1 -W 5 198.51.100.1 >/dev/null");
    two.run("busybox ping -c 1 -W 5 198.51.100.1 >/dev/null");
    bool reached = true;
    one.run("busybox ping -c 1 -W 1 " + split(second, ' ').front(), &reached);
    EXPECT_FALSE(reached);
    one.end();
    leave(102);
    EXPECT_TRUE(forwards());
    two.run("busybox ping -c 1 -W 5 198.51.100.1 >/dev/null");
    two.end();
    leave(103);
    expect_clean();
}

TEST_F(NatReal, keeps_off_addresses_that_are_in_use) {
    sh("ip route add 10.87.0.0/23 via 198.51.100.1");
    up("lodge0", 102);
    EXPECT_EQ(look("lodge0").network.range.print(), "10.87.2.0/24");
    leave(102);
    // A route that came later, as of a VPN: the network moves out of its way.
    sh("ip route add 10.87.2.0/24 via 198.51.100.1");
    up("lodge0", 102);
    EXPECT_EQ(look("lodge0").network.range.print(), "10.87.3.0/24");
    leave(102);
    expect_clean();
}

TEST_F(NatReal, a_killed_dnsmasq_comes_back) {
    up("lodge0", 102);
    sh("kill -9 $(cat " + nat::run_folder(engine.host, "lodge0") + "/dnsmasq.pid)");
    for (int i = 0; i < 200 && look("lodge0").dhcp; ++i)
        ::usleep(10000);
    EXPECT_FALSE(look("lodge0").dhcp);
    up("lodge0", 103);
    EXPECT_TRUE(look("lodge0").dhcp);
    // Its number may belong to somebody else by now: that one stays.
    sh("kill -9 $(cat " + nat::run_folder(engine.host, "lodge0") + "/dnsmasq.pid)");
    engine.host.write_volatile(nat::run_folder(engine.host, "lodge0") + "/dnsmasq.pid",
                               std::to_string(world->pid()));
    EXPECT_FALSE(look("lodge0").dhcp);
    leave(102);
    leave(103);
    EXPECT_EQ(::kill(world->pid(), 0), 0);
    expect_clean();
}

TEST_F(NatReal, a_name_server_that_has_taken_all_addresses) {
    // A listener on every address, as some resolvers are.
    sh("(busybox nc -l -p 53 >/dev/null 2>&1 & echo $! >" + scratch.folder.path() + "/other)");
    for (int i = 0; i < 200 && sh("ss -Hltn sport = 53").empty(); ++i)
        ::usleep(10000);
    up("lodge0", 102);
    Neighbour guest;
    guest.connect("veth102i0", "eth0");
    sh("ip link set veth102i0 master lodge0");
    EXPECT_TRUE(lease(guest, "web").starts_with("10.87.0."));
    guest.end();
    leave(102);
    sh("kill $(cat " + scratch.folder.path() + "/other) || true");
    expect_clean();
}

TEST_F(NatReal, forwarding_that_was_on_stays_on) {
    sh("echo 1 > /proc/sys/net/ipv4/ip_forward");
    up("lodge0", 102);
    EXPECT_EQ(run_nft("list table inet lodge", "list").find("no-router"), std::string::npos);
    leave(102);
    EXPECT_TRUE(forwards());
    EXPECT_EQ(run_nft("list tables", "list"), "");
}

TEST_F(NatReal, this_machine_does_not_become_a_router) {
    beside.emplace();
    beside->connect("lan", "eth0");
    sh("ip addr add 203.0.113.1/24 dev lan");
    beside->run("ip addr add 203.0.113.2/24 dev eth0; ip route add default via 203.0.113.1");
    world->run("ip route add 203.0.113.0/24 via 198.51.100.2");
    up("lodge0", 102);
    bool reached = true;
    beside->run("busybox ping -c 1 -W 1 198.51.100.1", &reached);
    EXPECT_FALSE(reached);
    beside->run("busybox ping -c 1 -W 5 203.0.113.1 >/dev/null");
    leave(102);
    beside->end();
    expect_clean();
}

// What liblxc does for a card with veth.mode=router, done by hand.
TEST_F(NatReal, without_bridges_a_guest_is_routed_to) {
    Plan plan;
    plan.title = "up";
    plan_nat_up(engine, nat_network(engine.host, "lodge0"), 102, false, plan);
    engine.jobs.run_here(engine, plan);
    EXPECT_EQ(::if_nametoindex("lodge0"), 0U);
    Neighbour guest;
    guest.connect("veth102i0", "eth0");
    sh("ip route add 10.87.0.2/32 dev veth102i0");
    guest.run(
        "ip addr add 10.87.0.2/32 dev eth0; ip route add 10.87.0.1 dev eth0; "
        "ip route add default via 10.87.0.1");
    guest.run("busybox ping -c 1 -W 5 10.87.0.1 >/dev/null");
    guest.run("busybox ping -c 1 -W 5 198.51.100.1 >/dev/null");
    EXPECT_TRUE(look("lodge0").up);
    EXPECT_FALSE(look("lodge0").dhcp);
    guest.end();
    leave(102);
    EXPECT_EQ(sh("ip -o addr show dev lo").find("10.87"), std::string::npos);
    expect_clean();
}

TEST_F(NatReal, leaves_another_ones_bridge_alone) {
    sh("ip link add lodge0 type bridge");
    EXPECT_TRUE(is_foreign_link(engine.host, "lodge0"));
    EXPECT_EQ(default_nat(engine.host), "lodge1");
    EXPECT_THROW(up("lodge0", 102), Error);
    EXPECT_NE(::if_nametoindex("lodge0"), 0U);
    EXPECT_EQ(run_nft("list tables", "list"), "");
    EXPECT_FALSE(forwards());
    sh("ip link del lodge0");
}

TEST_F(NatReal, a_step_that_fails_takes_all_back) {
    Plan plan = up_plan("lodge0", 102);
    plan.step("this cannot work", {"run", {{"argv", std::vector<std::string>{"ls", "/nowhere"}}}});
    EXPECT_THROW(engine.jobs.run_here(engine, plan), Error);
    expect_clean();
}

TEST_F(NatReal, by_words) {
    const auto lodge = [&](const std::string& words, bool* worked = nullptr) {
        return sh("LODGE_ROOT=" + scratch.folder.path() + " " LODGE_PROGRAM " network " + words,
                  worked);
    };
    EXPECT_EQ(lodge("list").find("lodge0"), std::string::npos);
    EXPECT_NE(lodge("up --range 10.99.1.0/24").find("lodge0 is up: 10.99.1.0/24"),
              std::string::npos);
    Neighbour guest;
    guest.connect("veth102i0", "eth0", "52:54:00:f2:cf:03");
    sh("ip link set veth102i0 master lodge0");
    const std::string ip = split(lease(guest, "web"), ' ').front();
    EXPECT_TRUE(ip.starts_with("10.99.1.")) << ip;
    const std::string shown = lodge("show lodge0");
    for (const std::string& words :
         {ip, std::string("52:54:00:f2:cf:03 web"), std::string("veth102i0"), std::string("NAT")})
        EXPECT_NE(shown.find(words), std::string::npos) << words << "\n" << shown;
    EXPECT_NE(lodge("show lodge0 --json").find("\"dhcp\": true"), std::string::npos);
    bool worked = true;
    EXPECT_NE(lodge("down", &worked).find("veth102i0"), std::string::npos);
    EXPECT_FALSE(worked);
    guest.end();
    for (int i = 0; i < 200 && ::if_nametoindex("veth102i0") != 0; ++i)
        ::usleep(10000);
    lodge("down");
    expect_clean();
    EXPECT_NE(lodge("list").find("comes with its first guest"), std::string::npos);
    EXPECT_NE(lodge("up vmbr0", &worked).find("none of Lodge's own"), std::string::npos);
    EXPECT_NE(lodge("up --range 198.51.100.0/24", &worked).find("overlaps"), std::string::npos);
    EXPECT_NE(lodge("show nowhere", &worked).find("no network nowhere"), std::string::npos);
}

TEST_F(NatReal, killed_anywhere_it_is_taken_back) {
    const size_t steps = up_plan("lodge0", 102).steps.size();
    for (size_t killed = 0; killed < steps; ++killed) {
        SCOPED_TRACE(killed);
        Plan all = up_plan("lodge0", 102), begun;
        begun.title = "half";
        begun.steps.assign(all.steps.begin(),
                           all.steps.begin() + static_cast<std::ptrdiff_t>(killed + 1));
        engine.jobs.run_here(engine, begun);
        // What "job clean" does after a kill -9: the undo of what was begun, last first.
        Plan back;
        back.title = "clean";
        for (size_t i = begun.steps.size(); i-- > 0;)
            back.step("back", *begun.steps[i].undo);
        engine.jobs.run_here(engine, back);
        expect_clean();
    }
}

// Nobody told Lodge that it ended: whoever looks tidies up, when the kernel has taken its card.
TEST_F(NatReal, it_goes_with_a_guest_that_ended_by_itself) {
    for (const GuestKind* kind : engine.kinds) {
        SCOPED_TRACE(kind->name());
        const bool vm = kind->name() == "vm";
        engine.host.write(engine.store.path(kind->folder(), 102),
                          vm ? "memory: 32\n" : "rootfs: local:102/subvol-102-disk-0.subvol\n");
        up("lodge0", 102);
        up("lodge0", 103);
        engine.host.make_folder(guest_run_folder(engine.host, 102));
        sh("ip link add name veth102i0 type veth peer name other && "
           "ip link set veth102i0 master lodge0");
        const Guest guest = load_guest(engine, 102);
        (void)kind->look(engine, guest);
        EXPECT_EQ(look("lodge0").users, (std::vector<int>{102, 103}));
        sh("ip link del veth102i0");
        (void)kind->look(engine, guest);
        // The other one joined and never came: it is no user either.
        expect_clean();
        EXPECT_FALSE(engine.host.exists(guest_run_folder(engine.host, 102)));
        engine.host.remove(engine.store.path(kind->folder(), 102));
    }
}

}  // namespace
}  // namespace lodge
