#include "engine/adopt.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "engine/error.h"
#include "engine/vm/mapping.h"
#include "tests/support/cases.h"

// Each folder of cases/ is a test: `pve` is a copy of a node's folder, `here` is what this machine
// has (its config folder), `report` what adopting says, every line of it, and which files it would
// write. UPDATE=1 writes report.
namespace lodge {
namespace {

namespace fs = std::filesystem;

MachineFacts facts() {
    MachineFacts facts;
    facts.machines = {"pc", "pc-i440fx-7.2", "pc-i440fx-6.0", "q35", "pc-q35-7.2", "pc-q35-7.1"};
    facts.cpus = 8;
    facts.kvm = true;
    facts.memory = int64_t{16} << 30;
    facts.root = true;
    facts.bridges = {"vmbr0"};
    facts.run_folder = "/run/lodge/guest/1";
    facts.log_folder = "/log";
    facts.swtpm = "/usr/bin/swtpm";
    facts.virtiofsd = "/usr/lib/qemu/virtiofsd";
    return facts;
}

Host host_of(const fs::path& folder) {
    return Host({.sysroot = (folder / "root").string(),
                 .config = (folder / "here").string(),
                 .run = "/run/lodge",
                 .state = (folder / "state").string(),
                 .program_folders = {},
                 .uid = 0,
                 .clock = {},
                 .kernel = {}});
}

class Case : public testing::TestWithParam<std::string> {};

TEST_P(Case, IsReported) {
    const fs::path folder = cases::folder("adopt", GetParam());
    const Host host = host_of(folder);
    const AdoptReport report = examine(host, (folder / "pve").string(), facts(), true);
    std::string text;
    for (const AdoptLine& line : report.lines)
        text += print_line(line) + "\n";
    for (const AdoptFile& file : report.files) {
        EXPECT_TRUE(fs::exists(file.source)) << file.source;
        EXPECT_FALSE(fs::exists(file.target)) << file.target << " would be overwritten";
        text += "copy " + file.source + " " + file.target + "\n";
    }
    // The repository may lie anywhere.
    const std::string top = folder.string();
    for (size_t at = 0; (at = text.find(top, at)) != std::string::npos;)
        text.replace(at, top.size(), "TOP");
    cases::expect_file(folder / "report", text);
}

INSTANTIATE_TEST_SUITE_P(Cases, Case, testing::ValuesIn(cases::names("adopt")), cases::test_name);

TEST(Adopt, RefusesAFolderThatHoldsNothing) {
    std::string name = fs::temp_directory_path() / "lodge-adopt-XXXXXX";
    const fs::path folder = ::mkdtemp(name.data());
    const Host host = host_of(folder);
    EXPECT_THROW(examine(host, folder.string(), facts(), true), Error);
    EXPECT_THROW(examine(host, (folder / "none").string(), facts(), true), Error);
    fs::remove_all(folder);
}

// A name may be any bytes, and a folder may be closed to us.
TEST(Adopt, TakesFoldersWhoseNamesAreNoText) {
    std::string name = fs::temp_directory_path() / "lodge-adopt-XXXXXX";
    const fs::path folder = ::mkdtemp(name.data());
    const Host host = host_of(folder);
    const std::string odd = folder.string() + "/caf\xe9\xff";
    EXPECT_THROW(examine(host, odd, facts(), true), Error);
    fs::create_directories(odd + "/qemu-server");
    std::ofstream(odd + "/qemu-server/100.conf") << "memory: 512\n";
    std::ofstream(odd + "/qemu-server/caf\xe9.conf") << "memory: 512\n";
    EXPECT_FALSE(examine(host, odd, facts(), true).lines.empty());
    EXPECT_THROW(examine(host, folder.string() + "/" + std::string(5000, 'x'), facts(), true),
                 Error);
    fs::remove_all(folder);
}

TEST(Adopt, FindsTheSameGuestsFromEveryPlace) {
    const fs::path folder = cases::folder("adopt", "one-node");
    const Host host = host_of(folder);
    const size_t all = examine(host, (folder / "pve").string(), facts(), true).files.size();
    for (const char* path : {"pve/", "pve/qemu-server", "pve/../pve/lxc/"})
        EXPECT_EQ(examine(host, (folder / path).string(), facts(), true).files.size(), all) << path;
}

TEST(Adopt, ReportForPeopleCountsAndHidesWhatIsFine) {
    const fs::path folder = cases::folder("adopt", "one-node");
    const AdoptReport report = examine(host_of(folder), (folder / "pve").string(), facts(), true);
    const std::string text = print_report(report);
    EXPECT_EQ(text.find("cores: honoured"), std::string::npos);
    EXPECT_NE(text.find("guests; lines: "), std::string::npos) << text;
    const size_t all = static_cast<size_t>(
        report.count(AdoptVerdict::honoured) + report.count(AdoptVerdict::mapped) +
        report.count(AdoptVerdict::kept) + report.count(AdoptVerdict::left));
    EXPECT_EQ(all, report.lines.size());
}

TEST(Mapping, MachinesBecomeOnesThatAreOffered) {
    const std::vector<std::string> offered = facts().machines;
    EXPECT_EQ(stock_machine("", offered), "pc");
    EXPECT_EQ(stock_machine("q35", offered), "q35");
    EXPECT_EQ(stock_machine("pc-q35-7.1", offered), "pc-q35-7.1");
    EXPECT_EQ(stock_machine("pc-q35-7.1+pve2", offered), "pc-q35-7.1");
    EXPECT_EQ(stock_machine("pc-q35-9.0+pve1", offered), "q35");
    EXPECT_EQ(stock_machine("pc-q35-10.0", offered), "q35");
    EXPECT_EQ(stock_machine("pc-q35-2.4", offered), "q35");
    EXPECT_EQ(stock_machine("pc-i440fx-9.2+pve1", offered), "pc");
    EXPECT_EQ(stock_machine("pc-i440fx-6.0.pxe", offered), "pc-i440fx-6.0");
    EXPECT_EQ(stock_machine("pc-1.0", offered), "pc");
    EXPECT_EQ(stock_machine("virt", offered), "virt");
    EXPECT_EQ(stock_machine("pc-q35-9.0+pve1", {}), "pc-q35-9.0");
    std::vector<std::string> notes;
    stock_machine("pc-q35-7.2", offered, notes);
    EXPECT_TRUE(notes.empty());
    stock_machine("pc-q35-9.0+pve1", offered, notes);
    EXPECT_EQ(notes.size(), 2U);
}

TEST(Mapping, CpuLevelsBecomeModelsWithFlags) {
    EXPECT_EQ(stock_cpu("host"), "host");
    EXPECT_EQ(stock_cpu("Haswell"), "Haswell");
    EXPECT_EQ(stock_cpu("x86-64-v2-AES"), stock_cpu("x86-64-v2") + ",+aes");
    EXPECT_TRUE(stock_cpu("x86-64-v3").starts_with(stock_cpu("x86-64-v2-AES") + ","));
    EXPECT_TRUE(stock_cpu("x86-64-v4").starts_with(stock_cpu("x86-64-v3") + ","));
    EXPECT_EQ(stock_cpu("custom-mine"), "kvm64");
    EXPECT_EQ(cpu_level("x86-64-v2"), 2);
    EXPECT_EQ(cpu_level("x86-64-v4"), 4);
    EXPECT_EQ(cpu_level("qemu64"), 0);
}

}  // namespace
}  // namespace lodge
