#include "tui/hardware.h"

#include <gtest/gtest.h>

#include "engine/units.h"
#include "tui/schema_form.h"

namespace lodge {

const Schema& vm_schema();

namespace {

Config config(std::string_view text) {
    return Config::parse(text, vm_schema(), "101.conf");
}

std::string keys(const Config& of, const HardwareEdits& edits, bool all) {
    std::string words;
    for (const HardwareRow& row : hardware_rows(of, edits, all))
        words += row.key + " ";
    return words;
}

TEST(Hardware, ShowsWhatIsSetAndWhatIsSetOften) {
    const Config one = config("cores: 2\nnet1: virtio\nwatchdog: i6300esb\n");
    EXPECT_EQ(keys(one, {}, false),
              "name ostype onboot tags description cores sockets cpu memory balloon scsihw net1 "
              "boot bios machine vga watchdog ");
}

TEST(Hardware, KnowsAGroupForEveryKey) {
    // What is in none is in the last one, and that has only these.
    std::string other;
    for (const HardwareRow& row : hardware_rows(config(""), {}, true))
        if (row.group == "Other") other += std::string(row.key) + " ";
    EXPECT_EQ(other, "amd-sev args intel-tdx migrate_downtime migrate_speed smbios1 vmgenid ");
}

TEST(Hardware, TurnsEditsIntoTheWordsOfSet) {
    HardwareEdits edits;
    edits.wishes["memory"] = "8192";
    edits.wishes["net1"] = std::nullopt;
    edits.reverts = {"cores"};
    edits.digest = "abc";
    EXPECT_EQ(edits.words(101), (Values{{"guest", 101},
                                        {"values", std::vector<std::string>{"memory=8192"}},
                                        {"delete", std::vector<std::string>{"net1"}},
                                        {"revert", std::vector<std::string>{"cores"}},
                                        {"digest", "abc"}}));
    const Config one = config("memory: 4096\nnet1: virtio\n[PENDING]\ncores: 4\n");
    EXPECT_EQ(edits_words(one, edits),
              "cores: what waits is dropped\nmemory: 4096 -> 8192\nnet1: virtio -> removed\n");
}

TEST(Hardware, TellsWhatWaits) {
    const Config one = config("cores: 2\nagent: 1\n[PENDING]\ncores: 4\ndelete: agent\n");
    std::string words;
    for (const HardwareRow& row : hardware_rows(one, {}, false))
        if (row.waits()) words += row.key + " " + waiting_words(row) + "\n";
    EXPECT_EQ(words, "agent -> removed at the next start\ncores -> 4 at the next start\n");
}

TEST(Hardware, HidesWhatMayHoldASecret) {
    EXPECT_TRUE(may_hold_secret("args"));
    EXPECT_TRUE(may_hold_secret("env"));
    EXPECT_FALSE(may_hold_secret("memory"));
    HardwareRow row;
    row.key = "args";
    row.hidden = true;
    row.now = "-object secret,id=a,data=so-secret";
    EXPECT_EQ(value_words(row, *row.now), "behind the password");
    EXPECT_EQ(value_words(row, ""), "");
    row.hidden = false;
    EXPECT_EQ(value_words(row, *row.now), *row.now);
}

TEST(Hardware, ShowsNoPassword) {
    EXPECT_EQ(value_words("cipassword", "secret"), "********");
    EXPECT_EQ(value_words("sshkeys", "ssh-ed25519%20AAA%0Assh-rsa%20BBB%0A"), "2 keys");
    EXPECT_EQ(decode_keys("ssh-ed25519%20AAA%0"), "ssh-ed25519 AAA%0");
    EXPECT_EQ(decode_keys(encode_keys("ssh-rsa A+/= me@host\nb")), "ssh-rsa A+/= me@host\nb\n");
}

TEST(Hardware, FindsTheLowestFreeKey) {
    HardwareEdits edits;
    edits.wishes["net2"] = "virtio";
    EXPECT_EQ(free_key(config("net0: virtio\nnet1: virtio\n"), edits, "net"), "net3");
    EXPECT_EQ(free_key(config("ide0: none\nide1: none\nide2: none\nide3: none\n"), {}, "ide"), "");
}

TEST(Hardware, WritesAPropertyAsItsFormSays) {
    const Field& net = *vm_schema().find("net0");
    const std::string before = "virtio=BC:24:11:00:00:01,bridge=vmbr0,rate=5";
    const auto fields = property_fields("net0", net, before, nullptr);
    Values said;
    for (const FormField& field : fields)
        if (!field.value.empty()) said.set({field.name, field.value});
    EXPECT_EQ(property_said(net, before, fields, said), before);
    said.set({"tag", "42"});
    said.erase("rate");
    EXPECT_EQ(property_said(net, before, fields, said),
              "virtio=BC:24:11:00:00:01,bridge=vmbr0,tag=42");
}

TEST(Hardware, KeepsTheSizeOfADiskOutOfItsForm) {
    const Field& scsi = *vm_schema().find("scsi0");
    const std::string before = "local:101/a.qcow2,size=32G";
    const auto fields = property_fields("scsi0", scsi, before, nullptr);
    for (const FormField& field : fields)
        EXPECT_NE(field.name, "size");
    EXPECT_EQ(
        property_said(scsi, before, fields, {{"file", "local:101/a.qcow2"}, {"discard", "on"}}),
        "local:101/a.qcow2,discard=on,size=32G");
}

TEST(Hardware, WritesLinesAsOne) {
    const std::string text = "first\nC:\\new\n";
    EXPECT_EQ(lines_as_one(text), "first\\nC:\\\\new\\n");
    EXPECT_EQ(one_as_lines(lines_as_one(text)), text);
}

}  // namespace
}  // namespace lodge
