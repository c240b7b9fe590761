#include "engine/storage/ovf.h"

#include <archive.h>
#include <archive_entry.h>
#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <unistd.h>

#include <array>
#include <fstream>
#include <iterator>

#include "engine/vm/appliance.h"
#include "tests/storage/support.h"

namespace lodge {
namespace {

std::string content_of(const std::string& path) {
    std::ifstream stream(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), {}};
}

std::string description() {
    return content_of(TESTS_FOLDER "/ovf/appliance.ovf");
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
    EXPECT_NE(text.find(from), std::string::npos) << from;
    replace_all(text, from, to);
    return text;
}

std::string sha256(const std::string& bytes) {
    std::array<unsigned char, 32> sum;
    unsigned length = 0;
    EVP_Digest(bytes.data(), bytes.size(), sum.data(), &length, EVP_sha256(), nullptr);
    std::string hex;
    for (const unsigned char byte : sum)
        hex += fmt::format("{:02x}", byte);
    return hex;
}

struct Member {
    std::string name, content;
    std::string link;
};
void write_archive(const std::string& path, const std::vector<Member>& members) {
    archive* writer = archive_write_new();
    archive_write_set_format_pax_restricted(writer);
    ASSERT_EQ(archive_write_open_filename(writer, path.c_str()), ARCHIVE_OK);
    for (const Member& member : members) {
        archive_entry* entry = archive_entry_new();
        archive_entry_set_pathname(entry, member.name.c_str());
        archive_entry_set_perm(entry, 0644);
        archive_entry_set_filetype(entry, member.link.empty() ? AE_IFREG : AE_IFLNK);
        if (!member.link.empty()) archive_entry_set_symlink(entry, member.link.c_str());
        archive_entry_set_size(entry, static_cast<la_int64_t>(member.content.size()));
        ASSERT_EQ(archive_write_header(writer, entry), ARCHIVE_OK);
        archive_write_data(writer, member.content.data(), member.content.size());
        archive_entry_free(entry);
    }
    archive_write_free(writer);
}

TEST(Ovf, ReadsVersionOne) {
    const OvfMachine machine = parse_ovf(description(), "appliance.ovf");
    EXPECT_EQ(machine.name, "My Box (2024)");
    EXPECT_EQ(machine.system, "ubuntu64Guest");
    EXPECT_EQ(machine.cpus, 4);
    EXPECT_EQ(machine.cores_per_socket, 2);
    EXPECT_EQ(machine.memory_mib, 1536);
    EXPECT_TRUE(machine.uefi);
    EXPECT_TRUE(machine.secure_boot);
    EXPECT_EQ(machine.cd_drives, 1);
    ASSERT_EQ(machine.disks.size(), 3u);
    EXPECT_EQ(machine.disks[0].file, "system.vmdk");
    EXPECT_EQ(machine.disks[0].capacity, 3 << 20);
    EXPECT_EQ(machine.disks[0].model, "virtualscsi");
    EXPECT_EQ(machine.disks[1].file, "");
    EXPECT_EQ(machine.disks[1].capacity, 4 << 20);
    EXPECT_EQ(machine.disks[2].file, "data.qcow2");
    ASSERT_EQ(machine.cards.size(), 1u);
    EXPECT_EQ(machine.cards[0].model, "vmxnet3");
    EXPECT_EQ(machine.unmapped, std::vector<std::string>{"'Sound' (type 35)"});
}

TEST(Ovf, ReadsVersionTwo) {
    const OvfMachine machine =
        parse_ovf(content_of(TESTS_FOLDER "/fuzz/corpus/ovf/ovf2"), "two.ovf");
    EXPECT_EQ(machine.name, "one");
    EXPECT_EQ(machine.cpus, 8);  // the configuration that is marked
    EXPECT_EQ(machine.memory_mib, 2048);
    ASSERT_EQ(machine.disks.size(), 1u);
    EXPECT_EQ(machine.disks[0].controller, "sata");
    EXPECT_EQ(machine.disks[0].capacity, 1 << 30);
    ASSERT_EQ(machine.cards.size(), 1u);
    EXPECT_EQ(ostype_of_system(machine.system), "win11");
    EXPECT_EQ(machine.unmapped, (std::vector<std::string>{"other sizes than 'big' to deploy it in",
                                                          "1 more machines beside the first"}));
}

TEST(Ovf, HostileDescriptionsAreRefused) {
    const std::string good = description();
    for (const std::string& bad :
         {std::string("not xml"), std::string("<a/>"), std::string("<Envelope/>"),
          replaced(good, "ovf:href=\"system.vmdk\"", "ovf:href=\"../../etc/shadow\""),
          replaced(good, "ovf:href=\"system.vmdk\"", "ovf:href=\"/etc/shadow\""),
          replaced(good, "ovf:href=\"system.vmdk\"", "ovf:href=\"http://a/b.vmdk\""),
          replaced(good, "ovf:href=\"system.vmdk\"", "ovf:href=\"a.vmdk\" ovf:chunkSize=\"5\""),
          replaced(good, "ovf:fileRef=\"file1\"", "ovf:fileRef=\"nothing\""),
          replaced(good, "ovf:fileRef=\"file1\"", "ovf:fileRef=\"file1\" ovf:parentRef=\"x\""),
          replaced(good, "/disk/vmdisk3", "/dev/sda"),
          replaced(good, "ovf:capacity=\"4\"", "ovf:capacity=\"99999999999999999\"")})
        EXPECT_THROW(parse_ovf(bad, "bad.ovf"), Error) << bad.substr(0, 300);
    // Entities are not expanded, so none can grow or read a file.
    const OvfMachine machine = parse_ovf(
        replaced(replaced(good, "<Envelope",
                          "<!DOCTYPE x [<!ENTITY e SYSTEM \"file:///etc/passwd\">]><Envelope"),
                 "My Box (2024)", "&e;"),
        "entity.ovf");
    EXPECT_EQ(machine.name, "&e;");
}

TEST(Ovf, SystemsAreRecognised) {
    const std::pair<const char*, const char*> cases[] = {{"ubuntu64Guest", "l26"},
                                                         {"Debian_64", "l26"},
                                                         {"windows9_64Guest", "win10"},
                                                         {"Windows11_64", "win11"},
                                                         {"windows2019srv_64Guest", "win10"},
                                                         {"Microsoft Windows 10 (64-bit)", "win10"},
                                                         {"freebsd12_64Guest", "other"},
                                                         {"", "other"},
                                                         {"Windows2008_64", "w2k8"},
                                                         {"solaris11_64Guest", "solaris"}};
    for (const auto& [system, ostype] : cases)
        EXPECT_EQ(ostype_of_system(system), ostype) << system;
}

TEST(Ovf, BecomesAConfiguration) {
    const Appliance appliance = map_appliance(parse_ovf(description(), "x"), "vmbr1");
    std::string text;
    for (const auto& [key, value] : appliance.keys)
        text += key + ": " + value + "\n";
    EXPECT_EQ(text,
              "name: My-Box-2024\nmemory: 1536\nsockets: 2\ncores: 2\nostype: l26\nbios: ovmf\n"
              "machine: q35\nagent: 0\nscsihw: pvscsi\nide2: none,media=cdrom\n"
              "net0: vmxnet3,bridge=vmbr1\n");
    EXPECT_EQ(appliance.disks, (std::vector<std::string>{"scsi0", "scsi1", "sata0"}));
    EXPECT_EQ(appliance.notes,
              (std::vector<std::string>{
                  "the controller lsilogic does not exist here: its disks are SATA disks",
                  "its network 'VM Network' is vmbr1 here", "not taken over: 'Sound' (type 35)"}));
}

TEST(Manifest, TakesKnownLinesOnly) {
    const auto sums = parse_manifest(
        "SHA256(a.vmdk)= 00FF\r\nSHA1 (b.ovf) = 12\nMD5(c)= 1\nSHA256(../d)= 1\nrubbish\n");
    ASSERT_EQ(sums.size(), 2u);
    EXPECT_EQ(sums[0].file, "a.vmdk");
    EXPECT_EQ(sums[0].sum, "00ff");
    EXPECT_EQ(sums[1].algorithm, "SHA1");
}

class OvaTest : public testing::Test {
  protected:
    void SetUp() override {
        const std::string raw = top() + "/raw";
        content_ = std::string(3 << 20, '\0');
        for (size_t i = 0; i < content_.size(); i += 4096)
            content_[i] = static_cast<char>(i >> 12 | 1);
        scratch_.host.write(raw, content_);
        qemu_img({"convert", "-f", "raw", "-O", "vmdk", "-o", "subformat=streamOptimized", raw,
                  top() + "/system.vmdk"});
        qemu_img({"create", "-f", "qcow2", top() + "/data.qcow2", "2M"});
        members_ = {{"box.ovf", description(), ""},
                    {"box.mf", "", ""},
                    {"system.vmdk", content_of(top() + "/system.vmdk"), ""},
                    {"data.qcow2", content_of(top() + "/data.qcow2"), ""}};
        members_[1].content = "SHA256(box.ovf)= " + sha256(members_[0].content) +
                              "\nSHA256(system.vmdk)= " + sha256(members_[2].content) + "\n";
    }
    std::string top() { return scratch_.folder.path(); }
    std::string ova() { return top() + "/box.ova"; }
    const GuestKind& vm() { return *guest_kinds().front(); }
    void run(const Plan& plan) { scratch_.engine.jobs.run_here(scratch_.engine, plan); }
    std::string error() {
        write_archive(ova(), members_);
        return words_of_error([&] { read_ovf_package(ova()); });
    }
    void expect_imported() {
        const Guest guest = load_guest(scratch_.engine, 100);
        const Section& config = guest.config.current;
        EXPECT_EQ(guest.name, "My-Box-2024");
        EXPECT_EQ(config.get("memory"), "1536");
        EXPECT_EQ(config.get("scsi0"), "local:100/vm-100-disk-0.qcow2,discard=on,size=3M");
        EXPECT_EQ(config.get("scsi1"), "local:100/vm-100-disk-1.qcow2,discard=on,size=4M");
        EXPECT_EQ(config.get("sata0"), "local:100/vm-100-disk-2.qcow2,discard=on,size=2M");
        EXPECT_EQ(config.get("boot"), "order=scsi0;net0");
        EXPECT_TRUE(config.get("efidisk0").value_or("").find("pre-enrolled-keys=1") !=
                    std::string::npos);
        EXPECT_TRUE(guest.config.problems().empty());
        qemu_img({"convert", "-f", "qcow2", "-O", "raw",
                  scratch_.engine.storages.info("local:100/vm-100-disk-0.qcow2").path,
                  top() + "/back"});
        EXPECT_EQ(content_of(top() + "/back"), content_);
    }

