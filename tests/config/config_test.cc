#include "engine/config.h"

#include <gtest/gtest.h>

#include <chrono>
#include <ctime>
#include <random>

#include "engine/error.h"
#include "engine/store.h"

namespace lodge {
namespace {

Config vm(std::string_view text) {
    return Config::parse(text, vm_schema(), "101.conf");
}

TEST(Config, ReadsTypedValuesAndTheirDefaults) {
    const Config config =
        vm("memory: 2048\nonboot: yes\ncpulimit: 1.5\nagent: 1,type=isa\n"
           "cores: none\nnet2: virtio\nnet10: virtio\nnet0: virtio\n");
    EXPECT_EQ(config.integer("memory"), 2048);
    EXPECT_TRUE(config.flag("onboot"));
    EXPECT_TRUE(config.flag("agent"));
    EXPECT_TRUE(config.flag("acpi"));
    EXPECT_FALSE(config.flag("protection"));
    EXPECT_EQ(config.number("cpulimit"), 1.5);
    EXPECT_EQ(config.integer("cores"), 1);
    EXPECT_EQ(config.integer("sockets"), 1);
    EXPECT_EQ(config.string_of("bios"), "seabios");
    EXPECT_EQ(config.string_of("name"), "");
    EXPECT_EQ(config.properties("agent")->text("type"), "isa");
    EXPECT_EQ(config.properties("net1"), std::nullopt);
    EXPECT_EQ(config.indexed("net"), (std::vector<std::string>{"net0", "net2", "net10"}));
    EXPECT_EQ(vm("").integer("memory"), 512);
    EXPECT_EQ(vm("cpulimit: 1\n").problems().size(), 0U);
}

TEST(Config, NamesFileLineKeyValueAndWhatIsAllowed) {
    const Config config =
        Config::parse("\n\n\n\n\n\nmemory: lots\n", vm_schema(), "/etc/lodge/qemu-server/101.conf");
    ASSERT_EQ(config.problems().size(), 1U);
    EXPECT_EQ(
        config.words_of(config.problems()[0]),
        "/etc/lodge/qemu-server/101.conf:7: memory: 'lots' is not allowed: a whole number, 16 "
        "or more");
    EXPECT_EQ(config.problems()[0].key, "memory");
}

TEST(Config, DigestIsTheSha1OfTheText) {
    EXPECT_EQ(vm("").digest(), "da39a3ee5e6b4b0d3255bfef95601890afd80709");
    EXPECT_EQ(vm("name: a\n").digest(), vm("name: a\n").digest());
    EXPECT_NE(vm("name: a\n").digest(), vm("name: a").digest());
}

TEST(Config, RefusesWhatALineCannotHold) {
    Config config = vm("name: a\n");
    EXPECT_THROW(config.current.set("name", "a\nonboot: 1"), Error);
    EXPECT_THROW(config.current.set("name", " "), Error);
    EXPECT_THROW(config.current.set("Name", "a"), Error);
    EXPECT_THROW(config.current.set("na me", "a"), Error);
    EXPECT_THROW(config.current.set("name:", "a"), Error);
    EXPECT_THROW(config.current.set("#name", "a"), Error);
    EXPECT_THROW(config.current.add("lxc.idmap", "a\nb"), Error);
    EXPECT_FALSE(config.changed());
    EXPECT_EQ(config.text(), "name: a\n");
}

TEST(Config, SnapshotNamesAreTheFormats) {
    Config config = vm("[one]\n");
    for (const char* name : {"a", "", "1st", "two words", "x]y", "pending", "Current", "ü1"})
        EXPECT_THROW(config.add_snapshot(name), Error) << name;
    EXPECT_THROW(config.add_snapshot("one"), Error);
    EXPECT_THROW(config.remove_snapshot("two"), Error);
    config.add_snapshot("two").set("name", "b");
    EXPECT_EQ(config.snapshot("two")->get("name"), "b");
    EXPECT_EQ(config.text(), "\n[one]\n\n[two]\nname: b\n");
}

TEST(Config, DescriptionIsAKeyToo) {
    Config config = vm("#Hello%3A\n#World\n");
    EXPECT_EQ(config.current.get("description"), "Hello:\nWorld");
    config.current.set("description", "Bye");
    EXPECT_EQ(config.text(), "#Bye\n");
    config.current.erase("description");
    EXPECT_EQ(config.text(), "");
}

TEST(Config, PendingDeletesDropTheForceMark) {
    Config config = vm("[PENDING]\ndelete: cores,!net0\n");
    EXPECT_EQ(config.pending_deletes(), (std::vector<std::string>{"cores", "net0"}));
    config.set_pending_deletes({"net0"});
    EXPECT_EQ(config.text(), "\n[PENDING]\ndelete: !net0\n");
    EXPECT_TRUE(vm("").pending_deletes().empty());
}

std::string long_config() {
    std::string text = "name: big\nmemory: 2048\n";
    for (int snapshot = 0; text.size() < 160000; ++snapshot) {
        text += "\n[snap" + std::to_string(snapshot) + "]\n#Taken%3A by hand\n";
        for (int i = 0; i < 6; ++i)
            text += "scsi" + std::to_string(i) +
                    ": local:101/vm-101-disk-0.qcow2,cache=none,discard=on,iothread=1,size=32G\n";
        text += "net0: virtio=02:11:22:33:44:55,bridge=br0\nmemory: 1024\nname: big\nsnaptime: 1\n";
    }
    return text;
}

TEST(Config, FiveThousandLinesTakeLittleTime) {
    std::string text;
    for (int line = 0; line < 5000; ++line)
        text += "key-" + std::string(1 + line % 50, 'x') + ": v\n";
    std::string headers;
    for (int line = 0; line < 5000; ++line)
        headers += "[snap" + std::to_string(line) + "]\n";
    const std::string huge = "args: " + std::string(5 << 20, 'x') +
                             "\nname: " + std::string(1 << 20, ',') +
                             "\nscsi0: " + std::string(1 << 20, ',') + "\n";
    for (const std::string& one : {text, headers, long_config(), huge}) {
        const auto start = std::chrono::steady_clock::now();
        Config config = vm(one);
        EXPECT_EQ(config.text(), one);
        config.current.set("onboot", "1");
        const std::string after = config.text();
        const std::chrono::duration<double, std::milli> took =
            std::chrono::steady_clock::now() - start;
        // An optimised build takes a tenth; the limit leaves room for sanitizers on a busy machine.
        EXPECT_LT(took.count(), 1000);
        Config again = vm(after);
        again.current.set("cores", "7");
        again.current.erase("cores");
        EXPECT_EQ(again.text(), after);
    }
}

TEST(Config, ManyPartsInOneValueAreOneProblem) {
    std::string value = "scsi0: local:1/a.raw";
    for (int i = 0; i < 20000; ++i)
        value += ",a" + std::to_string(i) + "=1";
    const Config config = vm(value);
    EXPECT_EQ(config.problems().size(), 1U);
}

// Random files out of good and broken lines, random edits: what is written reads back the same.
class Random {
  public:
    explicit Random(unsigned seed) : source_(seed) {}
    size_t below(size_t n) { return source_() % n; }
    std::string pick(const std::vector<std::string>& words) { return words[below(words.size())]; }
    std::string key() {
        return pick({"name", "memory", "cores", "onboot", "net0", "scsi0", "unused0", "zz-new",
                     "parent", "tags", "smp", "sockets", "cdrom", "ide2", "lock", "description"});
    }
    std::string value() {
        return pick({"1", "512", "web", "virtio=02:00:00:00:00:01,tag=9", "local:1/a.raw,size=1G",
                     "lots", "a:b", "x,y,z", "%41%zz", "\xff\x01", "none,media=cdrom", "[x]", "#"});
    }
    std::string raw() { return pick({"lxc.idmap", "lxc.cap.drop", "lxc.odd"}); }
    std::string line() {
        switch (below(9)) {
            case 0:
                return "#" + value();
            case 1:
                return raw() + pick({": ", " = ", "=", ":"}) + value();
            case 2:
                return pick({"", " ", "nothing", "Key: 1", "name:", "\t", "lxc.x", "x y: z"});
            case 3:
                return "[" +
                       pick({"PENDING", "pve:pending", "special:cloudinit", "snap-1", "Snap2",
                             "a b", "", "x"}) +
                       "]" + pick({"", " ", "\r"});
            default:
                return key() + pick({": ", ":", ":  "}) + value() + pick({"", " ", "\r"});
        }
    }

