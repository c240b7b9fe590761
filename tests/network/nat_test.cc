#include "engine/network/nat.h"

#include <gtest/gtest.h>

#include "engine/error.h"
#include "engine/network/nat_parts.h"
#include "engine/network/nft.h"
#include "engine/network/port.h"
#include "tests/support/scratch.h"

namespace lodge {
namespace {

Ipv4Range range(std::string_view text) {
    return Ipv4Range::parse(text).value();
}

TEST(Range, is_read_and_printed) {
    EXPECT_EQ(range("10.87.3.77/24").print(), "10.87.3.0/24");
    EXPECT_EQ(range("10.87.3.77").print(), "10.87.3.77/32");
    EXPECT_EQ(range("0.0.0.0/0").print(), "0.0.0.0/0");
    EXPECT_EQ(range("10.87.3.0/24").address(254), "10.87.3.254");
    EXPECT_EQ(range("10.0.0.0/12").netmask(), "255.240.0.0");
    for (const char* none : {"", "10.87.3", "10.87.3.256", "10.87.3.0/33", "10.87.3.0/", "a.b.c.d",
                             "10.87.3.-1", "10.87.3.0000001", "::1", "10.87.3.0/24 "})
        EXPECT_FALSE(Ipv4Range::parse(none)) << none;
}

TEST(Range, overlaps) {
    EXPECT_TRUE(range("10.0.0.0/8").overlaps(range("10.87.0.0/24")));
    EXPECT_TRUE(range("10.87.0.5").overlaps(range("10.87.0.0/24")));
    EXPECT_FALSE(range("10.87.1.0/24").overlaps(range("10.87.0.0/24")));
    EXPECT_TRUE(range("0.0.0.0/0").overlaps(range("10.87.0.0/24")));
}

TEST(Range, is_chosen_beside_what_is_taken) {
    EXPECT_EQ(free_range({}).print(), "10.87.0.0/24");
    EXPECT_EQ(free_range({range("0.0.0.0/0"), range("0.0.0.0/1")}).print(), "10.87.0.0/24");
    EXPECT_EQ(free_range({range("10.87.0.0/24"), range("10.87.1.77")}).print(), "10.87.2.0/24");
    EXPECT_EQ(free_range({range("10.0.0.0/8")}).print(), "172.30.0.0/24");
    EXPECT_EQ(free_range({range("10.0.0.0/8"), range("172.16.0.0/12")}).print(), "192.168.0.0/24");
    EXPECT_THROW(free_range({range("10.0.0.0/8"), range("172.16.0.0/12"), range("192.168.0.0/16")}),
                 Error);
}

TEST(Leases, are_read_and_rubbish_is_not) {
    const auto leases = parse_leases(
        "1790000000 52:54:00:f2:cf:03 10.87.0.61 web 01:52:54:00:f2:cf:03\n"
        "0 BC:24:11:2C:69:EC 10.87.0.62 * *\n"
        "duid 00:01:00:01\n"
        "1790000000 1234 fd00::1 web 00:01\n"
        "soon 52:54:00:f2:cf:03 10.87.0.61 web *\n"
        "-1 52:54:00:f2:cf:03 10.87.0.61 web *\n"
        "1 52:54:00:f2:cf 10.87.0.61 web *\n"
        "1 52:54:00:f2:cf:0g 10.87.0.61 web *\n"
        "1 52:54:00:f2:cf:03 10.87.0.61/24 web *\n"
        "1 52:54:00:f2:cf:03 10.87.0");
    ASSERT_EQ(leases.size(), 2U);
    EXPECT_EQ(leases[0], (Lease{1790000000, "52:54:00:f2:cf:03", "10.87.0.61", "web"}));
    EXPECT_EQ(leases[1], (Lease{0, "BC:24:11:2C:69:EC", "10.87.0.62", ""}));
    EXPECT_TRUE(parse_leases("").empty());
}

TEST(Port, tells_whose_it_is) {
    EXPECT_EQ(guest_port("tap101i2")->guest, 101);
    EXPECT_EQ(guest_port("tap101i2")->card, 2);
    EXPECT_EQ(guest_port("veth102i0")->guest, 102);
    EXPECT_EQ(guest_port("v999999999i31")->card, 31);
    for (const char* other : {"tap0", "tapi0", "tap101", "tap101i", "tap101i99", "eth0", "tap5i0",
                              "veth1", "vethabc", "v1i0", "vmbr0", "veth102p0", "virbr0"})
        EXPECT_FALSE(guest_port(other).has_value()) << other;
}

TEST(Nat, has_names_of_its_own) {
    for (const char* name : {"lodge0", "lodge7", "lodge42"})
        EXPECT_TRUE(is_nat_name(name)) << name;
    for (const char* name :
         {"lodge", "lodge100", "lodge01", "lodge-1", "Lodge0", "vmbr0", "lodgex"})
        EXPECT_FALSE(is_nat_name(name)) << name;
}

TEST(Nat, keeps_its_file) {
    NatNetwork network = parse_nat("lodge0", "");
    EXPECT_EQ(network.range.prefix, 32);
    network.range = range("10.87.4.0/24");
    network.kept = {{"10.87.4.2", 102, "net0"}, {"10.87.4.3", 103, "net1"}};
    EXPECT_EQ(parse_nat("lodge0", print_nat(network)), network);
    EXPECT_EQ(parse_nat("lodge0",
                        "range 10.87.4.0/24\nkept 10.9.9.9 102 net0\nkept x 1 y\n"
                        "range 10.0.0.0/8\nrubbish\n"),
              parse_nat("lodge0", "range 10.87.4.0/24\n"));
}

TEST(Nat, says_its_rules) {
    EXPECT_EQ(nat_rules("lodge0", range("10.87.4.0/24"), false),
              "add table inet lodge\n"
              "add set inet lodge networks { type ipv4_addr; flags interval; }\n"
              "add element inet lodge networks { 10.87.4.0/24 }\n"
              "add chain inet lodge lodge0-forward { type filter hook forward priority filter; }\n"
              "flush chain inet lodge lodge0-forward\n"
              "add rule inet lodge lodge0-forward ip saddr 10.87.4.0/24 accept\n"
              "add rule inet lodge lodge0-forward ip daddr 10.87.4.0/24 ct state "
              "established,related accept\n"
              "add rule inet lodge lodge0-forward ip daddr 10.87.4.0/24 drop\n"
              "add chain inet lodge lodge0-nat { type nat hook postrouting priority srcnat; }\n"
              "flush chain inet lodge lodge0-nat\n"
              "add rule inet lodge lodge0-nat ip saddr 10.87.4.0/24 ip daddr != 10.87.4.0/24 "
              "masquerade\n");
    EXPECT_NE(nat_rules("lodge0", range("10.87.4.0/24"), true).find("no-router"),
              std::string::npos);
}

TEST(Nat, tells_dnsmasq) {
    ScratchEngine scratch;
    NatNetwork network = parse_nat("lodge0", "range 10.87.4.0/24\n");
    const std::string folder = scratch.host.run_folder() + "/network/lodge0";
    EXPECT_EQ(nat::dnsmasq_conf(scratch.host, network, true, {"192.0.2.1"}),
              "# Made by Lodge for lodge0; changes here do not stay.\n"
              "interface=lodge0\nexcept-interface=lo\nbind-interfaces\npid-file=" +
                  folder + "/dnsmasq.pid\nlog-facility=" + folder +
                  "/dnsmasq.log\ndhcp-leasefile=" + folder +
                  "/leases\ndhcp-range=10.87.4.50,10.87.4.254,255.255.255.0,12h\n"
                  "dhcp-lease-max=205\ndhcp-authoritative\nno-ping\n"
                  "no-hosts\ndomain-needed\nbogus-priv\ndomain=lodge\nlocal=/lodge/\n");
    const std::string without =
        nat::dnsmasq_conf(scratch.host, network, false, {"2001:db8::1", "192.0.2.1", "192.0.2.2"});
    EXPECT_NE(without.find("port=0\ndhcp-option=option:dns-server,192.0.2.1,192.0.2.2\n"),
              std::string::npos);
}

TEST(Nat, keeps_addresses_for_those_who_cannot_ask) {
    ScratchEngine scratch;
    Engine& engine = scratch.engine;
    for (const int id : {102, 103})
        engine.host.write(engine.store.path("qemu-server", id), "memory: 32\n");
    NatNetwork network = parse_nat(
        "lodge0", "range 10.87.4.0/24\nkept 10.87.4.2 103 net0\nkept 10.87.4.3 999 net0\n");
    EXPECT_EQ(kept_address(engine, network, 102, "net0"), "10.87.4.3");  // 999 is gone
    EXPECT_EQ(kept_address(engine, network, 102, "net0"), "10.87.4.3");
    EXPECT_EQ(kept_address(engine, network, 102, "net1"), "10.87.4.4");
    EXPECT_EQ(kept_address(engine, network, 103, "net0"), "10.87.4.2");
    for (int card = 2; card < 47; ++card)
        kept_address(engine, network, 102, "net" + std::to_string(card));
    EXPECT_THROW(kept_address(engine, network, 102, "net99"), Error);
}

}  // namespace
}  // namespace lodge
