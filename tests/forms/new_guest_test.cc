#include "tui/create/new_guest.h"

#include <gtest/gtest.h>

#include "engine/error.h"

namespace lodge {
namespace {

using From = NewGuest::From;

const SystemKind& kind(std::string_view ostype) {
    for (const SystemKind& one : system_kinds())
        if (one.ostype == ostype) return one;
    throw Error("no such kind");
}

TEST(NewGuest, SaysInWordsWhatWasChosen) {
    const NewGuest guest{&kind("l26"),
                         From::iso,
                         "local:iso/debian.iso",
                         {{"name", "web"},
                          {"disk", "16G"},
                          {"storage", "local"},
                          {"memory", "2048"},
                          {"cores", "2"},
                          {"net", "vmbr0"},
                          {"start", "1"}}};
    EXPECT_EQ(guest.command(), "guest create");
    EXPECT_EQ(guest.words(), (Values{{"name", "web"},
                                     {"ostype", "l26"},
                                     {"disk", "16G"},
                                     {"storage", "local"},
                                     {"memory", "2048"},
                                     {"cores", "2"},
                                     {"bridge", "vmbr0"},
                                     {"iso", "local:iso/debian.iso"},
                                     {"start", "1"}}));
}

TEST(NewGuest, LeavesToAnApplianceWhatNobodySaid) {
    const NewGuest guest{
        &kind("l26"), From::image, "/tmp/box.ova", {{"name", "box"}, {"net", "no"}}};
    EXPECT_EQ(guest.words(),
              (Values{{"name", "box"}, {"net", "none"}, {"import", "/tmp/box.ova"}}));
}

TEST(NewGuest, HandsTheLoginToACloudImageOnly) {
    NewGuest guest{&kind("l26"),
                   From::cloud,
                   "/tmp/cloud.qcow2",
                   {{"name", "c"}, {"user", "admin"}, {"ssh-key", "/k.pub"}, {"net", "none"}}};
    EXPECT_EQ(guest.words(), (Values{{"name", "c"},
                                     {"ostype", "l26"},
                                     {"bridge", "none"},
                                     {"import", "/tmp/cloud.qcow2"},
                                     {"user", "admin"},
                                     {"ssh-key", "/k.pub"}}));
    guest.from = From::image;
    EXPECT_FALSE(guest.words().has("user"));
}

TEST(NewGuest, MakesTheDemoByItsOwnCommand) {
    const NewGuest guest{&kind("l26"), From::demo, "", {{"name", "demo"}, {"memory", "9999"}}};
    EXPECT_EQ(guest.command(), "demo make");
    EXPECT_EQ(guest.words(), (Values{{"name", "demo"}, {"no-start", "1"}}));
}

const SystemKind& container() {
    for (const SystemKind& one : system_kinds())
        if (one.container) return one;
    throw Error("no such kind");
}

TEST(NewGuest, SaysAContainerInWords) {
    NewGuest guest{&container(),
                   From::root,
                   "images:debian/12",
                   {{"name", "web"},
                    {"storage", "local"},
                    {"memory", "512"},
                    {"swap", "0"},
                    {"cores", "2"},
                    {"disk", "8G"},
                    {"password", "x"},
                    {"ssh-key", "/k.pub"},
                    {"net", "vmbr0"},
                    {"ip", "192.168.1.20/24"},
                    {"gw", "192.168.1.1"},
                    {"nesting", "1"},
                    {"start", "1"}},
                   ""};
    EXPECT_EQ(guest.command(), "guest create");
    EXPECT_EQ(guest.words(),
              (Values{{"name", "web"},
                      {"storage", "local"},
                      {"template", "images:debian/12"},
                      {"memory", "512"},
                      {"swap", "0"},
                      {"cores", "2"},
                      {"password", "x"},
                      {"ssh-key", "/k.pub"},
                      {"start", "1"},
                      {"disk", "8G"},
                      {"net", "name=eth0,bridge=vmbr0,gw=192.168.1.1,ip=192.168.1.20/24"},
                      {"values", "features=nesting=1"}}));
    guest.settings = {{"name", "web"}, {"net", "none"}};
    EXPECT_EQ(
        guest.words(),
        (Values{{"name", "web"}, {"template", "images:debian/12"}, {"net", "name=eth0,ip=dhcp"}}));
    guest.settings = {{"name", "web"}, {"net", "no"}};
    EXPECT_EQ(guest.words().text("net"), "none");
}

TEST(NewGuest, MakesADemoContainerByTheDemosCommand) {
    const NewGuest guest{
        &container(), From::demo, "", {{"name", "demo"}, {"memory", "9"}, {"start", "1"}}, ""};
    EXPECT_EQ(guest.command(), "demo make");
    EXPECT_EQ(guest.words(), (Values{{"name", "demo"}, {"container", true}}));
}

TEST(NewGuest, NamesAContainerByItsTemplate) {
    EXPECT_EQ(name_from_template("images:debian/12"), "debian-12");
    EXPECT_EQ(name_from_template("images:alpine/3.20/cloud"), "alpine-3-20-cloud");
    EXPECT_EQ(name_from_template("debian:bookworm"), "debian");
    EXPECT_EQ(name_from_template("docker://docker.io/library/nginx:1.25"), "nginx");
    EXPECT_EQ(name_from_template("docker://localhost:5000/web"), "web");
    EXPECT_EQ(name_from_template("local:vztmpl/debian-12-standard_12.7-1_amd64.tar.zst"),
              "debian-12-standard");
    EXPECT_EQ(name_from_template("/srv/alpine-3.20.tar.xz"), "alpine-3-20");
    EXPECT_EQ(name_from_template("oci:/srv/layout:latest"), "layout");
    EXPECT_EQ(name_from_template("/srv/folder/"), "folder");
}

TEST(NewGuest, TellsWhatAnIsoIsFor) {
    EXPECT_TRUE(iso_suits(kind("l26"), "debian-12.5.0-amd64-netinst.iso"));
    EXPECT_FALSE(iso_suits(kind("l26"), "Win11_23H2.iso"));
    EXPECT_FALSE(iso_suits(kind("l26"), "FreeBSD-14.0-RELEASE-amd64-dvd1.iso"));
    EXPECT_TRUE(iso_suits(kind("win11"), "Win11_23H2.iso"));
    EXPECT_FALSE(iso_suits(kind("win11"), "virtio-win-0.1.240.iso"));
    EXPECT_FALSE(iso_suits(kind("l26"), "virtio-win-0.1.240.iso"));
    EXPECT_TRUE(iso_suits(kind("other"), "FreeBSD-14.0-RELEASE-amd64-dvd1.iso"));
}

TEST(NewGuest, NamesAGuestByItsFile) {
    EXPECT_EQ(name_from_file("local:iso/debian-12.5.0-amd64-netinst.iso"), "debian-12-5-0");
    EXPECT_EQ(name_from_file("/srv/jammy-server-cloudimg-amd64.img"), "jammy-server");
    EXPECT_EQ(name_from_file("/srv/Win11_23H2_English_x64.iso"), "win11-23h2-english");
    EXPECT_EQ(name_from_file("--.iso"), "");
    EXPECT_EQ(name_from_file("\xff\x1b[2J.iso"), "2j");
    EXPECT_EQ(name_from_file(std::string(100, 'a')).size(), 24U);
}

}  // namespace
}  // namespace lodge
