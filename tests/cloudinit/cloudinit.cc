#include "engine/vm/cloudinit.h"

#include <archive.h>
#include <archive_entry.h>
#include <crypt.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>

#include "engine/fd.h"
#include "engine/store.h"
#include "engine/units.h"

namespace lodge {
namespace {

namespace fs = std::filesystem;

std::string read_file(const fs::path& path) {
    std::ifstream in(path);
    return {std::istreambuf_iterator<char>(in), {}};
}

// facts: "hash H", "nameserver IP", "searchdomain D", "snippet PART TEXT".
CloudInitFacts facts_of(const std::string& text) {
    CloudInitFacts facts;
    for (const std::string& line : split(text, '\n')) {
        const auto words = split(line, ' ');
        if (words.size() < 2) continue;
        if (words[0] == "hash") facts.password_hash = words[1];
        if (words[0] == "nameserver") facts.nameservers.push_back(words[1]);
        if (words[0] == "searchdomain") facts.searchdomain = words[1];
        if (words[0] == "snippet")
            facts.snippets[words[1]] = line.substr(9 + words[1].size()) + "\n";
    }
    return facts;
}

std::string print(const CloudInitSeed& seed) {
    std::string text = "label: " + seed.label + "\n";
    for (const auto& [path, content] : seed.files)
        text += "--- " + path + "\n" + content;
    return text;
}

Config config_of(const std::string& text) {
    return Config::parse(text, vm_schema(), "101.conf");
}

// A case is a folder: guest.conf, facts, and the seed expected of them. UPDATE=1 writes the latter.
TEST(CloudInit, SeedsAreAsExpected) {
    for (const auto& entry : fs::directory_iterator(fs::path(TESTS_FOLDER) / "cloudinit/cases")) {
        SCOPED_TRACE(entry.path().filename());
        const Config config = config_of(read_file(entry.path() / "guest.conf"));
        EXPECT_TRUE(config.problems().empty());
        const std::string found =
            print(cloudinit_seed(config, 101, facts_of(read_file(entry.path() / "facts"))));
        if (std::getenv("UPDATE") != nullptr)
            std::ofstream(entry.path() / "expected") << found;
        else
            EXPECT_EQ(read_file(entry.path() / "expected"), found);
    }
}

std::string instance_of(const std::string& config, const CloudInitFacts& facts = {}) {
    return cloudinit_seed(config_of(config), 101, facts).files.at("meta-data");
}

TEST(CloudInit, InstanceChangesWithTheContentOnly) {
    const std::string text = "name: web\nciuser: ann\nnet0: virtio=52:54:00:00:00:01\n";
    EXPECT_EQ(instance_of(text), instance_of(text + "memory: 4096\n"));
    EXPECT_NE(instance_of(text), instance_of(text + "ipconfig0: ip=dhcp\n"));
    EXPECT_NE(instance_of(text), instance_of("name: web\nciuser: bob\n"));
}

TEST(CloudInit, TellsItsVolumes) {
    for (const char* yes :
         {"local:cloudinit", "local:101/vm-101-cloudinit.qcow2", "lvm:vm-101-cloudinit"})
        EXPECT_TRUE(is_cloudinit_volume(yes)) << yes;
    for (const char* no : {"none", "local:101/vm-101-disk-0.qcow2", "local:iso/cloudinit.iso",
                           "local:vm-x-cloudinit", "local:vm--cloudinit", "cloudinit", ""})
        EXPECT_FALSE(is_cloudinit_volume(no)) << no;
    EXPECT_TRUE(wants_cloudinit(config_of("ide2: local:cloudinit,media=cdrom\n")));
    EXPECT_TRUE(wants_cloudinit(config_of("scsi1: lvm:vm-101-cloudinit,media=cdrom,size=4M\n")));
    EXPECT_FALSE(wants_cloudinit(config_of("ide2: none,media=cdrom\nciuser: ann\n")));
}

TEST(CloudInit, HashesPasswords) {
    EXPECT_EQ("$6$salt$hash", cloudinit_password_hash("$6$salt$hash", "101"));
    const std::string hash = cloudinit_password_hash("secret", "101 uuid");
    EXPECT_TRUE(hash.starts_with("$6$"));
    EXPECT_EQ(hash, cloudinit_password_hash("secret", "101 uuid"));
    EXPECT_NE(hash, cloudinit_password_hash("secret", "102 uuid"));
    crypt_data room{};
    EXPECT_EQ(hash, ::crypt_r("secret", hash.c_str(), &room));
    EXPECT_NE(hash, ::crypt_r("Secret", hash.c_str(), &room));
}

std::map<std::string, std::string> read_iso(const std::string& image) {
    std::map<std::string, std::string> files;
    const std::unique_ptr<archive, Owned<archive_read_free>> reader(archive_read_new());
    archive_read_support_format_iso9660(reader.get());
    EXPECT_EQ(ARCHIVE_OK, archive_read_open_memory(reader.get(), image.data(), image.size()));
    archive_entry* entry = nullptr;
    while (archive_read_next_header(reader.get(), &entry) == ARCHIVE_OK) {
        if (archive_entry_filetype(entry) != AE_IFREG) continue;
        std::string content(static_cast<size_t>(archive_entry_size(entry)), '\0');
        archive_read_data(reader.get(), content.data(), content.size());
        files[archive_entry_pathname(entry)] = content;
    }
    return files;
}

TEST(CloudInit, IsoReadsBack) {
    const CloudInitSeed seed = cloudinit_seed(
        config_of("name: web\nciuser: ann\nnet0: virtio=52:54:00:00:00:01\nipconfig0: ip=dhcp\n"),
        101, {});
    const std::string image = iso_image(seed);
    EXPECT_EQ(seed.files, read_iso(image));
    EXPECT_EQ(0U, image.size() % 2048);
    // Sector 16 is the primary volume descriptor, its label at byte 40 (ECMA-119 8.4).
    EXPECT_EQ("CIDATA", std::string(trim(image.substr(16 * 2048 + 40, 32))));
    const CloudInitSeed drive =
        cloudinit_seed(config_of("ostype: win11\ncitype: configdrive2\n"), 101, {});
    EXPECT_EQ(drive.files, read_iso(iso_image(drive)));
}

}  // namespace
}  // namespace lodge
