#include "engine/property.h"

#include <gtest/gtest.h>

#include "engine/error.h"
#include "engine/store.h"

namespace lodge {
namespace {

const Field& vm_field(std::string_view key) {
    return *vm_schema().find(key);
}

TEST(Properties, FindTheBarePartUnderItsKey) {
    const auto disk = Properties::parse(vm_field("scsi0"), "local:7/a.qcow2,size=32G,iothread=1");
    EXPECT_EQ(disk.get("file"), "local:7/a.qcow2");
    EXPECT_EQ(disk.get("size"), "32G");
    EXPECT_TRUE(disk.flag("iothread"));
    EXPECT_TRUE(disk.flag("backup"));
    EXPECT_FALSE(disk.flag("ssd"));
    EXPECT_EQ(disk.text("media"), "disk");
    EXPECT_FALSE(disk.has("media"));
}

TEST(Properties, ResolveAliases) {
    auto net = Properties::parse(vm_field("net0"), "bridge=br0,virtio=02:00:00:00:00:01,tag=5");
    EXPECT_EQ(net.get("model"), "virtio");
    EXPECT_EQ(net.get("macaddr"), "02:00:00:00:00:01");
    EXPECT_EQ(net.integer("tag"), 5);
    EXPECT_EQ(net.print(), "virtio=02:00:00:00:00:01,bridge=br0,tag=5");
    net.set("model", "e1000");
    EXPECT_EQ(net.print(), "e1000=02:00:00:00:00:01,bridge=br0,tag=5");
    net.erase("macaddr");
    EXPECT_EQ(net.print(), "e1000,bridge=br0,tag=5");
}

TEST(Properties, PrintBareThenRequiredThenTheRest) {
    Properties mount(*container_schema().find("mp0"));
    mount.set("size", "8G");
    mount.set("backup", "1");
    mount.set("mp", "/srv");
    mount.set("volume", "local:7/a.raw");
    EXPECT_EQ(mount.print(), "local:7/a.raw,mp=/srv,backup=1,size=8G");
}

TEST(Properties, PrintNamesABareValueThatHasAnEqualsSign) {
    Properties disk(vm_field("scsi0"));
    disk.set("file", "/srv/a=b.raw");
    EXPECT_EQ(disk.print(), "file=/srv/a=b.raw");
    EXPECT_EQ(Properties::parse(vm_field("scsi0"), disk.print()).get("file"), "/srv/a=b.raw");
}

std::string words_of(std::string_view key, std::string_view value) {
    try {
        Properties::parse(vm_field(key), value);
    } catch (const Error& error) {
        EXPECT_EQ(error.exit(), Exit::usage);
        return error.what();
    }
    return {};
}

TEST(Properties, ErrorsNameKeyPartValueAndWhatIsAllowed) {
    EXPECT_EQ(words_of("net0", "virtio,tag=5000"),
              "net: tag '5000' is not allowed: a whole number from 1 to 4094");
    EXPECT_EQ(words_of("vga", "type=std,type=std"), "vga: 'type' stands twice");
    EXPECT_EQ(words_of("vga", "std,cirrus"), "vga: 'type' stands twice");
    EXPECT_EQ(words_of("ipconfig0", "dhcp"),
              "ipconfig: 'dhcp' has no name: it is one of gw, gw6, ip, ip6");
    EXPECT_EQ(words_of("agent", "type=isa"), "agent: enabled is missing: 0 or 1");
    EXPECT_EQ(words_of("agent", "1,type="), "agent: 'type=' is not allowed: name=value");
    EXPECT_EQ(words_of("agent", "1,,type=isa,"), "");
}

TEST(Properties, KeepWhatIsBadOrUnknown) {
    std::vector<std::string> problems;
    auto disk = Properties::parse_lenient(
        vm_field("scsi0"), "local:7/a.raw,cache=maybe,from=mars,ssd=1,ssd=0", problems);
    EXPECT_EQ(problems.size(), 3U);
    EXPECT_EQ(disk.get("cache"), std::nullopt);
    EXPECT_EQ(disk.get("from"), "mars");
    EXPECT_EQ(disk.print(), "local:7/a.raw,from=mars,ssd=1,cache=maybe,ssd=0");
    disk.set("cache", "none");
    disk.erase("ssd");
    EXPECT_EQ(disk.print(), "local:7/a.raw,cache=none,from=mars");
}

TEST(Properties, RefuseWhatAStringCannotHold) {
    Properties disk(vm_field("scsi0"));
    EXPECT_THROW(disk.set("serial", "a,b"), Error);
    EXPECT_THROW(disk.set("serial", "a\nb"), Error);
    EXPECT_THROW(disk.set("serial", ""), Error);
}

TEST(Schema, FindsIndexedKeysInTheirRange) {
    for (const char* key : {"net0", "net31", "ide3", "sata5", "scsi30", "virtio15", "unused255",
                            "serial3", "parallel2", "numa", "numa7", "hostpci15", "usb13",
                            "virtiofs9", "ipconfig31", "efidisk0", "hostfwd31"})
        EXPECT_NE(vm_schema().find(key), nullptr) << key;
    for (const char* key : {"net",
                            "net32",
                            "net00",
                            "net-1",
                            "net1x",
                            "ide4",
                            "sata6",
                            "scsi31",
                            "virtio16",
                            "unused256",
                            "serial4",
                            "parallel3",
                            "numa8",
                            "hostpci16",
                            "usb14",
                            "virtiofs10",
                            "efidisk1",
                            "name0",
                            "",
                            "0",
                            "mp0",
                            "hostname",
                            "net99999999999999999999"})
        EXPECT_EQ(vm_schema().find(key), nullptr) << key;
    EXPECT_EQ(vm_schema().find("numa")->type, ValueType::boolean);
    EXPECT_EQ(vm_schema().find("numa0")->type, ValueType::property);
    for (const char* key : {"net31", "mp255", "unused255", "dev255", "rootfs"})
        EXPECT_NE(container_schema().find(key), nullptr) << key;
    EXPECT_EQ(container_schema().find("mp256"), nullptr);
}

void expect_sound(const Field& field, bool is_part) {
    EXPECT_FALSE(field.help.empty()) << field.key;
    EXPECT_TRUE(field.help.ends_with('.')) << field.key << ": " << field.help;
    EXPECT_FALSE(allowed_words(field).empty()) << field.key;
    if (!field.fallback.empty()) {
        EXPECT_EQ(problem_with(field, field.fallback), "") << field.key;
    }
    if (field.type == ValueType::choice) {
        EXPECT_FALSE(field.choices.empty()) << field.key;
    }
    if (field.type == ValueType::checked) {
        EXPECT_NE(field.check, nullptr) << field.key;
        EXPECT_FALSE(field.allowed.empty()) << field.key;
    }
    EXPECT_EQ(field.type == ValueType::property, !field.parts.empty()) << field.key;
    EXPECT_FALSE(!is_part && (field.bare || field.required)) << field.key;
    int bare = 0;
    for (const Field& part : field.parts) {
        expect_sound(part, true);
        bare += part.bare;
    }
    EXPECT_LE(bare, 1) << field.key;
}

TEST(Schema, EveryFieldSaysWhatItIs) {
    for (const Schema* schema : {&vm_schema(), &container_schema()})
        for (const Field& field : schema->fields)
            if (field.key != "vcpus") expect_sound(field, false);
}

TEST(Schema, RequireAllowedNamesKeyAndForm) {
    const auto words = [](const Schema& schema, std::string_view key, std::string_view value) {
        try {
            require_allowed(schema, key, value);
        } catch (const Error& error) {
            return std::string(error.what());
        }
        return std::string();
    };
    EXPECT_EQ(words(vm_schema(), "memory", "lots"),
              "memory: 'lots' is not allowed: a whole number, 16 or more");
    EXPECT_EQ(words(vm_schema(), "memory", "512"), "");
    EXPECT_EQ(words(vm_schema(), "bios", "x"), "bios: 'x' is not allowed: one of ovmf, seabios");
    EXPECT_EQ(words(vm_schema(), "memroy", "512"),
              "memroy: there is no such key; lodge help keys qemu lists them");
    EXPECT_EQ(words(container_schema(), "lxc.idmap", "u 0 1 2"), "");
    EXPECT_EQ(words(container_schema(), "lxc.rootfs.path", "/"),
              "lxc.rootfs.path: the root file system is given by the key rootfs; this line is not "
              "used");
}

TEST(Schema, MessagesShowNoControlBytesAndNoHugeValues) {
    const std::string words = problem_with(vm_field("bios"), "\x1b[31m" + std::string(100000, 'x'));
    EXPECT_LT(words.size(), 200U);
    EXPECT_EQ(words.find('\x1b'), std::string::npos);
}

}  // namespace
}  // namespace lodge