    ScratchEngine scratch_;
    std::string content_;
    std::vector<Member> members_;
};

TEST_F(OvaTest, BecomesAGuestWithoutBeingUnpacked) {
    if (!scratch_.host.exists("/usr/share/OVMF/OVMF_VARS_4M.ms.fd")) GTEST_SKIP() << "no ovmf";
    write_archive(ova(), members_);
    const Plan plan = vm().create(scratch_.engine, 100, {{"import", ova()}, {"bridge", "none"}});
    EXPECT_EQ(plan.warnings.size(), 3u);
    run(plan);
    expect_imported();
}

TEST_F(OvaTest, LongNamesHaveHeadersOfTheirOwn) {
    const std::string name = std::string(150, 'n') + ".vmdk";
    members_[0].content = replaced(members_[0].content, "system.vmdk", name);
    members_[1].content.clear();
    members_[2].name = name;
    EXPECT_EQ(error(), "");
    const OvfPackage package = read_ovf_package(ova());
    const auto& part = package.part(name);
    EXPECT_EQ(content_of(ova()).substr(static_cast<size_t>(part.offset),
                                       static_cast<size_t>(part.length)),
              members_[2].content);
}

TEST_F(OvaTest, AFolderIsReadTheSame) {
    if (!scratch_.host.exists("/usr/share/OVMF/OVMF_VARS_4M.ms.fd")) GTEST_SKIP() << "no ovmf";
    scratch_.host.write(top() + "/box.ovf", members_[0].content);
    scratch_.host.write(top() + "/box.mf", members_[1].content);
    run(vm().create(scratch_.engine, 100, {{"import", top() + "/box.ovf"}, {"bridge", "none"}}));
    expect_imported();
}

TEST_F(OvaTest, WordsOfThePersonComeFirst) {
    write_archive(ova(), members_);
    run(vm().create(scratch_.engine, 100,
                    {{"import", ova()},
                     {"name", "mine"},
                     {"net", "virtio"},
                     {"values", std::vector<std::string>{"memory=512", "bios=seabios"}}}));
    const Guest guest = load_guest(scratch_.engine, 100);
    EXPECT_EQ(guest.name, "mine");
    EXPECT_EQ(guest.config.current.get("memory"), "512");
    EXPECT_EQ(guest.config.string_of("net0").rfind("virtio=", 0), 0u);
    EXPECT_FALSE(guest.config.current.has("efidisk0"));
}

TEST_F(OvaTest, HostileArchivesAreRefused) {
    const auto good = members_;
    EXPECT_EQ(error(), "");
    members_.push_back({"../../etc/cron.d/x", "x", ""});
    EXPECT_NE(error().find("leads out of it"), std::string::npos);
    members_ = good;
    members_.push_back({"/etc/cron.d/x", "x", ""});
    EXPECT_NE(error().find("leads out of it"), std::string::npos);
    members_ = good;
    members_[2] = {"system.vmdk", "", "/etc/shadow"};
    EXPECT_NE(error().find("no plain file"), std::string::npos);
    members_ = good;
    members_[0].content += " ";
    EXPECT_NE(error().find("damaged"), std::string::npos);
    members_ = {good[1], good[2]};
    EXPECT_NE(error().find("no description"), std::string::npos);
    members_ = {good[0], good[1]};
    EXPECT_NE(error().find("no file 'system.vmdk'"), std::string::npos);
    scratch_.host.write(ova(), "no archive at all");
    EXPECT_NE(words_of_error([&] { read_ovf_package(ova()); }), "");
    // Cut off in the middle of a disk.
    members_ = good;
    write_archive(ova(), members_);
    ASSERT_EQ(::truncate(ova().c_str(), 300000), 0);
    EXPECT_NE(words_of_error([&] { read_ovf_package(ova()); }), "");
}

TEST_F(OvaTest, ADamagedDiskStopsTheImport) {
    members_[2].content[2000000 % members_[2].content.size()] ^= 1;
    write_archive(ova(), members_);
    const Plan plan =
        vm().create(scratch_.engine, 100,
                    {{"import", ova()}, {"values", std::vector<std::string>{"bios=seabios"}}});
    EXPECT_NE(words_of_error([&] { run(plan); }).find("damaged"), std::string::npos);
    EXPECT_FALSE(scratch_.host.exists(scratch_.engine.store.path("qemu-server", 100)));
}

TEST_F(OvaTest, ADiskInItThatLeadsElsewhereIsRefused) {
    members_[1].content.clear();
    members_[2].content =
        "# Disk DescriptorFile\nversion=1\nCID=fffffffe\nparentCID=ffffffff\n"
        "createType=\"monolithicFlat\"\n\nRW 2048 FLAT \"/etc/passwd\" 0\n";
    write_archive(ova(), members_);
    EXPECT_NE(words_of_error([&] {
                  vm().create(scratch_.engine, 100, {{"import", ova()}});
              }).find("names further files"),
              std::string::npos);
    qemu_img({"create", "-f", "qcow2", "-b", "/etc/passwd", "-F", "raw", top() + "/b.qcow2"});
    members_[2].content = content_of(top() + "/b.qcow2");
    write_archive(ova(), members_);
    EXPECT_NE(words_of_error([&] {
                  vm().create(scratch_.engine, 100, {{"import", ova()}});
              }).find("difference to another image"),
              std::string::npos);
    EXPECT_NE(words_of_error([&] {
                  Plan plan;
                  scratch_.engine.storages.get("local").plan_import(plan, 100, ova(), "", "raw");
              }).find("whole guest"),
              std::string::npos);
}

}  // namespace
}  // namespace lodge