  private:
    std::mt19937 source_;
};

void edit(Section& section, Random& random, bool is_container) {
    switch (random.below(5)) {
        case 0:
            section.erase(random.key());
            break;
        case 1:
            if (is_container) section.add(random.raw(), random.value());
            break;
        case 2:
            section.set_description(random.value() + "\n" + random.value() + "\n");
            break;
        default:
            section.set(random.key(), random.value());
    }
}

void expect_same(const Section& a, const Section& b) {
    EXPECT_EQ(a.description(), b.description());
    auto left = a.entries();
    auto right = b.entries();
    // Keys are sorted when they are written; raw lines keep their order among themselves.
    const auto by_key = [](const auto& x, const auto& y) {
        const auto raw = [](const auto& one) { return one.first.starts_with("lxc."); };
        if (raw(x) || raw(y)) return raw(x) < raw(y);
        return x.first < y.first;
    };
    std::stable_sort(left.begin(), left.end(), by_key);
    std::stable_sort(right.begin(), right.end(), by_key);
    EXPECT_EQ(left, right);
}

bool has_old_name(const Section& section) {
    return section.has("smp") || section.has("cdrom");
}

TEST(Config, WhatIsWrittenReadsBackTheSame) {
    for (unsigned seed = 0; seed < 4000; ++seed) {
        Random random(seed);
        const Schema& schema = seed % 2 == 0 ? vm_schema() : container_schema();
        std::string text;
        for (size_t lines = random.below(30); lines > 0; --lines)
            text += random.line() + "\n";
        if (random.below(4) == 0 && !text.empty()) text.pop_back();
        Config config = Config::parse(text, schema, "x.conf");
        ASSERT_EQ(config.text(), text) << seed;
        for (size_t edits = 1 + random.below(6); edits > 0; --edits) {
            switch (random.below(5)) {
                case 0:
                    edit(config.pending, random, seed % 2 == 1);
                    break;
                case 1:
                    if (config.snapshot("snap-1") == nullptr) config.add_snapshot("snap-1");
                    edit(*config.snapshot("snap-1"), random, seed % 2 == 1);
                    break;
                default:
                    edit(config.current, random, seed % 2 == 1);
            }
        }
        if (!config.changed()) continue;
        const std::string once = config.text();
        Config again = Config::parse(once, schema, "x.conf");
        // A volume that is in use is not listed as unused any more.
        if (const auto unused = again.current.get("unused0"); !unused)
            config.current.erase("unused0");
        // smp and cdrom are other names and are given up when the file is written.
        if (!has_old_name(config.current)) expect_same(config.current, again.current);
        if (!has_old_name(config.pending)) expect_same(config.pending, again.pending);
        ASSERT_EQ(config.snapshots().size(), again.snapshots().size()) << seed;
        again.current.set("x", "1");
        again.current.erase("x");
        ASSERT_EQ(again.text(), once) << "seed " << seed << " of\n" << text;
    }
}

}  // namespace
}  // namespace lodge
